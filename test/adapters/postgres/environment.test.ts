// What PostgreSQL and its programs inherit from the agent's environment, and what not.

import { afterEach, expect, test } from 'vitest'
import type { PostgresqlConfig } from '../../../src/model/settings/config.ts'
import {
  childEnvironment,
  createPrograms,
  type ProgramOptions,
} from '../../../src/postgres/server/programs.ts'

const before = { ...process.env }

afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  Object.assign(process.env, before)
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

const programs = createPrograms({ binDir: '', binNames: {} } as unknown as PostgresqlConfig, null)

async function localeOf(locale: ProgramOptions['locale'] | 'shell') {
  const options = { timeoutMs: 10_000 }
  const result =
    locale === 'shell'
      ? await programs.shell('env', options)
      : await programs.run('env', [], locale === undefined ? options : { ...options, locale })
  const lines = result.stdout.split('\n').filter(line => /^(LC_|LANG)/.test(line))
  return Object.fromEntries(lines.map(line => line.split('=')))
}

test('what we read is printed in the C locale; what the operator’s own commands and initdb see is the operator’s', async () => {
  for (const name of Object.keys(process.env)) if (/^(LC_|LANG)/.test(name)) delete process.env[name]
  Object.assign(process.env, { LANG: 'de_DE.UTF-8', LC_TIME: 'en_DK.UTF-8' })
  const own = { LANG: 'de_DE.UTF-8', LC_TIME: 'en_DK.UTF-8' }
  expect(await localeOf(undefined)).toMatchObject({ LC_ALL: 'C' })
  expect(await localeOf('operator')).toEqual(own)
  expect(await localeOf('shell')).toEqual(own)
  expect(await localeOf('operator-parsed')).toEqual({ ...own, LC_MESSAGES: 'C' })
  process.env.LC_ALL = 'de_DE.UTF-8'
  expect(await localeOf('operator-parsed')).toMatchObject({ LC_COLLATE: 'de_DE.UTF-8', LC_MESSAGES: 'C' })
  expect(await localeOf('operator-parsed')).not.toHaveProperty('LC_ALL')
})
