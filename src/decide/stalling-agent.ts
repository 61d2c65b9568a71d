// The agent of this node stands still again and again: its machine swaps, is overloaded, or is stopped from outside. Each
// standstill brings its lease closer to the end, and the next may be longer than the lease. Once is chance.

import { NO_STANDSTILLS, type StandstillsView } from '../model/server/vitals.ts'
import { type Facts, seconds } from './facts.ts'

const PIECES_MIN = 3

function standstills({ snap }: Facts): StandstillsView {
  return snap.vitals?.standstills ?? NO_STANDSTILLS
}

/** A clause with the numbers, for a reason; null: it does not, or nobody looks. */
export function stallingAgent(facts: Facts): string | null {
  const { recentTimes, recentMs, longestMs } = standstills(facts)
  const { stalledAgentTimeoutMs, ttlMs } = facts.snap.settings
  if (stalledAgentTimeoutMs === 0 || recentTimes < PIECES_MIN) return null
  if (recentMs < Math.min(stalledAgentTimeoutMs, ttlMs)) return null
  return `the agent stood still ${recentTimes} times in ten minutes, for ${seconds(recentMs)} in all (once for ${seconds(longestMs)})`
}

/** Earlier than that, for people. A sentence whose text does not change from beat to beat. */
export function tellStandstills(facts: Facts): string | null {
  const { recentTimes, recentMs } = standstills(facts)
  const { stalledAgentTimeoutMs, ttlMs } = facts.snap.settings
  const isLong = recentMs >= Math.min(stalledAgentTimeoutMs, ttlMs)
  if (stalledAgentTimeoutMs === 0 || (recentTimes < PIECES_MIN && !isLong)) return null
  return 'the agent stood still again and again, or for long, in the last ten minutes. HINT: Look for swapping, a busy or paused machine'
}
