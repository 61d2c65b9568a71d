// The lease that a case describes.

import type { LeaseView } from '../../../src/model/decision/snapshot.ts'
import type { Draft } from './draft.ts'
import { membersUntil } from './forms-failsafe.ts'
import { leaseOf } from './forms-world.ts'

export function buildLease(draft: Draft): LeaseView {
  const { nowMs, settings, leaderLeftMs, leaseId, leaseTtlMs, me } = draft
  const membersUntilMs = membersUntil(draft)
  if (leaseId === null)
    return { leaseId: null, ttlMs: 0, renewedAtMs: 0, validUntilMs: 0, leaderUntilMs: 0, membersUntilMs }
  const ttlMs = leaseTtlMs ?? settings.ttlMs
  const validUntilMs = nowMs + (leaderLeftMs ?? ttlMs - 5000)
  return {
    leaseId: leaseId ?? leaseOf(me),
    ttlMs,
    renewedAtMs: validUntilMs - ttlMs,
    validUntilMs,
    leaderUntilMs: leaderLeftMs === null ? 0 : validUntilMs,
    membersUntilMs,
  }
}
