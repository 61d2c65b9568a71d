// A primary that lost its fencer gets another one, even without etcd: the end of its lease is known. If that does not
// succeed in time, the primary stops.

import type { Millis } from '../../model/units.ts'
import { type Facts, mayLead, outcomeOf, runsAsPrimary, seconds, tried } from '../facts.ts'
import { stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'
import { heldMarginMs, isFenced, UNFENCED_LIMIT_MS, unfencedForMs } from './fencing.ts'
import { lossOf } from './lease-rules.ts'

/** The two situations in which a primary leads with a fencer: in maintenance mode it leads without one. */
type Situation = 'leader' | 'blind'

export function rearmFencer<F extends Facts>(situation: Situation): Rule<F> {
  return rule({
    id: `${situation}.rearm-fencer`,
    why: 'a primary that is new, or that lost its fencer, gets one before anything that may take time, above all etcd',
    match: f => mustBeFenced(f, situation) && mayLead(f.snap) && !isFenced(f) && !tried(f.snap, 'arm-fencer'),
    choose: f => ({
      reason: `the fencer does not guard this primary (${whyUnfenced(f)}); arming it again`,
      actions: [{ kind: 'arm-fencer', marginMs: heldMarginMs(f.snap) }],
      next: 'again',
    }),
  })
}

export function demoteUnfenced<F extends Facts>(situation: Situation): Rule<F> {
  return rule({
    id: `${situation}.unfenced-demote`,
    why: 'a primary that nothing would stop in time must not go on',
    level: 'error',
    match: f => mustBeFenced(f, situation) && unfencedTooLong(f),
    choose: (f, { forMs }) => ({
      reason: `the fencer could not be armed for ${seconds(forMs)} (${whyUnfenced(f)}); stopping PostgreSQL`,
      ...stopToFollow(f, 'fast'),
    }),
  })
}

/** `needs`: a node that needs a fencer, apart from a primary. */
export function armAgain<F extends Facts>(situation: Situation, needs: (facts: F) => boolean): Rule<F> {
  return rule({
    id: `${situation}.unfenced`,
    why: 'the fencer is started again, and nothing is promoted until it is armed',
    level: 'warning',
    match: f => !isFenced(f) && needs(f),
    choose: f => ({
      reason: `the fencer is not armed (${whyUnfenced(f)}); trying again`,
      remember: { unfencedSinceMs: f.memory.unfencedSinceMs ?? f.snap.nowMs },
      wakeInMs: 500,
    }),
  })
}

export function mustBeFenced(facts: Facts, situation: Situation): boolean {
  return runsAsPrimary(facts) && (situation === 'leader' || !facts.snap.settings.paused)
}

export function unfencedTooLong(facts: Facts): { readonly forMs: Millis } | null {
  const forMs = unfencedForMs(facts)
  return isFenced(facts) || forMs <= UNFENCED_LIMIT_MS ? null : { forMs }
}

export function whyUnfenced(facts: Facts): string {
  const { snap } = facts
  if (!mayLead(snap)) return `there is no lease to arm it with: ${lossOf(facts)}`
  const outcome = outcomeOf(snap, 'arm-fencer')
  if (outcome !== null && outcome.kind !== 'done') return outcome.why
  const { alive, armedUntilMs } = snap.fencer
  if (!alive) return 'it does not run'
  if (armedUntilMs === null) return 'it is not armed'
  return armedUntilMs <= snap.nowMs ? 'its deadline has passed' : 'it guards another server'
}
