// `edit-config` asks the leader's PostgreSQL about the parameters that change, before anything is stored.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeCluster, openCluster } from './stage/members.ts'
import { openStage, type Stage } from './stage/stage.ts'
import { openTerminal } from './stage/terminal.ts'

let stage: Stage
let cluster: FakeCluster

const row = (name: string, more: object) => ({
  ...{ name, context: 'sighup', vartype: 'integer', unit: null, min_val: null, max_val: null },
  ...{ enumvals: null, setting: null, ...more },
})
const SERVER = new Map(
  [
    row('max_connections', { context: 'postmaster', min_val: '1', max_val: '262143', setting: '100' }),
    row('shared_buffers', { context: 'postmaster', unit: '8kB', min_val: '16', max_val: '1073741823' }),
    row('work_mem', { context: 'user', unit: 'kB', min_val: '64', max_val: '2147483647', setting: '4096' }),
    row('log_min_messages', { vartype: 'enum', enumvals: ['debug5', 'warning', 'error'] }),
    row('fsync', { vartype: 'bool', setting: 'on' }),
  ].map(each => [each.name, each]),
)

beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())
beforeEach(async () => {
  cluster = await openCluster(stage)
  cluster.member('pg0').onLine = async line => {
    const names = /^GET \/parameters\?names=(.*)$/.exec(line)?.[1]?.split(',')
    if (names === undefined) return null
    const parameters = names.flatMap(name => SERVER.get(name) ?? [])
    const missing = names.filter(name => !SERVER.has(name))
    const unknown = missing.map(name => ({ name, similar: name === 'wrk_mem' ? ['work_mem'] : [] }))
    return [200, JSON.stringify({ parameters, unknown })]
  }
})
afterEach(() => cluster.close())

const parameters = async () => JSON.parse(await stage.get('duo/config')).postgresql?.parameters
const edit = (...settings: string[]) => [
  'edit-config',
  'duo',
  '--force',
  ...settings.flatMap(setting => ['-p', setting]),
]

test('what needs a restart and where, what PostgreSQL does not know, what it would refuse', async () => {
  const text = await stage.transcript([
    edit('max_connections=200', 'work_mem=8MB', 'pg_stat_statements.max=100'),
    edit('wrk_mem=4MB', 'work_mem=1kB', 'log_min_messages=loud', 'fsync=perhaps', 'shared_buffers=lots'),
    [...edit('wrk_mem=4MB'), '--force-invalid'],
    edit('max_connections=100', 'wrk_mem=null'),
  ])
  await expect(text).toMatchFileSnapshot('transcripts/edit-config-parameters.txt')
  expect(await parameters()).toEqual({ max_connections: 100, 'pg_stat_statements.max': 100, work_mem: '8MB' })
  const { code, stdout } = await stage.hactl([...edit('shared_buffers=1GB'), '--json'])
  expect([code, JSON.parse(stdout).postgresql]).toEqual([
    0,
    {
      ...{ asked: 'pg0', notAsked: null, problems: [] },
      ...{ needRestart: ['shared_buffers'], restartPendingOn: ['pg0', 'pg1', 'pg2'] },
    },
  ])
})

test('so are the parameters of one role, with the members that have it', async () => {
  const set = (role: string, setting: string) => ['--set', `postgresql.parameters_${role}.${setting}`]
  const refused = await stage.hactl([
    ...edit(),
    ...set('replica', 'wrk_mem=4MB'),
    ...set('primary', 'fsync=x'),
  ])
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringMatching(
      /parameters_primary\.fsync: "x" is neither on nor off[\s\S]*parameters_replica\.wrk_mem: is unknown to PostgreSQL; perhaps work_mem is meant/,
    ),
  ])
  const standbys = await stage.hactl([...edit(), '--json', ...set('replica', 'shared_buffers=1GB')])
  const leader = await stage.hactl([...edit(), '--json', ...set('primary', 'shared_buffers=2GB')])
  expect([standbys, leader].map(({ stdout }) => JSON.parse(stdout).postgresql)).toMatchObject([
    { needRestart: ['shared_buffers'], restartPendingOn: ['pg1', 'pg2'] },
    { needRestart: ['shared_buffers'], restartPendingOn: ['pg0'] },
  ])
  const ignored = await stage.hactl([...edit(), ...set('replica', 'max_connections=100')])
  expect([ignored.code, ignored.stderr]).toEqual([
    0,
    'warning: postgresql.parameters_replica.max_connections: is ignored: it must be the same in every role\n',
  ])
})

