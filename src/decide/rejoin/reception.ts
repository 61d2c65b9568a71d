// Does a standby receive what the leader writes? Without a WAL receiver it looks as healthy as an idle one and silently
// falls behind. After a while it reports that and no longer counts as a healthy replica.

import { memberNamed } from '../../model/cluster/cluster.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { WallMillis } from '../../model/units.ts'
import { type ClusterFacts, server } from '../facts.ts'

/**
 * Two attempts by PostgreSQL (wal_retrieve_retry_interval), and two loops in which the agent may change the upstream.
 */
const LIMIT_MIN_MS = 10_000
/** An archive delivers whole WAL files, each after the leader has filled it or archive_timeout has passed. */
const ARCHIVE_LIMIT_MS = 300_000

/** Since when no WAL has arrived from a leader. While nobody leads none can arrive, and the memory stays as it is. */
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
  // Replay that makes progress shows that WAL had been received, or came from an archive.
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

/** These looks are local: etcd is written to only when something is new. */
const LOOK_AGAIN_MS = 500

/** Since when the node has been connecting to the leader's stream. */
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
 * When to look again whether the receiver has connected. After a change of leader it connects within a moment, and
 * nothing else would wake the agent: the member key would show it a loop later. null: it streams, or the time limit has
 * passed.
 */
export function connectingDueInMs({ memory, snap }: ClusterFacts): number | null {
  const { connecting } = memory
  if (connecting === null || server(snap) === null) return null
  return snap.nowMs - connecting.sinceMs < LIMIT_MIN_MS ? LOOK_AGAIN_MS : null
}

/**
 * `receives no WAL …`, for a decision's `reason` and for `list`; null: it receives WAL, or has not for a short time
 * only.
 */
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

/** A text that does not change while the state lasts: it is in the member key. */
export function utc(wallMs: WallMillis): string {
  return `${new Date(wallMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
