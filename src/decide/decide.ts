// The brain: snapshot and memory in, decision out. Pure and synchronous: no clock, no randomness, no I/O, no log.
// It finds the situation first, then takes the first rule of that situation that matches.

import type { Action } from '../model/decision/action.ts'
import type { Decision, LogLevel } from '../model/decision/decision.ts'
import type { Memory } from '../model/decision/memory.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import {
  fenceMarginMs,
  leadershipEndsAtMs,
  renewalDueAtMs,
  repeatableUntilMs,
  retryAfterMs,
  termOf,
} from '../model/timing.ts'
import type { Millis } from '../model/units.ts'
import { rememberFailover } from './election/failover-interval.ts'
import type { ClusterFacts } from './facts.ts'
import { untilDiskFailedMs } from './failing-disk.ts'
import { untilHungMs } from './hung-server.ts'
import { rememberWatchdog } from './lead/watchdog.ts'
import { untilScheduledMs } from './order-facts.ts'
import { remember } from './remember.ts'
import { newsOfDrain, selfInForce } from './report/drained.ts'
import { reportOutage } from './report/outage.ts'
import type { SituationName } from './situation.ts'
import { judge } from './situations.ts'
import { advancePromisedSlots } from './upkeep/promised-slots.ts'
import { upkeep } from './upkeep/upkeep.ts'

export function decide(looked: Snapshot, before: Memory): Decision {
  const seen = rememberWatchdog(rememberFailover(remember(before, looked), looked), looked)
  const snap = { ...looked, self: selfInForce(looked.self, seen) }
  const { outage, takeover, news: ofOutage } = reportOutage(before, seen, snap)
  const news = [...newsOfDrain(before, seen), ...ofOutage]
  const memory = { ...seen, outage, takeover }
  const { situation, matched } = judge({ snap, memory })
  const { rule, choice, considered, log } = matched
  const actions = choice.actions ?? []
  const next = choice.next ?? (actions.length > 0 ? 'again' : 'settled')
  const chosen = { ...memory, ...choice.remember }
  const routine =
    next === 'settled' && !actions.some(action => action.kind === 'exit')
      ? routineOf(situation, snap, chosen, actions)
      : null
  const level = matched.level ?? levelOfWaiting(situation, snap, memory, actions)
  return {
    rule,
    reason: choice.reason,
    ...(level === null || level === 'info' ? {} : { level }),
    ...(log === null ? {} : { log }),
    ...(news.length === 0 ? {} : { news }),
    considered,
    actions,
    upkeep: routine?.actions ?? [],
    memory: { ...chosen, ...routine?.remember },
    next,
    wakeInMs: Math.max(
      0,
      Math.min(
        choice.wakeInMs ?? Number.POSITIVE_INFINITY,
        untilNextRenewal(snap, routine?.actions ?? []),
        untilScheduledMs({ snap, memory: chosen }) ?? Number.POSITIVE_INFINITY,
        untilHungMs({ snap, memory: chosen }) ?? Number.POSITIVE_INFINITY,
        untilDiskFailedMs({ snap, memory: chosen }) ?? Number.POSITIVE_INFINITY,
      ),
    ),
  }
}

/** An election takes a moment; to do nothing for longer while nobody leads is worth a warning. */
const ELECTION_MS: Millis = 5000

function levelOfWaiting(
  name: SituationName,
  snap: Snapshot,
  { leaderlessSinceMs }: Memory,
  actions: readonly Action[],
): LogLevel | null {
  const waits = actions.length === 0 && (name === 'race' || name === 'down' || name === 'starting')
  return waits && leaderlessSinceMs !== null && snap.nowMs - leaderlessSinceMs >= ELECTION_MS
    ? 'warning'
    : null
}

function routineOf(
  situation: SituationName,
  snap: Snapshot,
  memory: Memory,
  actions: readonly Action[],
): ReturnType<typeof upkeep> {
  const promised = situation === 'blind' || situation === 'race' ? advancePromisedSlots({ snap, memory }) : []
  if (!snap.cluster.known) return { actions: promised, remember: {} }
  const facts: ClusterFacts = { snap, memory, view: snap.cluster.value }
  const routine = upkeep(situation, facts, actions)
  return { ...routine, actions: [...routine.actions, ...promised] }
}

/** A lease is renewed in time whatever else goes on, but a renewal that just failed is not repeated in a tight loop. */
function untilNextRenewal({ lease, settings, nowMs }: Snapshot, routine: readonly Action[]): number {
  if (lease.renewedAtMs === 0) return settings.loopWaitMs
  const renewsNow = routine.some(action => action.kind === 'keep-lease')
  // The lease has ended, and nothing else keeps this node in office: a failed renewal costs nothing more.
  if (renewsNow && Math.max(lease.validUntilMs, leadershipEndsAtMs(lease)) <= nowMs)
    return settings.loopWaitMs
  const dueAtMs = renewsNow ? repeatableUntilMs(lease, settings) : renewalDueAtMs(lease, settings)
  const term = termOf(lease, settings)
  const soonestMs = retryAfterMs(term)
  // By whatever proof this node leads: it looks again before the fencer acts.
  const endsMs = leadershipEndsAtMs(lease) - nowMs
  const untilFencedMs =
    endsMs > 0 ? Math.max(soonestMs, endsMs - fenceMarginMs(term)) : Number.POSITIVE_INFINITY
  return Math.min(settings.loopWaitMs, Math.max(soonestMs, dueAtMs - nowMs), untilFencedMs)
}
