// Slots of members that have never streamed, as far as is known. Whoever can write member keys could use up every slot
// and hold back WAL with names that belong to nobody, so a key on no lease gets none, one slot stays free for a base backup,
// and who has never streamed is soon forgotten. The newest of them always gets a place: it is the one that is being copied.

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { slotName } from '../../model/cluster/slot-name.ts'
import type { Memory, RetainedSlot } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { isNewer } from '../../model/revision.ts'
import type { ServerView } from '../../model/server/postgres.ts'
import type { Millis } from '../../model/units.ts'

/** How long the slot of a member that never streamed is kept for nobody: longer than a copy takes to come up. */
const NEWCOMER_MS: Millis = 300_000
/** For a base backup, which needs a slot of its own for as long as it runs. */
const KEPT_FREE = 1

export function isNewcomer({ newcomerSinceMs }: RetainedSlot): boolean {
  return newcomerSinceMs !== undefined
}

/** How long a slot is kept without its member. */
export function keptMs(entry: RetainedSlot, { settings }: Pick<Snapshot, 'settings'>): Millis {
  return isNewcomer(entry) ? Math.min(NEWCOMER_MS, settings.memberSlotsTtlMs) : settings.memberSlotsTtlMs
}

/** Seen here, or by the leader, which names the slots of members that have streamed from it in `status`. */
export function hasStreamed(slot: string, seen: ServerView, view: ClusterView): boolean {
  return (
    seen.slots.some(({ name, active }) => name === slot && active) ||
    seen.replication.some(
      ({ state, applicationName }) => state === 'streaming' && slotName(applicationName) === slot,
    ) ||
    view.status?.value.retainSlots?.includes(slot) === true
  )
}

/** Somebody with the password of replication copies this server: nobody's slot is taken away for being unused so long. */
export function backupRuns(seen: ServerView): boolean {
  return seen.replication.some(({ state }) => state === 'backup')
}

/** Places for slots of newcomers and of members that are gone, beside `wanted` and those that exist for others. */
export function placesLeft(
  seen: ServerView,
  memory: Memory['retainedSlots'],
  wanted: ReadonlySet<string>,
): number {
  const { slotRoom } = seen
  if (slotRoom === undefined) return Number.POSITIVE_INFINITY
  const ofNewcomers = new Set(memory.filter(isNewcomer).map(({ slot }) => slot))
  const others = seen.slots.filter(({ name }) => !ofNewcomers.has(name) && !wanted.has(name)).length
  return Math.max(0, slotRoom.max - slotRoom.temporary - others - wanted.size - KEPT_FREE)
}

function newestFirst(a: Member, b: Member): number {
  if (isNewer(a.modRevision, b.modRevision)) return -1
  return isNewer(b.modRevision, a.modRevision) || a.name > b.name ? 1 : -1
}

/** How many members that have never streamed have no slot here, because there is no room for all of them. */
export function newcomersWithoutSlot(snap: Snapshot, memory: Pick<Memory, 'retainedSlots'>): number {
  const { server } = snap.postgres
  if (!server.known || !snap.cluster.known || !snap.settings.useSlots) return 0
  const holds = new Set(server.value.slots.map(({ name }) => name))
  const waiting = new Set(
    memory.retainedSlots.filter(entry => isNewcomer(entry) && !holds.has(entry.slot)).map(({ slot }) => slot),
  )
  return snap.cluster.value.members.filter(({ name }) => waiting.has(slotName(name))).length
}

/**
 * Of the newcomers that want a slot, those that get one: the newest, then those whose slot is younger than NEWCOMER_MS, then
 * the rest, each by the time of their last change.
 */
export function newcomersWithPlace(
  newcomers: readonly Member[],
  places: number,
  seen: ServerView,
  memory: Memory['retainedSlots'],
  snap: Snapshot,
): readonly Member[] {
  if (newcomers.length <= places) return newcomers
  const since = new Map(memory.map(entry => [entry.slot, entry.newcomerSinceMs ?? snap.nowMs]))
  const holds = new Set(seen.slots.map(({ name }) => name))
  const [newest, ...older] = newcomers.toSorted(newestFirst)
  const isYoung = ({ name }: Member): boolean => {
    const slot = slotName(name)
    return holds.has(slot) && snap.nowMs - (since.get(slot) ?? snap.nowMs) < NEWCOMER_MS
  }
  const inOrder = [newest, ...older.filter(isYoung), ...older.filter(member => !isYoung(member))]
  return inOrder.filter(member => member !== undefined).slice(0, places)
}
