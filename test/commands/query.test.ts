// `query` and `dsn` against a real PostgreSQL: whom they take, what they print, and that nothing keeps them waiting.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../adapters/etcd/etcd-harness.ts'
import { freePort } from '../adapters/free-port.ts'
import { type Lab, openLab, SUPERUSER_PASSWORD } from '../adapters/postgres/postgres-harness.ts'
import { violations } from './stage/schema.ts'
import { openStage, type RunOptions, type Stage } from './stage/stage.ts'
import { openTerminal } from './stage/terminal.ts'

const LOGIN = { PGUSER: 'admin', PGDATABASE: 'postgres', PGPASSWORD: SUPERUSER_PASSWORD }

let stage: Stage
let lab: Lab
let silent: Server
let directory: string

beforeAll(async () => {
  stage = await openStage()
  lab = await openLab()
  const { upstream } = await lab.primary('a')
  directory = await mkdtemp(join(tmpdir(), 'hactl-query-'))
  silent = createServer(() => {})
  const port = await freePort()
  await new Promise<void>(resolve => silent.listen(port, '127.0.0.1', resolve))
  const ports = { pg0: upstream.port, pg1: 1, pg2: port }
  await stage.put('sql/initialize', '7710955613899059418')
  await stage.put('sql/leader', 'pg0')
  for (const [name, at] of Object.entries(ports))
    await stage.put(`sql/members/${name}`, {
      ...{ conn_url: `postgres://127.0.0.1:${at}/postgres`, api_url: 'http://127.0.0.1:1/patroni' },
      ...{ state: 'running', role: name === 'pg0' ? 'primary' : 'replica', version: '4.1.5' },
    })
})
afterAll(async () => {
  silent.close()
  await Promise.all([stage.stop(), lab.close(), rm(directory, { recursive: true, force: true })])
})

const query = (sql: string, more: readonly string[] = [], options: RunOptions = {}) =>
  stage.hactl(['query', 'sql', '-c', sql, ...more], { ...options, env: { ...LOGIN, ...options.env } })

const SQL = `select 1 as one, true as yes, null as nothing, 'a b' as text, 9007199254740993 as big`

