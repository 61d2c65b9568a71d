// Health checks and probes over a real socket: each row of the tables in spec/interfaces.md 1.4 and 1.5.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { revision } from '../../src/model/revision.ts'
import { unseen } from '../../src/model/seen.ts'
import { clock, REPLICA_SERVER, type Running, SETTINGS, STATUS, startServer } from './node.ts'

let running: Running
beforeAll(async () => {
  running = await startServer()
})
afterAll(() => running.server.stop())

beforeEach(() => {
  const { node } = running
  node.dynamic = SETTINGS
  node.current = { ...STATUS, nextBeatDueMs: clock.bootMs() + 10_000 }
  node.leaseUntilMs = 0
  node.failsafeView = { activeUntilMs: 0, members: null }
  node.showCluster({})
})

async function get(path: string): Promise<number> {
  const response = await fetch(running.base + path)
  await response.text()
  return response.status
}

/** The same verdict by all three methods, and a body only with GET. */
async function verdict(path: string): Promise<number> {
  const [got, headed, options] = await Promise.all(
    ['GET', 'HEAD', 'OPTIONS'].map(async method => {
      const response = await fetch(running.base + path, { method })
      return { status: response.status, body: await response.text() }
    }),
  )
  expect([headed?.status, options?.status]).toEqual([got?.status, got?.status])
  expect([headed?.body, options?.body]).toEqual(['', ''])
  expect(JSON.parse(got?.body ?? '')).toHaveProperty('patroni.name', 'pg1')
  return got?.status ?? 0
}

const sync = { value: { leader: 'pg0', quorum: 0, standbys: ['PG1'] }, modRevision: revision(9) }
const LEADER_PATHS = [
  '/',
  '/primary',
  '/master',
  '/read-write',
  '/leader',
  '//primary',
  '/primary/x',
  '/?x=1',
]
const REPLICA_PATHS = ['/replica', '/async', '/asynchronous', '/xx-replica']
const STANDBY_LEADER_PATHS = ['/standby_leader', '/standby-leader', '/standby-leader/x']
const SYNC_PATHS = ['/sync', '/synchronous']

async function verdicts(paths: readonly string[]): Promise<Record<string, number>> {
  return Object.fromEntries(await Promise.all(paths.map(async path => [path, await verdict(path)])))
}
function all(paths: readonly string[], status: number): Record<string, number> {
  return Object.fromEntries(paths.map(path => [path, status]))
}