test('in the editor what PostgreSQL refuses is edited again, and never lost', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hactl-edit-'))
  const editor = join(folder, 'editor')
  const wrong = 'postgresql: {parameters: {wrk_mem: 4MB}}'
  await writeFile(
    editor,
    `#!/bin/sh\nif grep -q wrk_mem "$1"; then sed -i 's/wrk_mem/work_mem/' "$1"; else echo '${wrong}' >>"$1"; fi\n`,
    { mode: 0o755 },
  )
  const env = { DCS_URL: stage.url, EDITOR: editor }
  const terminal = openTerminal(['edit-config', 'duo'], env)
  await terminal.until('Edit again?')
  expect(terminal.shown()).toContain('error: postgresql.parameters.wrk_mem: is unknown to PostgreSQL')
  terminal.type('\r')
  await terminal.until('Apply these changes?')
  terminal.type('n\r')
  expect(await terminal.end()).toBe(3)
  const givenUp = openTerminal(['edit-config', 'duo'], env)
  await givenUp.until('Edit again?')
  givenUp.type('n\r')
  expect(await givenUp.end()).toBe(3)
  const kept = /Your text is kept in (\S+)/.exec(givenUp.shown())?.[1] ?? ''
  expect(await readFile(kept, 'utf8')).toContain(wrong)
  await Promise.all([folder, dirname(kept)].map(path => rm(path, { recursive: true })))
  expect(await parameters()).toBe(undefined)
})

test('it is said before the question', async () => {
  const terminal = openTerminal(['edit-config', 'duo', '-p', 'max_connections=200'], { DCS_URL: stage.url })
  await terminal.until('Apply these changes?')
  expect(terminal.shown()).toContain('note: max_connections: only a restart brings this into force')
  terminal.type('\r')
  expect(await terminal.end()).toBe(3)
})

test('a leader that says nothing of it, in time, holds no edit up', async () => {
  cluster.member('pg0').onLine = async () => null
  const patroni = await stage.hactl(edit('work_mem=1MB'))
  expect([patroni.code, patroni.stderr]).toEqual([
    0,
    'warning: PostgreSQL was not asked about parameters: the leader pg0 runs Patroni, or an older hactl\n',
  ])
  cluster.member('pg0').hung = true
  const frozen = await stage.hactl(edit('work_mem=2MB'))
  expect(frozen.code).toBe(0)
  expect(frozen.stderr).toMatch(
    /^warning: PostgreSQL was not asked about parameters: pg0 does not answer: .*\n$/,
  )
  await stage.delete('duo/leader')
  const leaderless = await stage.hactl(edit('work_mem=3MB'))
  expect([leaderless.code, leaderless.stderr, await parameters()]).toEqual([
    0,
    'warning: PostgreSQL was not asked about parameters: the cluster has no leader\n',
    { work_mem: '3MB' },
  ])
})

test('what is called as patronictl is warned and stores, as ever', async () => {
  const ran = await stage.hactl(edit('wrk_mem=4MB'), { env: { HACTL_CALLED_AS: 'patronictl' } })
  expect([ran.code, ran.stderr]).toEqual([
    0,
    'warning: postgresql.parameters.wrk_mem: is unknown to PostgreSQL; perhaps work_mem is meant\n',
  ])
})
