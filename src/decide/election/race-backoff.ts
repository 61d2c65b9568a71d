// `primary_race_backoff` (spec/ha.md 3.8.1): while WAL still comes, the primary that lost its lease is alive, and its agent
// may be back in a moment. A standby waits for that, but not for longer than the setting says. Under Patroni a leader whose
// agent hangs goes on without a lease; under hactl its fencer has stopped it before, and nobody waits for long.

import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { Millis } from '../../model/units.ts'
import { type ClusterFacts, server } from '../facts.ts'
import { dueRequest } from '../lead/request-meaning.ts'

/** Where this standby was when it first saw that nobody leads, and when that has moved since. */
export function rememberBackoff(memory: Memory, snap: Snapshot): Memory {
  const seen = server(snap)
  const races = memory.leaderlessSinceMs !== null && snap.settings.primaryRaceBackoffMs > 0
  if (!races) return memory.raceBackoff === null ? memory : { ...memory, raceBackoff: null }
  if (seen === null || !seen.inRecovery) return memory
  const { position } = seen
  const before = memory.raceBackoff
  if (before === null) return { ...memory, raceBackoff: { sinceMs: snap.nowMs, position, movedAtMs: null } }
  if (position <= before.position) return memory
  return { ...memory, raceBackoff: { ...before, position, movedAtMs: snap.nowMs } }
}

interface Backoff {
  readonly leftMs: Millis
  readonly moved: boolean
}

/** null: the race may go on. */
export function raceBackoff(facts: ClusterFacts): Backoff | null {
  const { snap, memory } = facts
  const { primaryRaceBackoffMs, loopWaitMs, paused, standbyCluster } = snap.settings
  const backoff = memory.raceBackoff
  if (backoff === null || paused || standbyCluster || isPlanned(facts)) return null
  const elapsedMs = snap.nowMs - backoff.sinceMs
  const leftMs = primaryRaceBackoffMs - elapsedMs
  if (leftMs <= 0) return null
  const streams = server(snap)?.walReceiver?.status === 'streaming'
  const moved = streams && backoff.movedAtMs !== null && snap.nowMs - backoff.movedAtMs <= loopWaitMs
  // One loop at least: nobody sees in a single look whether WAL still comes.
  if (moved) return { leftMs, moved }
  return elapsedMs < loopWaitMs ? { leftMs: Math.min(leftMs, loopWaitMs - elapsedMs), moved } : null
}

/** An operator named who shall lead, or the leader gave the lease up: its server is down. */
function isPlanned(facts: ClusterFacts): boolean {
  const { lastLeader } = facts.view
  return (dueRequest(facts)?.candidate ?? null) !== null || (lastLeader !== null && lastLeader.value === null)
}
