// Called as `patronictl`: commands that read, edit-config, switchover and failover. See beside-patronictl.ts; the commands on members
// are in drop-in-members.test.ts.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type BesidePatronictl, besidePatronictl } from './stage/beside-patronictl.ts'
import { writeDemo, writeNew, writeTwo } from './stage/clusters.ts'
import { type FakeCluster, openCluster } from './stage/members.ts'
import { openStage, type Stage } from './stage/stage.ts'

let stage: Stage
let cluster: FakeCluster
let beside: BesidePatronictl

beforeAll(async () => {
  stage = await openStage()
  beside = await besidePatronictl(stage, 'patronictl-4.1.5.json')
  await Promise.all([writeDemo(stage), writeTwo(stage), writeNew(stage)])
}, 600_000)
afterAll(async () => {
  await stage.stop()
  await beside.end()
})
beforeEach(async () => {
  cluster = await openCluster(stage)
})
afterEach(() => cluster.close())

test.each([
  ['list demo two new -e'],
  ['list demo nowhere -f tsv'],
  ['list nowhere'],
  ['list duo -f yaml'],
  ['list'],
  ['topology demo'],
  ['history demo'],
  ['history nowhere -f json'],
  ['show-config demo'],
  ['show-config nowhere'],
  ['version'],
  ['version duo pg1 pg9'],
  ['version nowhere'],
  ['list --no-such-option'],
])('%s', async line => {
  await beside.bothComeTo(line, async run => [await run(line.split(' '), ''), null])
})

interface Handover {
  readonly line: string
  readonly stdin?: string
  readonly reply?: readonly [number, string]
  readonly config?: object
}

const YES_TO_ALL = '\n\n\ny\n'
/** `reply`: what the leader answers in the place of doing it. */
const HANDOVERS: readonly Handover[] = [
  { line: 'switchover duo --force' },
  { line: 'switchover duo', stdin: 'pg0\npg1\n\ny\n' },
  { line: 'switchover duo --leader pg0 --candidate pg1 --scheduled now', stdin: 'y\n' },
  { line: 'switchover duo', stdin: '\n\n\nwhat\n\n' },
  { line: 'switchover duo', stdin: 'pg1\n' },
  { line: 'switchover duo', stdin: '\npg9\n' },
  { line: 'switchover duo', stdin: '\n' },
  { line: 'switchover duo', stdin: YES_TO_ALL, reply: [412, 'no good candidates have been found'] },
  { line: 'switchover duo --candidate pg1 --force', reply: [503, 'Switchover status unknown'] },
  {
    line: 'switchover duo --candidate pg1 --scheduled 2030-01-01T03:00',
    stdin: '\ny\n',
    reply: [202, 'Switchover scheduled'],
  },
  {
    line: 'switchover duo --scheduled 2020-01-01T03:00 --force',
    reply: [422, 'Cannot schedule switchover in the past'],
  },
  { line: 'switchover duo --scheduled whenever --force' },
  { line: 'switchover duo --scheduled 2030-01-01T03:00 --force', config: { pause: true } },
  { line: 'switchover nowhere --force' },
  { line: 'failover duo --force' },
  { line: 'failover duo --candidate pg0 --force' },
  { line: 'failover duo', stdin: 'pg1\ny\n' },
]

test.each(HANDOVERS)('$line $stdin $reply', async ({ line, stdin = '', reply, config }) => {
  const name = [line, ...(stdin === '' ? [] : [`stdin ${JSON.stringify(stdin)}`]), ...(reply ?? [])].join(
    '; ',
  )
  await beside.bothComeTo(name, async run => {
    await cluster.close()
    cluster = await openCluster(stage)
    if (config !== undefined) await stage.put('duo/config', config)
    const asked: object[] = []
    cluster.member('pg0').onRequest = async (action, { hactl: _, candidate, ...body }) => {
      asked.push({ action, candidate: candidate || null, ...body })
      if (reply !== undefined) return reply
      await cluster.changeLeader('pg0', 'pg1', 'rejoins')
      return [200, `Successfully ${action === 'switchover' ? 'switched' : 'failed'} over to "pg1"`]
    }
    return [await run(line.split(' '), stdin), asked]
  })
})

test.each([
  { line: 'edit-config duo -s ttl=20', stdin: 'y\n' },
  { line: 'edit-config duo -s ttl=20', stdin: 'n\n' },
  { line: 'edit-config duo -s ttl=20 -q', stdin: 'y\n' },
  { line: 'edit-config duo -s ttl=20 -p work_mem=5MB --force', stdin: '' },
  { line: 'edit-config duo -s ttl=30', stdin: '' },
  { line: 'edit-config duo --apply -', stdin: 'ttl: 20\n' },
  { line: 'edit-config duo --apply - --force', stdin: 'ttl: 20\n' },
  { line: 'edit-config nowhere -s ttl=20 --force', stdin: '' },
])('$line $stdin', async ({ line, stdin }) => {
  await beside.bothComeTo(`${line}; stdin ${JSON.stringify(stdin)}`, async run => {
    await stage.put('duo/config', { ttl: 30, loop_wait: 10, maximum_lag_on_failover: 1048576 })
    const ran = await run(line.split(' '), stdin)
    return [ran, JSON.parse(await stage.get('duo/config'))]
  })
})

test('standby clusters are refused in words', async () => {
  const refused = await beside.ours(['demote-cluster', 'duo', '--host', 'db9'], '')
  expect([refused.code, refused.stdout]).toEqual([1, ''])
  expect(refused.stderr).toBe(
    'Error: Demote-cluster refused: this version of hactl has no standby clusters\nHINT: nothing was changed.\n',
  )
})

test('a Citus group is refused in words', async () => {
  const group = await stage.hactl(['list', 'duo', '--group', '0'])
  expect([group.code, group.stdout]).toEqual([2, ''])
  expect(group.stderr).toBe(
    'error: --group: group 0 is one of a Citus cluster, and hactl knows no Citus clusters: leave it out\n' +
      'HINT: see hactl list --help\n',
  )
})
