// Does a standby receive what the leader writes? One without a WAL receiver looks as healthy as an idle one, and falls
// behind without a word: after a while it says so and counts as no healthy replica.

import { memberNamed } from '../../model/cluster/cluster.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { WallMillis } from '../../model/units.ts'
import { type ClusterFacts, server } from '../facts.ts'

/** Two attempts of PostgreSQL (wal_retrieve_retry_interval), and two loops of the agent, which may have to change the upstream. */
const LIMIT_MIN_MS = 10_000
/** From an archive WAL comes in files, each when the leader has filled it or archive_timeout has passed. */
const ARCHIVE_LIMIT_MS = 300_000

/** Since when nothing came, while somebody led. While nobody leads nothing can come: what was remembered stays. */
export function rememberReception(memory: Memory, snap: Snapshot): Memory {
  const seen = server(snap)
  if (!snap.cluster.known || (seen === null && snap.postgres.process.kind === 'running')) return memory
  const receives = seen === null || !seen.inRecovery || seen.walReceiver?.status === 'streaming'
  if (receives || snap.self.tags.nostream) return { ...memory, starving: null }
  const { leader } = snap.cluster.value
  if (leader === null) return memory
  const role = memberNamed(snap.cluster.value, leader.name)?.record.role
  if (leader.name === snap.self.name || role !== 'primary') return { ...memory, starving: null }
  const before = memory.starving
  // What the node replays it had received, or an archive gave it.
  const goesOn = before === null || before.leader !== leader.name || before.replayLsn !== seen.replayLsn
  if (!goesOn) return memory
  const starving = {
    leader: leader.name,
    sinceMs: snap.nowMs,
    sinceWall: snap.wallMs,
    replayLsn: seen.replayLsn,
  }
  return { ...memory, starving }
}

/** Local looks only: etcd is written to when there is something new. */
const LOOK_AGAIN_MS = 500

/** Since when the node is on its way to the leader's stream. */
export function rememberConnecting(memory: Memory, snap: Snapshot): Memory {
  const seen = server(snap)
  if (!snap.cluster.known || (seen === null && snap.postgres.process.kind === 'running')) return memory
  const { leader } = snap.cluster.value
  const record = leader === null ? undefined : memberNamed(snap.cluster.value, leader.name)?.record
  const isWriting = record?.role === 'primary'
  const isStandby = seen?.inRecovery === true && !snap.self.tags.nostream
  if (leader === null || leader.name === snap.self.name || !isWriting || !isStandby)
    return { ...memory, connecting: null }
  const isThere = seen.walReceiver?.status === 'streaming' && (seen.timeline ?? 0) >= (record?.timeline ?? 0)
  if (isThere) return { ...memory, connecting: null }
  if (memory.connecting?.leader === leader.name) return memory
  return { ...memory, connecting: { leader: leader.name, sinceMs: snap.nowMs } }
}

/**
 * After a change of leader a receiver connects within a moment, and nothing else wakes the agent then: whoever reads its key
 * would learn of it a loop later. null: it streams, or nobody expects it any more.
 */
export function connectingDueInMs({ memory, snap }: ClusterFacts): number | null {
  const { connecting } = memory
  if (connecting === null || server(snap) === null) return null
  return snap.nowMs - connecting.sinceMs < LIMIT_MIN_MS ? LOOK_AGAIN_MS : null
}

/** `receives no WAL …`, for a reason and for `list`; null: it does, or not for long. */
export function starvation({ memory, snap, view }: ClusterFacts): string | null {
  const { starving } = memory
  const seen = server(snap)
  if (starving === null || seen === null || seen.walReceiver?.status === 'streaming') return null
  const forMs = snap.nowMs - starving.sinceMs
  if (forMs <= Math.max(LIMIT_MIN_MS, 2 * snap.settings.loopWaitMs)) return null
  const optime = view.status?.value.optime ?? null
  const hasAll = optime !== null && (seen.replayLsn ?? 0n) >= optime
  if (seen.restoreCommandSet && (hasAll || forMs <= ARCHIVE_LIMIT_MS)) return null
  return `receives no WAL from leader ${starving.leader} since ${utc(starving.sinceWall)}`
}

/** The same text for as long as it lasts: it stands in the member key. */
export function utc(wallMs: WallMillis): string {
  return `${new Date(wallMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
