// Called as `patronictl`: the commands on members, pause and resume, remove, dsn and query: done, refused, declined, wrong
// names, and answers from a pipe. See beside-patronictl.ts.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type BesidePatronictl, besidePatronictl } from './stage/beside-patronictl.ts'
import { type FakeCluster, type FakeMember, openCluster } from './stage/members.ts'
import { copies, restarts, setMore, tellStarts } from './stage/operated-members.ts'
import { openStage, type Stage } from './stage/stage.ts'

let stage: Stage
let cluster: FakeCluster
let beside: BesidePatronictl

beforeAll(async () => {
  stage = await openStage()
  beside = await besidePatronictl(stage, 'patronictl-4.1.5-members.json')
}, 600_000)
afterAll(async () => {
  await stage.stop()
  await beside.end()
})
beforeEach(async () => {
  cluster = await openCluster(stage)
})
afterEach(() => cluster.close())

interface Line {
  readonly line: string
  readonly stdin?: string
  /** What every member answers to what is asked of it, in the place of doing it. */
  readonly reply?: readonly [number, string]
  /** How the cluster is beforehand. */
  readonly given?: 'a scheduled restart' | 'a pending restart' | 'a scheduled switchover' | 'a pause'
}

const FUTURE = '2030-01-01T03:00'

const LINES: readonly Line[] = [
  { line: 'reload duo', stdin: 'y\n' },
  { line: 'reload duo', stdin: 'n\n' },
  { line: 'reload duo', stdin: '' },
  { line: 'reload duo pg1 --force', reply: [200, 'nothing to do'] },
  { line: 'reload duo pg1 --force', reply: [503, 'not now'] },
  { line: 'reload duo pg9 --force' },
  { line: 'reload duo pg1 pg9 --force' },
  { line: 'reload duo --role leader --force' },
  { line: 'reload nowhere' },
  { line: 'reload nowhere --force' },

  { line: 'restart duo pg1', stdin: '\ny\n\n' },
  { line: 'restart duo pg1', stdin: '\nn\n' },
  { line: 'restart duo pg1', stdin: '\ny\n9.6.24\n' },
  { line: 'restart duo pg1 --force' },
  { line: 'restart duo pg1 --force', reply: [503, 'restart failed'] },
  { line: 'restart duo pg1 --force', reply: [503, 'reinitialize already in progress'] },
  { line: 'restart duo pg9 --force' },
  { line: 'restart duo --role replica --force' },
  { line: 'restart duo pg1 --pg-version 9.5.2 --force', reply: [503, 'PostgreSQL version mismatch'] },
  { line: 'restart duo --pending --force' },
  { line: 'restart duo --pending --force', given: 'a pending restart' },
  { line: `restart duo pg1 --scheduled ${FUTURE}`, stdin: 'y\n\n', reply: [202, 'Restart scheduled'] },
  { line: `restart duo pg1 --scheduled ${FUTURE}`, stdin: 'n\n' },
  {
    line: `restart duo pg1 --scheduled ${FUTURE} --pg-version 16.1`,
    stdin: 'y\n',
    reply: [409, 'Another restart is already scheduled'],
  },
  {
    line: `restart duo pg1 --scheduled ${FUTURE} --force`,
    given: 'a scheduled restart',
    reply: [202, 'Restart scheduled'],
  },
  { line: 'restart duo pg1 --scheduled whenever --force' },
  { line: `restart duo pg1 --scheduled ${FUTURE} --force`, given: 'a pause' },
  { line: 'restart nowhere --force' },

  { line: 'flush duo restart', stdin: 'y\n' },
  { line: 'flush duo restart', stdin: 'y\n', given: 'a scheduled restart' },
  { line: 'flush duo restart', stdin: 'n\n', given: 'a scheduled restart' },
  { line: 'flush duo pg1 restart --force', given: 'a scheduled restart' },
  {
    line: 'flush duo pg1 restart --force',
    given: 'a scheduled restart',
    reply: [404, 'no restarts are scheduled'],
  },
  { line: 'flush duo pg9 restart --force' },
  { line: 'flush duo switchover' },
  { line: 'flush duo switchover', given: 'a scheduled switchover' },
  { line: 'flush duo switchover', given: 'a scheduled switchover', reply: [404, 'no failover is scheduled'] },
  { line: 'flush duo pg1 switchover', given: 'a scheduled switchover' },
  { line: 'flush duo everything' },

  { line: 'reinit duo pg1', stdin: 'y\n' },
  { line: 'reinit duo pg1', stdin: 'n\n' },
  { line: 'reinit duo', stdin: 'pg1\ny\n' },
  { line: 'reinit duo', stdin: 'pg9\n' },
  { line: 'reinit duo --force' },
  { line: 'reinit duo pg0 --force' },
  { line: 'reinit duo pg9 --force' },
  { line: 'reinit duo pg1 --force --from-leader' },
  { line: 'reinit duo pg1 --force --wait' },
  { line: 'reinit duo pg1 --force', reply: [503, 'no'] },
  { line: 'reinit duo pg1', stdin: 'y\nn\n', reply: [503, 'reinitialize already in progress'] },
  { line: 'reinit duo pg1', stdin: 'y\ny\n', reply: [503, 'reinitialize already in progress'] },

  { line: 'pause duo' },
  { line: 'pause duo --wait' },
  { line: 'pause duo', given: 'a pause' },
  { line: 'pause nowhere' },
  { line: 'resume duo' },
  { line: 'resume duo', given: 'a pause' },
  { line: 'resume duo --wait', given: 'a pause' },

  { line: 'remove duo', stdin: 'nope\n' },
  { line: 'remove duo', stdin: '' },
  { line: 'remove duo', stdin: 'duo\nyes\n' },
  { line: 'remove duo', stdin: 'duo\nYes I am aware\npg1\n' },
  { line: 'remove duo', stdin: 'duo\nYes I am aware\npg0\n' },

  { line: 'dsn duo' },
  { line: 'dsn duo -r replica' },
  { line: 'dsn duo -r standby-leader' },
  { line: 'dsn duo -m pg2' },
  { line: 'dsn duo -m pg9' },
  { line: 'dsn duo -m pg1 -r leader' },
  { line: 'dsn nowhere' },
  { line: 'query duo' },
  { line: 'query duo -f /dev/null -c x' },
  { line: 'query duo -f /nonexistent' },
  { line: 'query duo -m pg9 -c x' },
  { line: 'query duo -r standby-leader -c x' },
  { line: 'query nowhere -c x' },
]

