// The `status` key that the leader writes with its renewals (spec/ha.md 1.3, spec/postgres.md 5.10), or null when
// nothing changed: an idle cluster costs etcd no writes.

import type { ClusterStatus } from '../../model/cluster/cluster.ts'
import { slotName } from '../../model/cluster/slot-name.ts'
import type { ServerView } from '../../model/server/postgres.ts'
import type { Lsn, MemberName } from '../../model/units.ts'
import { type Facts, server } from '../facts.ts'
import { isRetained } from './member-slots.ts'
import { hasStreamed, isNewcomer } from './newcomer-slots.ts'

/** The status to write now; null: it has not changed, or this node is not a primary that answers. */
export function buildStatus({ snap, memory }: Facts): ClusterStatus | null {
  const seen = server(snap)
  if (seen === null || seen.inRecovery || !snap.cluster.known) return null
  const view = snap.cluster.value
  const slots = slotPositions(seen, snap.self.name)
  const kept = memory.retainedSlots.filter(entry => isRetained(entry, snap))
  const newcomers = new Set(memory.retainedSlots.filter(isNewcomer).map(({ slot }) => slot))
  for (const { name } of view.members)
    if (hasStreamed(slotName(name), seen, view)) newcomers.delete(slotName(name))
  const memberSlots = new Set([
    ...view.members.filter(({ leaseId }) => leaseId !== null).map(({ name }) => slotName(name)),
    ...kept.map(({ slot }) => slot),
  ])
  for (const slot of newcomers) memberSlots.delete(slot)
  memberSlots.add(slotName(snap.self.name))
  const existing = Object.keys(slots).sort(byText)
  const newcomerSlots = existing.filter(name => newcomers.has(name))
  const status = {
    ...{ optime: seen.position, slots, retainSlots: existing.filter(name => memberSlots.has(name)) },
    ...(newcomerSlots.length === 0 ? {} : { newcomerSlots }),
  }
  const before = view.status?.value ?? null
  return before !== null && sameStatus(before, status) ? null : status
}

/** The slots of this primary, and its own position under the name of the slot that others keep for it. */
export function slotPositions(seen: ServerView, self: MemberName): Readonly<Record<string, Lsn>> {
  // A member may be called `__proto__`.
  const slots: Record<string, Lsn> = Object.create(null)
  for (const slot of seen.slots) {
    const lsn = slot.kind === 'logical' ? slot.confirmedFlushLsn : slot.restartLsn
    if (lsn !== null) slots[slot.name] = lsn
  }
  slots[slotName(self)] = seen.position
  return slots
}

/** The status for releasing the lease: the end of the WAL, and the slots as they were (spec/ha.md 8.B21). */
export function closingStatus({ snap }: Facts, lsn: Lsn | null): ClusterStatus | null {
  if (lsn === null) return null
  const before = snap.cluster.known ? (snap.cluster.value.status?.value ?? null) : null
  return {
    ...{ optime: lsn, slots: before?.slots ?? null, retainSlots: before?.retainSlots ?? null },
    ...(before?.newcomerSlots === undefined ? {} : { newcomerSlots: before.newcomerSlots }),
  }
}

function sameStatus(a: ClusterStatus, b: ClusterStatus): boolean {
  return (
    a.optime === b.optime &&
    sameSlots(a.slots ?? {}, b.slots ?? {}) &&
    (a.retainSlots ?? []).join() === (b.retainSlots ?? []).join() &&
    (a.newcomerSlots ?? []).join() === (b.newcomerSlots ?? []).join()
  )
}

function sameSlots(a: Readonly<Record<string, Lsn>>, b: Readonly<Record<string, Lsn>>): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(name => Object.hasOwn(b, name) && a[name] === b[name])
  )
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}