describe('health checks', () => {
  it('a leader is primary, leader, read-write, read-only in every form, healthy, and no replica', async () => {
    running.node.primary()
    expect(await verdicts(LEADER_PATHS)).toEqual(all(LEADER_PATHS, 200))
    const readOnly = [
      '/read-only',
      '/read-only-sync',
      '/read-only-synchronous',
      '/read-only-quorum',
      '/health',
      '/xx/health',
    ]
    expect(await verdicts(readOnly)).toEqual(all(readOnly, 200))
    const others = [...REPLICA_PATHS, ...STANDBY_LEADER_PATHS, ...SYNC_PATHS, '/quorum', '/foo', '/patroni2']
    expect(await verdicts(others)).toEqual(all(others, 503))
  })

  it('a replica is replica, async, read-only and healthy, and nothing of a leader', async () => {
    running.node.replica()
    expect(await verdicts([...REPLICA_PATHS, '/read-only', '/health'])).toEqual(
      all([...REPLICA_PATHS, '/read-only', '/health'], 200),
    )
    const others = [
      ...LEADER_PATHS,
      ...STANDBY_LEADER_PATHS,
      ...SYNC_PATHS,
      '/quorum',
      '/read-only-sync',
      '/read-only-quorum',
    ]
    expect(await verdicts(others)).toEqual(all(others, 503))
  })

  it('a synchronous standby, its name in another case, is sync and not async', async () => {
    running.node.replica().showCluster({ sync })
    running.node.dynamic = { ...SETTINGS, synchronousMode: 'on' }
    expect(await verdicts([...SYNC_PATHS, '/read-only-sync', '/read-only-synchronous'])).toEqual(
      all([...SYNC_PATHS, '/read-only-sync', '/read-only-synchronous'], 200),
    )
    expect(await verdicts(['/async', '/asynchronous', '/quorum', '/read-only-quorum'])).toEqual(
      all(['/async', '/asynchronous', '/quorum', '/read-only-quorum'], 503),
    )
  })

  it('a quorum standby is quorum and neither sync nor async', async () => {
    running.node.replica().showCluster({ sync })
    running.node.dynamic = { ...SETTINGS, synchronousMode: 'quorum' }
    expect(await verdicts(['/quorum', '/read-only-quorum'])).toEqual(
      all(['/quorum', '/read-only-quorum'], 200),
    )
    expect(await verdicts([...SYNC_PATHS, '/async', '/read-only-sync'])).toEqual(
      all([...SYNC_PATHS, '/async', '/read-only-sync'], 503),
    )
  })

  it('whoever is not in /sync is async, and a tag or a lag takes a synchronous standby out', async () => {
    const other = { value: { leader: 'pg0', quorum: 0, standbys: ['pg2'] }, modRevision: revision(9) }
    running.node.replica().showCluster({ sync: other })
    for (const synchronousMode of ['on', 'quorum'] as const) {
      running.node.dynamic = { ...SETTINGS, synchronousMode }
      expect(await verdicts(['/async', '/asynchronous'])).toEqual(all(['/async', '/asynchronous'], 200))
      const no = [...SYNC_PATHS, '/quorum', '/read-only-sync', '/read-only-quorum']
      expect(await verdicts(no)).toEqual(all(no, 503))
    }
    running.node.dynamic = { ...SETTINGS, synchronousMode: 'on' }
    running.node.replica({ replayLsn: 1n }).showCluster({ sync })
    expect(await verdicts(['/sync', '/sync?lag=1kB'])).toEqual({ '/sync': 200, '/sync?lag=1kB': 503 })
    running.node.set({ configuredTags: { zone: 'A' } })
    expect(await verdicts(['/sync?tag_zone=A', '/sync?tag_zone=B', '/synchronous/x'])).toEqual({
      '/sync?tag_zone=A': 200,
      '/sync?tag_zone=B': 503,
      '/synchronous/x': 503,
    })
    running.node.set({ noloadbalance: true })
    expect(await verdicts(['/sync', '/read-only-sync'])).toEqual({ '/sync': 503, '/read-only-sync': 503 })
  })

  it('in a standby cluster nobody is synchronous', async () => {
    running.node.replica().showCluster({ sync })
    running.node.dynamic = { ...SETTINGS, synchronousMode: 'off', standbyCluster: true }
    expect(await verdicts(['/sync', '/quorum', '/async'])).toEqual({
      '/sync': 503,
      '/quorum': 503,
      '/async': 200,
    })
  })

  it('a standby leader leads without being primary or replica', async () => {
    running.node.replica().set({ role: 'standby_leader' })
    running.node.leaseUntilMs = clock.bootMs() + 60_000
    running.node.dynamic = { ...SETTINGS, standbyCluster: true }
    const yes = [...STANDBY_LEADER_PATHS, '/leader', '/read-only', '/read-only-sync', '/read-only-quorum']
    expect(await verdicts(yes)).toEqual(all(yes, 200))
    const no = ['/primary', '/', '/replica', '/async']
    expect(await verdicts(no)).toEqual(all(no, 503))
  })

  it('a primary that runs stays one for load balancers when somebody stores a standby_cluster section', async () => {
    running.node.primary()
    running.node.dynamic = { ...SETTINGS, standbyCluster: true }
    const yes = ['/', '/primary', '/read-write', '/leader', '/read-only']
    expect(await verdicts(yes)).toEqual(all(yes, 200))
    expect(await verdicts(STANDBY_LEADER_PATHS)).toEqual(all(STANDBY_LEADER_PATHS, 503))
  })

  it('a lease that has run out ends leadership at that instant, though no beat has noticed', async () => {
    running.node.primary()
    expect(await get('/primary')).toBe(200)
    running.node.leaseUntilMs = clock.bootMs() + 50
    await clock.sleep(70)
    expect(await get('/primary')).toBe(503)
  })

  it('paused and without a view of the cluster the role decides', async () => {
    running.node.primary().set({ paused: true })
    running.node.leaseUntilMs = 0
    running.node.view = unseen('etcd is away')
    expect(await verdicts(['/primary', '/leader'])).toEqual(all(['/primary', '/leader'], 200))
    running.node.set({ paused: false })
    expect(await verdicts(['/primary', '/leader'])).toEqual(all(['/primary', '/leader'], 503))
  })

  it('without a view nobody is sync or async, but a replica stays a replica', async () => {
    running.node.replica()
    running.node.view = unseen('etcd is away')
    expect(await verdicts(['/async', '/sync', '/replica'])).toEqual({
      '/async': 503,
      '/sync': 503,
      '/replica': 200,
    })
  })

  it('noloadbalance, a stopped server and a server that does not answer are no replica', async () => {
    running.node.replica().set({ noloadbalance: true })
    expect(await verdict('/replica')).toBe(503)
    running.node.replica().set({ noloadbalance: false, state: 'starting' })
    expect(await verdict('/replica')).toBe(503)
    running.node.set({ state: 'running', server: unseen('time-out') })
    expect(await verdicts(['/replica', '/health'])).toEqual(all(['/replica', '/health'], 503))
  })

  it("a standby that receives nothing, or that cannot be told to have the leader's data, is no replica however little it lags", async () => {
    running.node.replica().set({ replicaObstacle: 'receives no WAL from leader pg1' })
    const checks = ['/replica', '/replica?lag=1TB', '/read-only', '/asynchronous']
    expect(await verdicts(checks)).toEqual(all(checks, 503))
    expect(await verdict('/health')).toBe(200)
    running.node.set({ replicaObstacle: null })
    expect(await verdicts(checks)).toEqual(all(checks, 200))
  })

  it('lag limits in bytes and units; what is no size is no limit', async () => {
    running.node.replica({ replayLsn: 67381760n - 1024n * 1024n })
    const cases = {
      '/replica?lag=1MB': 200,
      '/replica?lag=1023kB': 503,
      '/replica?lag=1048575': 503,
      '/replica?lag=1048576': 200,
      '/replica?lag=0.5GB': 200,
      '/replica?lag=0x10': 503,
      '/replica?lag=much': 200,
      '/replica?lag=': 200,
      '/replica?lag=&lag=1': 503,
      '/replica?lag=1mb': 200,
      '/async?lag=1kB': 503,
      '/read-only?lag=1kB': 503,
    }
    expect(await verdicts(Object.keys(cases))).toEqual(cases)
  })

  it('the WAL receiver may know more of the leader than etcd', async () => {
    running.node.replica({
      walReceiver: { status: 'streaming', receivedTimeline: 1, latestEndLsn: 99_999_999n },
    })
    expect(await verdict('/replica?lag=1MB')).toBe(503)
    running.node.showCluster({ status: null }).replica({ walReceiver: null, replayLsn: 1n })
    expect(await verdict('/replica?lag=1')).toBe(200)
  })

  it('replication_state must be the one reported', async () => {
    running.node.replica()
    expect(await verdict('/replica?replication_state=streaming')).toBe(200)
    expect(await verdict('/replica?replication_state=in%20archive%20recovery')).toBe(503)
    running.node.replica({ walReceiver: null, restoreCommandSet: true })
    expect(await verdict('/replica?replication_state=in+archive+recovery')).toBe(200)
    running.node.replica({ walReceiver: null })
    expect(await verdict('/replica?replication_state=streaming')).toBe(503)
  })

  it('tags are compared as lower-case text, and only where tags count', async () => {
    running.node.replica().set({ configuredTags: { zone: 'A', ssd: true, weight: 1.4 } })
    const cases = {
      '/replica?tag_zone=A': 200,
      '/replica?tag_zone=a': 503,
      '/replica?tag_ssd=true&tag_weight=1.4': 200,
      '/replica?tag_ssd=True': 503,
      '/replica?tag_none=1': 503,
      '/replica?tag_constructor=x': 503,
      '/health?tag_zone=B': 503,
      '/async?tag_zone=B': 503,
      '/read-only?tag_zone=B': 503,
    }
    expect(await verdicts(Object.keys(cases))).toEqual(cases)
    running.node.primary()
    expect(await verdicts(['/primary?tag_zone=B', '/leader?tag_zone=B'])).toEqual({
      '/primary?tag_zone=B': 200,
      '/leader?tag_zone=B': 200,
    })
  })

  it('HEAD and OPTIONS never reach the endpoints of GET', async () => {
    running.node.primary()
    for (const path of [
      '/liveness',
      '/readiness',
      '/patroni',
      '/metrics',
      '/cluster',
      '/config',
      '/history',
      '/failsafe',
    ]) {
      const response = await fetch(running.base + path, { method: 'HEAD' })
      expect([path, response.status]).toEqual([path, 503])
    }
  })
})

