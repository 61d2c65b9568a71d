// Who could take over: each check of spec/ha.md 3.8.6 and 3.8.7 alone, and their order.

import { expect, test } from 'vitest'
import { type CandidateQuestion, judgeCandidates, rankCandidates } from '../../src/judge/candidates.ts'
import type { JsonObject, Member } from '../../src/model/cluster/cluster.ts'
import type { PeerView } from '../../src/model/cluster/peer.ts'
import { clusterTimeline, withNext } from '../../src/model/cluster/timeline.ts'
import { revision } from '../../src/model/revision.ts'
import { seen, unseen } from '../../src/model/seen.ts'

function member(
  name: string,
  tags: JsonObject = {},
  apiUrl: string | null = `http://${name}/patroni`,
): Member {
  const record = { connUrl: null, apiUrl, state: 'running', role: 'replica', version: null, tags, extra: {} }
  return { name, leaseId: '1', modRevision: revision(1), record }
}

const healthy: PeerView = {
  ...{ state: 'running', role: 'replica', runsAsPrimary: false, position: 1000n, timeline: 2 },
  ...{ nofailover: false, failoverPriority: 1, watchdogFailed: false, offHistory: false, paused: false },
}

function question(
  change: Partial<CandidateQuestion> & { readonly peer?: Partial<PeerView> },
): CandidateQuestion {
  return {
    members: [member('a'), member('b')],
    answers: new Map([['b', seen({ ...healthy, ...change.peer }, 0)]]),
    exclude: ['a'],
    voters: null,
    wal: { kind: 'lag', leaderPosition: 1500n, maximumBytes: 600n },
    clusterTimeline: 2,
    ...change,
  }
}

const only = (change: Parameters<typeof question>[0]) => judgeCandidates(question(change))[0]

test('a healthy standby is good, with its numbers', () => {
  expect(only({})).toEqual({
    ...{ name: 'b', code: 'good', reason: 'at 0/3E8, 500 bytes behind the leader' },
    ...{ position: 1000n, timeline: 2, behindBytes: 500n, failoverPriority: 1 },
  })
})

test.each<[string, string, Parameters<typeof question>[0]]>([
  ['nofailover', 'tagged nofailover', { members: [member('b', { nofailover: true })] }],
  ['nofailover', 'tagged nofailover', { members: [member('b', { failover_priority: '0' })] }],
  ['good', 'at 0/3E8', { members: [member('b', { nofailover: false, failover_priority: 0 })] }],
  ['no-api-url', 'no api_url', { members: [member('b', {}, null)] }],
  ['not-voter', 'not a synchronous standby (c)', { voters: ['c'] }],
  ['good', 'at 0/3E8', { voters: ['B'] }],
  ['unreachable', 'not reachable: not asked', { answers: new Map() }],
  ['unreachable', 'not reachable: timed out', { answers: new Map([['b', unseen('timed out')]]) }],
  ['no-position', 'no WAL position (state starting)', { peer: { position: null, state: 'starting' } }],
  ['nofailover', 'tagged nofailover', { peer: { nofailover: true } }],
  ['watchdog', 'watchdog', { peer: { watchdogFailed: true } }],
  ['timeline-unknown', 'says so itself', { peer: { offHistory: true } }],
  ['not-streaming', 'receives no WAL', { peer: { receivesNothing: true } }],
  ['runs-as-primary', 'runs as a primary', { peer: { runsAsPrimary: true, position: 9000n } }],
  [
    'behind',
    '700 bytes behind the leader, more than maximum_lag_on_failover 600',
    { peer: { position: 800n } },
  ],
  ['good', 'at 0/384, 600 bytes', { peer: { position: 900n } }],
  ['good', 'at 0/3E8', { wal: { kind: 'lag', leaderPosition: null, maximumBytes: 0n } }],
  ['behind', '1 bytes short of 0/3E9', { wal: { kind: 'position', required: 1001n } }],
  ['good', '0 bytes behind what it must have received', { wal: { kind: 'position', required: 1000n } }],
  ['good', 'at 0/1', { wal: { kind: 'none', leaderPosition: 9n }, peer: { position: 1n } }],
  ['timeline-unknown', 'cluster is on timeline 2', { peer: { timeline: null } }],
  ['timeline-behind', "on timeline 1, behind the cluster's timeline 2", { peer: { timeline: 1 } }],
  ['good', 'at 0/3E8', { peer: { timeline: 1 }, clusterTimeline: null }],
])('%s: %s', (code, reason, change) => {
  expect(only(change)).toMatchObject({ name: 'b', code, reason: expect.stringContaining(reason) })
})

test('the first objection in the order of the checks is named', () => {
  const everything = { nofailover: true, watchdogFailed: true, position: 1n, timeline: 1 }
  expect(only({ peer: everything })?.code).toBe('nofailover')
  expect(only({ peer: { ...everything, nofailover: false } })?.code).toBe('watchdog')
  expect(only({ peer: { ...everything, nofailover: false, watchdogFailed: false } })?.code).toBe('behind')
})

test('never the excluded', () => {
  const members = [member('a'), member('b'), member('c')]
  expect(judgeCandidates(question({ members })).map(({ name }) => name)).toEqual(['b', 'c'])
})

test('most WAL wins, then priority, then name', () => {
  const answers = new Map([
    ['b', seen({ ...healthy, position: 1000n, failoverPriority: 1 }, 0)],
    ['c', seen({ ...healthy, position: 1000n, failoverPriority: 5 }, 0)],
    ['d', seen({ ...healthy, position: 1001n }, 0)],
    ['e', seen({ ...healthy, position: 1n }, 0)],
  ])
  const members = ['e', 'd', 'c', 'b'].map(name => member(name))
  const ranked = rankCandidates(judgeCandidates(question({ members, answers })))
  expect(ranked.map(({ name }) => name)).toEqual(['d', 'c', 'b'])
})

test('the timeline that the history key tells', () => {
  expect(clusterTimeline(null)).toBeNull()
  expect(clusterTimeline([])).toBe(1)
  expect(clusterTimeline([{ timeline: 4, lsn: 1n, reason: '' }])).toBe(5)
  const skipped = withNext({ timeline: 4, lsn: 1n, reason: 'no recovery target specified' }, 7)
  expect(skipped.reason).toBe('no recovery target specified (to timeline 7)')
  expect(clusterTimeline([skipped])).toBe(7)
  expect(clusterTimeline([{ ...skipped, reason: 'at restore point "x (to timeline 2)"' }])).toBe(5)
  expect(clusterTimeline([{ ...skipped, reason: 'x (to timeline 4)' }])).toBe(5)
})
