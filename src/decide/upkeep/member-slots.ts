// Physical slots of the members (spec/ha.md 8.9, spec/postgres.md 5): every node that may become primary keeps one for
// each other member, so that nobody has to be cloned after a failover. Only slots that are known to have belonged
// to a member are ever dropped; what somebody else made is left alone.

import type { Member } from '../../model/cluster/cluster.ts'
import { slotName } from '../../model/cluster/slot-name.ts'
import type { LostMember } from '../../model/command/report.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { ServerView, SlotView } from '../../model/server/postgres.ts'
import type { Lsn, WallMillis } from '../../model/units.ts'
import { hasNostream, replicatesFrom } from '../../wire/tags.ts'
import { type ClusterFacts, type Facts, runsAsPrimary, server } from '../facts.ts'
import {
  backupRuns,
  hasStreamed,
  isNewcomer,
  keptMs,
  newcomersWithPlace,
  placesLeft,
} from './newcomer-slots.ts'

interface SlotUpkeep {
  readonly actions: readonly Action[]
  readonly retainedSlots: Memory['retainedSlots']
}

export function slotUpkeep(facts: ClusterFacts): SlotUpkeep {
  const { snap, memory } = facts
  const seen = server(snap)
  if (seen === null || !snap.settings.useSlots) return { actions: [], retainedSlots: memory.retainedSlots }
  const retainedSlots = retain(facts, seen)
  const wanted = wantedSlots(facts, retainedSlots, seen)
  const existing = new Map(seen.slots.map(slot => [slot.name, slot]))
  const create = [...wanted.keys()].filter(name => !existing.has(name))
  const drop = snap.settings.paused
    ? []
    : seen.slots.filter(slot => mustDrop(slot, wanted, facts)).map(slot => slot.name)
  const advance = seen.inRecovery ? behind(wanted, existing, drop) : []
  const idle = create.length === 0 && drop.length === 0 && advance.length === 0
  return { actions: idle ? [] : [{ kind: 'change-slots', create, drop, advance }], retainedSlots }
}

/** The wanted slots by name, with the position that the owner needs if the leader published it. */
function wantedSlots(
  facts: ClusterFacts,
  retained: Memory['retainedSlots'],
  seen: ServerView,
): Map<string, Lsn | null> {
  const { snap, view } = facts
  const own = slotName(snap.self.name)
  const kept = new Map(retained.filter(entry => isRetained(entry, snap)).map(entry => [entry.slot, entry]))
  const newcomersSlots = new Set(retained.filter(isNewcomer).map(({ slot }) => slot))
  const isNew = (slot: string): boolean => newcomersSlots.has(slot)
  // With a member_slots_ttl of 0 too.
  const now = new Set(retained.filter(entry => entry.lastNeededMs === snap.nowMs).map(({ slot }) => slot))
  const present = view.members.filter(member => {
    const slot = slotName(member.name)
    return slot !== own && (now.has(slot) || kept.has(slot)) && needsSlotHere(member, facts)
  })
  const ofMembers = new Set(present.map(({ name }) => slotName(name)))
  const gone = snap.self.tags.nofailover
    ? []
    : [...kept.keys()].filter(slot => slot !== own && !ofMembers.has(slot))
  const existing = new Set(seen.slots.map(({ name }) => name))
  const wanted = new Set([
    ...[...ofMembers].filter(slot => !isNew(slot)),
    ...gone.filter(slot => existing.has(slot) && !isNew(slot)),
  ])
  const newcomers = present.filter(({ name }) => isNew(slotName(name)))
  const places = placesLeft(seen, retained, wanted)
  const placed = newcomersWithPlace(newcomers, places, seen, retained, snap).map(({ name }) => slotName(name))
  const rest = gone.filter(slot => !wanted.has(slot)).slice(0, Math.max(0, places - placed.length))
  const published = new Map(Object.entries(view.status?.value.slots ?? {}))
  return new Map([...wanted, ...placed, ...rest].map(slot => [slot, published.get(slot) ?? null]))
}

function needsSlotHere(member: Member, { snap }: ClusterFacts): boolean {
  if (hasNostream(member.record.tags)) return false
  if (snap.self.tags.nofailover || snap.settings.memberSlotsTtlMs === 0) {
    return (
      replicatesFrom(member.record.tags) === snap.self.name ||
      !snap.postgres.server.known ||
      !snap.postgres.server.value.inRecovery
    )
  }
  return true
}

