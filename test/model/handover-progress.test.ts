// How far a handover has come, by what the store shows.

import { expect, test } from 'vitest'
import { type HandoverProgress, handoverProgress } from '../../src/judge/handover-progress.ts'
import type { ClusterView, FailoverRequest } from '../../src/model/cluster/cluster.ts'
import { revision } from '../../src/model/revision.ts'
import type { MemberName } from '../../src/model/units.ts'
import { leaderKey, member, view } from '../exhaustive/parts.ts'

const note = { id: 'r1', by: 'kim@db1', atMs: 0, untilMs: null, begunBy: null }
const ours: FailoverRequest = { leader: 'pg1', candidate: 'pg2', scheduledAt: null, note }
const begun = { ...ours, note: { ...note, begunBy: 'pg1' } }
const theirs = { ...ours, note: { ...note, id: 'r2' } }
const byPatroni = { leader: 'pg1', candidate: 'pg2', scheduledAt: null }

function shows(leader: MemberName | null, request: FailoverRequest | null, state = 'running'): ClusterView {
  const hactl = { extra: { hactl: { version: '0.1.0' } } }
  const seen = view({
    leader: leader === null ? null : leaderKey(leader),
    failover: request === null ? null : { value: request, modRevision: revision(39) },
    members: [member('pg1', 'primary', state === 'running' ? hactl : { state }), member('pg2', 'replica')],
  })
  if (!seen.known) throw new Error('a view is known')
  return seen.value
}

test.each<[string, ClusterView, MemberName | null, HandoverProgress]>([
  ['it is there, and nobody has begun it', shows('pg1', ours), 'pg1', { is: 'pending' }],
  ['as a member that runs Patroni writes it', shows('pg1', byPatroni), 'pg1', { is: 'pending' }],
  ['the leader has taken it up', shows('pg1', begun), 'pg1', { is: 'begun', by: 'pg1' }],
  [
    'a leader that runs Patroni stops for it',
    shows('pg1', byPatroni, 'stopping'),
    'pg1',
    { is: 'begun', by: 'pg1' },
  ],
  ['begun, and the lease is given up', shows(null, begun), 'pg1', { is: 'begun', by: 'pg1' }],
  ['the leader has gone, and the request too', shows(null, null), 'pg1', { is: 'leaderless' }],
  ['the candidate leads', shows('pg2', null), 'pg1', { is: 'done', by: 'pg2', asAsked: true }],
  [
    'the candidate leads, and has not cleaned up',
    shows('pg2', begun),
    'pg1',
    { is: 'done', by: 'pg2', asAsked: true },
  ],
  ['another member leads', shows('pg3', null), 'pg1', { is: 'done', by: 'pg3', asAsked: false }],
  ['it is gone, and the leader stayed', shows('pg1', null), 'pg1', { is: 'over' }],
  ['another request took its place, and the leader stayed', shows('pg1', theirs), 'pg1', { is: 'over' }],
  ['nobody led before, and it waits', shows(null, ours), null, { is: 'pending' }],
  ['nobody led before, and it was refused', shows(null, null), null, { is: 'over' }],
  [
    'nobody led before, and the candidate does',
    shows('pg2', null),
    null,
    { is: 'done', by: 'pg2', asAsked: true },
  ],
])('%s', (_, now, before, progress) => {
  expect(handoverProgress(ours, before, now)).toEqual(progress)
})