describe('probes', () => {
  it('a beat that hangs: nobody is sent here, by any check that looks at the role, and /liveness has a word for commands', async () => {
    const hangs = { unfit: 'its agent hangs', problem: { id: 'agent-hangs', text: 'the agent hangs' } }
    running.node.primary().set(hangs)
    const paths = [...LEADER_PATHS, '/read-only', '/read-only-sync', '/read-only-quorum']
    expect(await verdicts(paths)).toEqual(all(paths, 503))
    expect(await get('/readiness')).toBe(503)
    const document = await (await fetch(`${running.base}/primary`)).json()
    expect(document).toMatchObject({ hactl: { problem: 'the agent hangs', problem_id: 'agent-hangs' } })
    const live = await fetch(`${running.base}/liveness`)
    expect([live.status, live.headers.get('hactl-outcome')]).toEqual([200, 'agent-hangs'])
    running.node.replica().set(hangs)
    const replica = [...REPLICA_PATHS, '/replica?lag=1GB', '/read-only']
    expect(await verdicts(replica)).toEqual(all(replica, 503))
    running.node.replica().set({ unfit: null, problem: null })
    expect((await fetch(`${running.base}/liveness`)).headers.get('hactl-outcome')).toBe(null)
  })

  it('liveness: ttl on a running primary, twice ttl elsewhere, always while paused', async () => {
    const late = (ms: number) => running.node.set({ nextBeatDueMs: clock.bootMs() - ms })
    running.node.primary()
    late(20_000)
    expect(await get('/liveness')).toBe(200)
    late(31_000)
    expect(await get('/liveness')).toBe(503)
    running.node.replica()
    expect(await get('/liveness')).toBe(200)
    late(61_000)
    expect(await get('/liveness')).toBe(503)
    running.node.set({ paused: true })
    expect(await get('/liveness')).toBe(200)
  })

  it('readiness: the leader, or a streaming replica that is near enough', async () => {
    running.node.primary().set({ state: 'starting' })
    expect(await get('/readiness')).toBe(200)
    running.node.leaseUntilMs = 0
    running.node.replica()
    expect(await get('/readiness')).toBe(200)
    running.node.replica({ replayLsn: 1n })
    expect(await get('/readiness')).toBe(503)
    expect(await get('/readiness?mode=write')).toBe(200)
    expect(await get('/readiness?lag=1GB')).toBe(200)
    expect(await get('/readiness?lag=1MB&mode=apply')).toBe(503)
    running.node.replica({ walReceiver: null })
    expect(await get('/readiness')).toBe(503)
    running.node.set({ state: 'starting' })
    expect(await get('/readiness')).toBe(503)
  })

  it('readiness without a view of the cluster: only if the WAL receiver knows or failsafe mode holds', async () => {
    running.node.view = unseen('etcd is away')
    running.node.replica()
    expect(await get('/readiness')).toBe(200)
    running.node.replica({ walReceiver: { status: 'streaming', receivedTimeline: 1, latestEndLsn: null } })
    expect(await get('/readiness')).toBe(503)
    running.node.failsafeView = { activeUntilMs: clock.bootMs() + 10_000, members: {} }
    expect(await get('/readiness')).toBe(200)
    expect(running.log.all).toContain(
      'DEBUG Readiness check failure: the position of the leader is unknown: no view of the cluster and none from the WAL receiver',
    )
  })

  it('probes have no body', async () => {
    running.node.serve(REPLICA_SERVER)
    const bodies = await Promise.all(['/liveness', '/readiness'].map(path => fetch(running.base + path)))
    expect(await Promise.all(bodies.map(response => response.text()))).toEqual(['', ''])
  })
})