test('dsn says where a member listens', async () => {
  const text = await stage.transcript([
    ['dsn', 'sql', '-m', 'pg1'],
    ['dsn', 'sql', '--role', 'replica'],
    ['dsn', 'sql', '-m', 'pg1', '-r', 'replica'],
    ['dsn', 'sql', '-m', 'pg9'],
    ['dsn', 'nowhere'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/dsn.txt')
  const leader = await stage.hactl(['dsn', 'sql', '--json'])
  expect(JSON.parse(leader.stdout)).toMatchObject({ ok: true, member: 'pg0', host: '127.0.0.1' })
})

test.each([
  ['tsv', [], 'one\tyes\tnothing\ttext\tbig\n1\tTrue\tNone\ta b\t9007199254740993\n'],
  ['tsv', ['--delimiter', ';'], 'one;yes;nothing;text;big\n1;True;None;a b;9007199254740993\n'],
  ['json', [], '[{"one": 1, "yes": true, "nothing": null, "text": "a b", "big": "9007199254740993"}]\n'],
])('the leader answers in the format %s %j', async (format, more, stdout) => {
  expect(await query(SQL, ['--format', format, ...more])).toMatchObject({ code: 0, stdout, stderr: '' })
})

test('from a file, from stdin, without rows, and as typed JSON', async () => {
  const file = join(directory, 'report.sql')
  await writeFile(file, 'create table told (a int); insert into told values (1), (2)')
  const env = LOGIN
  expect(await stage.hactl(['query', 'sql', '-f', file], { env })).toMatchObject({
    code: 0,
    stdout: 'INSERT 0 2\n',
  })
  const piped = await stage.hactl(['query', 'sql', '-f', '-'], { env, stdin: 'select count(*) from told' })
  expect(piped).toMatchObject({ code: 0, stdout: 'count\n2\n' })
  const text = await stage.transcript(
    [
      ['query', 'sql', '-c', 'select a from told order by a'],
      ['query', 'sql', '-c', `${SQL}, a from told order by a`, '--json'],
      ['query', 'sql', '-c', 'delete from told', '--json'],
    ],
    { env },
  )
  await expect(text).toMatchFileSnapshot('transcripts/query.txt')
})

test.each([
  ['dsn', ['dsn', 'sql']],
  ['query', ['query', 'sql', '-c', 'select 1']],
  ['query', ['query', 'sql', '-c', 'begin; commit']],
])('the JSON of %s has the pinned shape: %j', async (name, args) => {
  const ran = await stage.hactl([...args, '--json'], { env: LOGIN })
  const schema = JSON.parse(await readFile(new URL(`schemas/${name}.json`, import.meta.url), 'utf8'))
  expect([ran.code, violations(JSON.parse(ran.stdout), schema)]).toEqual([0, []])
})

test('what goes wrong has its exit code, and nothing hangs', async () => {
  const options = { env: LOGIN, limitMs: 30_000 }
  const text = await stage.transcript(
    [
      ['query', 'sql', '-c', 'select 1/0'],
      ['query', 'sql', '-c', 'select 1', '-d', 'nowhere', '--json'],
      ['query', 'sql', '-c', 'select pg_sleep(60)', '--timeout', '1'],
      ['query', 'sql', '-c', 'select 1', '-r', 'replica', '--timeout', '2'],
      ['query', 'sql', '-c', 'select 1', '-f', 'x'],
      ['query', 'sql'],
      ['query', 'sql', '-f', '/nonexistent/x.sql'],
      ['query', 'sql', '-c', 'select 1', '-m', 'pg9'],
      ['query', 'sql', '-c', 'select 1', '--password'],
    ],
    options,
  )
  await expect(text).toMatchFileSnapshot('transcripts/query-errors.txt')
  const refused = await query('select 1', [], { env: { PGUSER: 'stranger', PGPASSWORD: 'secret' } })
  expect([refused.code, refused.stdout]).toEqual([3, ''])
  expect(refused.stderr).toContain('"stranger" does not exist')
  expect(refused.stderr).not.toContain('secret')
})

test('a long answer comes whole, also through a pipe that holds only a part of it', async () => {
  const ran = await query("select repeat('x', 999) from generate_series(1, 2000)", [])
  expect([ran.code, ran.stdout.length]).toEqual([0, 'repeat\n'.length + 2000 * 1000])
})

test('Ctrl-C cancels the statement in PostgreSQL, and says so', async () => {
  const terminal = openTerminal(['query', 'sql', '-c', 'select pg_sleep(100)'], {
    DCS_URL: stage.url,
    ...LOGIN,
  })
  const others = "from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()"
  await until(
    'the statement runs',
    20_000,
    async () => (await query(`select count(*) ${others}`)).stdout === 'count\n1\n',
  )
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(terminal.shown()).toContain('interrupted: PostgreSQL of pg0 has cancelled the statement')
  expect((await query(`select count(*) ${others} and state = 'active'`)).stdout).toBe('count\n0\n')
})

test('a password is asked for on a terminal, and not shown', async () => {
  const { PGPASSWORD: _, ...login } = LOGIN
  const terminal = openTerminal(['query', 'sql', '-c', 'select 42', '--password'], {
    DCS_URL: stage.url,
    ...login,
  })
  await terminal.until('Password')
  terminal.type(`${SUPERUSER_PASSWORD}\r`)
  expect(await terminal.end()).toBe(0)
  expect(terminal.shown()).toContain('42')
  expect(terminal.shown()).not.toContain(SUPERUSER_PASSWORD)
})

test('called as patronictl an error is a row, and the exit code 0', async () => {
  const env = { HACTL_CALLED_AS: 'patronictl' }
  const ran = await query('select 1/0', [], { env })
  expect([ran.code, ran.stdout.replace(/^\S+ \S+/, 'TIME')]).toEqual([0, 'TIME\tERROR, SQLSTATE: 22012\n'])
})
