// Each invariant of the state is shown a state that breaks it: a check that cannot fail is none.

import { expect, test } from 'vitest'
import { stateViolations } from '../../src/decide/state-invariants.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { revision } from '../../src/model/revision.ts'
import { parseFile, questionOf } from './notation/case-file.ts'

const [node] = parseFile(
  'x.txt',
  '# A leader.\nlook as pg1\n  etcd leader pg1, last leader pg1\n  lease 20s left\n----\n',
).map(questionOf)
if (node === undefined) throw new Error('no case')
const { snap, memory } = node
const leader: Memory = { ...memory, lastLeaderRevision: revision(1_000_000) }
const at = { checkpointLsn: 1n, previousLsn: 1n }
const handover = { candidate: null, startedAtMs: 0, requestRevision: revision(1) }

test('nothing is wrong with a leader', () => {
  expect(stateViolations(snap, leader)).toEqual([])
})

const remembered: readonly (readonly [wrong: string, changed: Partial<Memory>])[] = [
  [
    'knows where a handover stopped that has not',
    { handover: { ...handover, position: at, stoppedAtMs: null } },
  ],
  ['knows under what it joined, and did not', { joined: false, joinedAs: '7000000000000000001' }],
  ['has a surplus and follows', { rejoin: 'follow', surplus: { fromLsn: 1n, sizeBytes: 1n } }],
  ['releasedAtMs is in the future', { releasedAtMs: snap.nowMs + 1 }],
  [
    'agrees with a leader and does not know whether it does',
    {
      rejoin: 'follow',
      undecided: { leader: 'pg2', why: 'x', isLasting: false, tries: 1, sinceMs: 0, retryAtMs: 0 },
    },
  ],
  ['somebody leads, and nobody does', { leaderlessSinceMs: 0 }],
  ['sees etcd, and does not', { blindSinceMs: 0 }],
  ['has forgotten who led last', { lastLeaderRevision: revision(-1) }],
]

test.each(remembered)('%s', (wrong, changed) => {
  expect(stateViolations(snap, { ...leader, ...changed })).toEqual([wrong])
})

const seen: readonly (readonly [wrong: string, changed: Partial<Snapshot>])[] = [
  [
    'leads for longer than its lease lasts',
    { lease: { ...snap.lease, leaderUntilMs: snap.lease.validUntilMs + 1 } },
  ],
  [
    'the fencer waits for longer than the lease lasts',
    { fencer: { ...snap.fencer, alive: true, armedUntilMs: snap.lease.validUntilMs + 1 } },
  ],
]

test.each(seen)('%s', (wrong, changed) => {
  expect(stateViolations({ ...snap, ...changed }, leader)).toEqual([wrong])
})
