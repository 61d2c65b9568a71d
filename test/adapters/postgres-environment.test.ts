// What PostgreSQL and its programs inherit from the agent's environment, and what not.

import { afterEach, expect, test } from 'vitest'
import { childEnvironment } from '../../src/postgres/programs.ts'

const before = { ...process.env }

afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
})

test('settings of its own memory, its secrets and its socket stay with the agent; everything else is passed on', () => {
  Object.assign(process.env, {
    MALLOC_ARENA_MAX: '1',
    MALLOC_MMAP_THRESHOLD_: '65536',
    MALLOC_TRIM_THRESHOLD_: '131072',
    NOTIFY_SOCKET: '/run/notify',
    PATRONI_SUPERUSER_PASSWORD: 'secret',
    HACTL_FENCER: '/x',
    PGTZ: 'UTC',
  })
  const environment = childEnvironment()
  expect(environment.PGTZ).toBe('UTC')
  const kept = Object.keys(environment).filter(name => /^(MALLOC_|NOTIFY_|PATRONI_|HACTL_)/.test(name))
  expect(kept).toEqual([])
})

test('a password, a server or options for psql in the shell of the agent do not reach the WAL receiver of a standby', () => {
  const names = ['PGPASSWORD', 'PGHOSTADDR', 'PGSERVICE', 'PGOPTIONS', 'PGTARGETSESSIONATTRS']
  for (const name of names) process.env[name] = 'x'
  expect(Object.keys(childEnvironment()).filter(name => names.includes(name))).toEqual([])
})

test('an operator may still limit the malloc arenas of PostgreSQL, as under Patroni', () => {
  process.env.MALLOC_ARENA_MAX = '1'
  process.env.PG_MALLOC_ARENA_MAX = '4'
  expect(childEnvironment().MALLOC_ARENA_MAX).toBe('4')
})