/** The slot's member is present, or was less than `member_slots_ttl` ago. */
export function isRetained(entry: Memory['retainedSlots'][number], snap: Snapshot): boolean {
  return snap.nowMs - entry.lastNeededMs < keptMs(entry, snap)
}

/**
 * Member slots with the time when each was last needed. An expired one is remembered until its slot is dropped, which
 * an active reader may delay, and until the status key no longer names it.
 */
function retain({ snap, memory, view }: ClusterFacts, seen: ServerView): Memory['retainedSlots'] {
  const now = { lastNeededMs: snap.nowMs, lastNeededWall: snap.wallMs }
  const { retainSlots = null, newcomerSlots = [] } = view.status?.value ?? {}
  const copies = backupRuns(seen)
  const known = new Map(memory.retainedSlots.map(entry => [entry.slot, entry]))
  for (const slot of retainSlots ?? []) if (!known.has(slot)) known.set(slot, { slot, ...now, member: null })
  for (const slot of newcomerSlots)
    if (!known.has(slot)) known.set(slot, { slot, ...now, member: null, newcomerSinceMs: snap.nowMs })
  const own = slotName(snap.self.name)
  const current = new Set<string>()
  for (const { name, leaseId, record } of view.members) {
    const slot = slotName(name)
    const isProven = slot === own || hasStreamed(slot, seen, view)
    // A key on no lease is nobody's: an agent keeps its own on one.
    const isThere =
      leaseId !== null || slot === own || seen.slots.some(each => each.name === slot && each.active)
    if (hasNostream(record.tags) || !isThere) continue
    current.add(slot)
    const before = known.get(slot)
    const isNew = !isProven && (before === undefined || isNewcomer(before))
    known.set(slot, {
      ...{ slot, ...now, member: name },
      ...(isNew ? { newcomerSinceMs: before?.newcomerSinceMs ?? snap.nowMs } : {}),
    })
  }
  for (const [slot, entry] of known)
    if (copies && isNewcomer(entry)) known.set(slot, { ...entry, ...now, newcomerSinceMs: snap.nowMs })
  const left = new Set([...seen.slots.map(slot => slot.name), ...(retainSlots ?? []), ...newcomerSlots])
  return [...known.values()]
    .filter(entry => current.has(entry.slot) || isRetained(entry, snap) || left.has(entry.slot))
    .sort((a, b) => (a.slot < b.slot ? -1 : 1))
}

const GONE_MAX = 20

/** Members that are gone while their slots are kept, for the leader's member key. */
export function goneMembers({ snap, memory }: Facts): readonly LostMember[] {
  if (!snap.cluster.known || !snap.settings.useSlots) return []
  const there = new Set([snap.self.name, ...snap.cluster.value.members.map(({ name }) => name)].map(slotName))
  const iso = (wallMs: WallMillis): string => `${new Date(wallMs).toISOString().slice(0, 19)}Z`
  return memory.retainedSlots
    .filter(entry => !there.has(entry.slot) && isRetained(entry, snap))
    .slice(0, GONE_MAX)
    .map(({ slot, member, lastNeededWall }) => ({
      slot,
      name: member,
      since: member === null ? null : iso(lastNeededWall),
      slotUntil: iso(lastNeededWall + snap.settings.memberSlotsTtlMs),
    }))
}

function mustDrop(slot: SlotView, wanted: ReadonlyMap<string, Lsn | null>, facts: ClusterFacts): boolean {
  if (slot.kind !== 'physical' || slot.active) return false
  const { memory, view, snap } = facts
  if (wanted.has(slot.name)) {
    // An idle slot with an xmin blocks vacuum, and a lost one is useless: both are created again (8.S3, 8.S5).
    const blocksVacuum = slot.xmin !== null && view.leader !== null && view.leader.name !== snap.self.name
    return slot.walStatus === 'lost' || blocksVacuum
  }
  const own = slot.name === slotName(snap.self.name)
  const expired = memory.retainedSlots.some(entry => entry.slot === slot.name)
  return own ? runsAsPrimary(facts) : expired
}

function behind(
  wanted: ReadonlyMap<string, Lsn | null>,
  existing: ReadonlyMap<string, SlotView>,
  drop: readonly string[],
): { readonly name: string; readonly to: Lsn }[] {
  const advance: { readonly name: string; readonly to: Lsn }[] = []
  for (const [name, to] of wanted) {
    const slot = existing.get(name)
    if (slot === undefined || to === null || slot.active || drop.includes(name)) continue
    if (slot.restartLsn !== null && slot.restartLsn < to) advance.push({ name, to })
  }
  return advance
}
