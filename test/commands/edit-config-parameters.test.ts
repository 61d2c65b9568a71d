// `edit-config` asks the leader's PostgreSQL about the parameters that change, before anything is stored.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeCluster, openCluster } from './members.ts'
import { openStage, type Stage } from './stage.ts'
import { openTerminal } from './terminal.ts'

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
