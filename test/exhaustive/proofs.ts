// What a node can know of its lease: how much of it is left, and what etcd said of it in this beat. Only combinations
// that the lease guard can show: a refusal ends the leadership, a confirmed renewal makes it full.

import type { ActionKind } from '../../src/model/decision/action.ts'
import type { Outcome } from '../../src/model/decision/outcome.ts'
import type { LeaseView } from '../../src/model/decision/snapshot.ts'
import type { MemberName } from '../../src/model/units.ts'
import { frozen, NOW, OTHER, TTL } from './frozen.ts'

/** Leadership left, for how long the own lease cannot have ended, and what it was made for. */
function lease(leftMs: number | null, validMs = leftMs ?? 25_000, ttlMs = TTL): LeaseView {
  return frozen({
    leaseId: '101',
    ttlMs,
    renewedAtMs: NOW + validMs - ttlMs,
    validUntilMs: NOW + validMs,
    leaderUntilMs: leftMs === null ? 0 : NOW + leftMs,
    membersUntilMs: 0,
  })
}

export const noLease = lease(null)
const ended = lease(null, -1000)
const ending = lease(5000)
const due = lease(15_000)
const fresh = lease(30_000)

/** Somebody has changed `ttl` since: to a longer one, and to a shorter one. */
const shorter = lease(6000, 6000, 8000)
const longer = lease(55_000, 55_000, 60_000)
const shorterNotLeading = lease(null, 6000, 8000)

const done = (action: ActionKind): Outcome => ({ kind: 'done', action })
const unreachable = (action: ActionKind): Outcome => ({
  kind: 'unreachable',
  action,
  why: 'deadline exceeded',
})
const refused = (action: ActionKind, holder: MemberName | null): Outcome => ({
  kind: 'refused',
  action,
  holder,
  why: `held by ${holder ?? 'nobody'}`,
})

/** What is known of the lease: how much is left, and what etcd said of it in this beat. */
export interface Proof {
  readonly lease: LeaseView
  readonly outcomes: readonly Outcome[]
}

export const proofs: readonly Proof[] = frozen([
  { lease: noLease, outcomes: [] },
  { lease: ended, outcomes: [] },
  { lease: ending, outcomes: [] },
  { lease: due, outcomes: [] },
  { lease: fresh, outcomes: [] },
  { lease: fresh, outcomes: [done('renew-lease')] },
  { lease: noLease, outcomes: [refused('renew-lease', OTHER)] },
  { lease: noLease, outcomes: [refused('renew-lease', null)] },
  { lease: ended, outcomes: [refused('renew-lease', null)] },
  { lease: ended, outcomes: [unreachable('renew-lease')] },
  { lease: ending, outcomes: [unreachable('renew-lease')] },
  { lease: due, outcomes: [unreachable('renew-lease')] },
  { lease: ended, outcomes: [refused('adopt-lease', null)] },
  { lease: noLease, outcomes: [refused('adopt-lease', OTHER)] },
  { lease: noLease, outcomes: [unreachable('adopt-lease')] },
  { lease: fresh, outcomes: [done('acquire-lease')] },
  { lease: noLease, outcomes: [refused('acquire-lease', OTHER)] },
  { lease: noLease, outcomes: [unreachable('acquire-lease')] },
  { lease: noLease, outcomes: [refused('renew-lease', null), unreachable('acquire-lease')] },
  { lease: noLease, outcomes: [done('release-lease')] },
  { lease: noLease, outcomes: [unreachable('release-lease')] },
  // The answer took long.
  { lease: ending, outcomes: [done('acquire-lease')] },
  { lease: shorter, outcomes: [] },
  { lease: shorter, outcomes: [unreachable('renew-lease')] },
  { lease: longer, outcomes: [] },
  { lease: longer, outcomes: [{ kind: 'failed', action: 'arm-fencer', why: 'it did not confirm' }] },
  { lease: shorterNotLeading, outcomes: [] },
])