test.each(LINES)('$line $stdin $given $reply', async ({ line, stdin = '', reply, given }) => {
  const name = [line, JSON.stringify(stdin), ...(given === undefined ? [] : [given]), ...(reply ?? [])].join(
    '; ',
  )
  await beside.bothComeTo(name, async run => {
    await cluster.close()
    cluster = await openCluster(stage)
    await tellStarts(stage, cluster)
    await prepare(given)
    const asked: object[] = []
    for (const member of cluster.members) answerAs(member, reply, asked)
    const ran = await run(line.split(' '), stdin)
    const config = await stage.get('duo/config')
    return [
      ran,
      { asked, config: config === '' ? null : JSON.parse(config), request: await stage.get('duo/failover') },
    ]
  })
})

async function prepare(given: Line['given']): Promise<void> {
  const pg1 = cluster.member('pg1')
  if (given === 'a scheduled restart')
    await setMore(stage, pg1, { scheduled_restart: { schedule: '2030-01-01T02:00:00+00:00' } })
  if (given === 'a pending restart') await setMore(stage, pg1, { pending_restart: true })
  if (given === 'a scheduled switchover')
    await stage.put('duo/failover', {
      leader: 'pg0',
      member: 'pg1',
      scheduled_at: '2030-01-01T02:00:00+00:00',
    })
  if (given === 'a pause') await setPaused(true)
}

/** What agents do: the configuration says it, and soon every member. */
async function setPaused(paused: boolean): Promise<void> {
  const config = { ttl: 30, loop_wait: 10, maximum_lag_on_failover: 1048576 }
  await stage.put('duo/config', paused ? { ...config, pause: true } : config)
  for (const member of cluster.members) {
    const { pause: _, ...more } = member.now.more ?? {}
    member.now = { ...member.now, more: paused ? { ...more, pause: true } : more }
    await stage.put(`duo/members/${member.name}`, member.record(member.now))
  }
}

/** Notes what is asked of the member, in whatever spelling, and does it. */
function answerAs(member: FakeMember, reply: Line['reply'], asked: object[]): void {
  restarts(member)
  const restart = member.onLine
  copies(member, 'streams', 'Patroni')
  const copy = member.onLine
  member.onLine = async (line, body) => {
    if (line.startsWith('GET ') || line.startsWith('OPTIONS ')) return copy(line, body)
    asked.push({ member: member.name, line, body: body === '' ? null : JSON.parse(body) })
    // What is in progress is cancelled by force.
    const forced = body !== '' && JSON.parse(body).force === true
    if (reply !== undefined && !(forced && reply[1].endsWith('in progress'))) return reply
    if (line === 'POST /reload') return [202, 'reload scheduled']
    if (line === 'PATCH /config') {
      await setPaused(JSON.parse(body).pause === true)
      return [200, await stage.get('duo/config')]
    }
    if (line === 'DELETE /switchover') {
      await stage.put('duo/failover', '{}')
      return [200, 'scheduled switchover deleted']
    }
    if (line === 'DELETE /restart') return [200, 'scheduled restart deleted']
    return (await restart(line, body)) ?? copy(line, body)
  }
}

interface Difference {
  readonly why: string
  readonly line: string
  readonly stdin?: string
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** hactl answers otherwise than patronictl, on purpose. */
const ON_PURPOSE: readonly Difference[] = [
  {
    why: 'a leader that refuses is not the end: the next member is asked',
    line: 'pause duo',
    code: 0,
    stdout: 'Success: cluster management is paused\n',
    stderr: '',
  },
  {
    why: 'a misspelt cluster is not removed with success',
    line: 'remove dua',
    stdin: 'dua\nYes I am aware\n',
    code: 1,
    stdout: '',
    stderr: 'Error: Cluster dua does not exist in etcd\nHINT: did you mean duo?\n',
  },
]

test.each(ON_PURPOSE)('$why', async ({ line, stdin = '', code, stdout, stderr }) => {
  answerAs(cluster.member('pg0'), [503, 'no'], [])
  for (const name of ['pg1', 'pg2']) answerAs(cluster.member(name), undefined, [])
  expect(await beside.ours(line.split(' '), stdin)).toEqual({ code, stdout, stderr })
})

test('names that are left out are said on stderr, also where patronictl drops them without a word', async () => {
  for (const member of cluster.members) answerAs(member, undefined, [])
  const { code, stderr } = await beside.ours(['reload', 'duo', 'pg1', 'pg9', '--force'], '')
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'Left out: pg9: no such member, or of another role\n' })
})
