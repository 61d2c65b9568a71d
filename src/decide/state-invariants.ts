// Conditions on the state itself, before and after each decision: within the memory, and between the memory and the
// snapshot. A violation is a bug in the bookkeeping: no rule has gone wrong yet.

import type { Memory } from '../model/decision/memory.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { isNewer } from '../model/revision.ts'
import { leadershipEndsAtMs } from '../model/timing.ts'
import type { BootMillis } from '../model/units.ts'
import { storeName } from './facts.ts'

/** Sentences about what is wrong; none when all is well. */
export function stateViolations(snap: Snapshot, memory: Memory): readonly string[] {
  const { applied, wanted } = snap.configuration
  return [
    ...leaseAndFencer(snap),
    ...memoryViolations(memory, snap.nowMs),
    ...besideView(snap, memory),
    ...(applied > wanted ? ['a configuration is applied that nobody wanted yet'] : []),
  ]
}

/** Promise 1: no other node can lead before the lease ends, and the fencer stops this server earlier. */
function leaseAndFencer({ lease, fencer, postgres, work, nowMs }: Snapshot): readonly string[] {
  const wrong: string[] = []
  if (lease.leaderUntilMs > lease.validUntilMs) wrong.push('leads for longer than its lease lasts')
  // A fencer that was armed for a lease that has been given up guards nothing.
  if (leadershipEndsAtMs(lease) <= nowMs) return wrong
  const endsMs = Math.max(lease.validUntilMs, lease.membersUntilMs)
  const isCovered = fencer.armedUntilMs === null || fencer.armedUntilMs <= endsMs
  // Where no server runs it guards nothing: every start as primary arms it first.
  const guards = postgres.process.kind !== 'stopped' || work !== null
  if (fencer.alive && guards && !isCovered) wrong.push('the fencer waits for longer than the lease lasts')
  return wrong
}

/** Holds even for a memory into which nothing new has been folded. */
export function memoryViolations(memory: Memory, nowMs: BootMillis): readonly string[] {
  const { handover, undecided, rejoin, agreesWith } = memory
  const wrong: string[] = []
  if (handover !== null && handover.position !== null && handover.stoppedAtMs === null)
    wrong.push('knows where a handover stopped that has not')
  if (memory.joinedAs !== null && !memory.joined) wrong.push('knows under what it joined, and did not')
  if (undecided !== null && (rejoin === 'follow' || agreesWith !== null))
    wrong.push('agrees with a leader and does not know whether it does')
  if (memory.surplus !== null && rejoin === 'follow') wrong.push('has a surplus and follows')
  const future = Object.entries(momentsOf(memory)).filter(([, atMs]) => atMs !== null && atMs > nowMs)
  return [...wrong, ...future.map(([name]) => `${name} is in the future`)]
}

function momentsOf(memory: Memory): Readonly<Record<string, BootMillis | null>> {
  const { silentSinceMs, leaderMovedAtMs, releasedAtMs, leaderlessSinceMs, unfencedSinceMs, blindSinceMs } =
    memory
  return {
    ...{ silentSinceMs, leaderMovedAtMs, releasedAtMs, leaderlessSinceMs, unfencedSinceMs, blindSinceMs },
    handover: memory.handover?.startedAtMs ?? null,
    lastFailure: memory.lastFailure?.atMs ?? null,
    starving: memory.starving?.sinceMs ?? null,
    connecting: memory.connecting?.sinceMs ?? null,
    outage: memory.outage?.sinceMs ?? null,
  }
}

function besideView(snap: Snapshot, memory: Memory): readonly string[] {
  const { cluster } = snap
  if (!cluster.known) return []
  const wrong: string[] = []
  if (memory.blindSinceMs !== null) wrong.push(`sees ${storeName(snap)}, and does not`)
  const { leader, lastLeader } = cluster.value
  if (leader !== null && memory.leaderlessSinceMs !== null) wrong.push('somebody leads, and nobody does')
  if (isNewer(lastLeader?.modRevision ?? null, memory.lastLeaderRevision))
    wrong.push('has forgotten who led last')
  return wrong
}
