// One way for a leader to make way by itself: it asks who can take over, stops its server only while somebody can, and the
// lease goes when that server is down. Every rule by which a leader stops for another member is made here, so that a new
// condition cannot be forgotten in one of them. A request of an operator has conditions of its own (`judge/handover.ts`), and
// shares the stop.

import type { Handover, Memory } from '../../model/decision/memory.ts'
import { primaryStopLimitMs } from '../../model/settings/stop-limit.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { nobodyTakesOver, otherMembers, someCandidate } from '../election/election.ts'
import { failoversWait } from '../election/failover-interval.ts'
import {
  type ClusterFacts,
  failedLately,
  holdsLease,
  recentFailure,
  runsAsPrimary,
  server,
} from '../facts.ts'
import { type Choice, type Rule, type RuleText, rule } from '../rule.ts'
import { hasTimeLeft } from './lease-rules.ts'

/** A failed stop is tried again after this. */
export const STOP_AGAIN_MS: Millis = 5000
/** After this a stop in good order is enforced: a checkpoint on a full disk may wait for room. */
const FAST_STOP_MS: Millis = 5000
/** SIGQUIT does nothing to processes that are stopped or wait for a disk: SIGKILL follows after this. */
const KILL_AFTER_MS: Millis = 200

/**
 * A leader may stop its server by itself: there is time for it, and it has not just failed. That server is a primary, or one that
 * does not answer, which the lease waits for in vain.
 */
export function mayStop(facts: ClusterFacts): boolean {
  const leads = runsAsPrimary(facts) || (holdsLease(facts.snap) && server(facts.snap) === null)
  return leads && hasTimeLeft(facts) && !failedLately(facts, ['stop'], STOP_AGAIN_MS)
}

/** Nor for another member while none takes over by itself. */
function mayStopForAnother(facts: ClusterFacts): boolean {
  return mayStop(facts) && !failoversWait(facts)
}

/** Text for a decision's `reason`: why this leader goes on nevertheless. */
export function whyNotStopped(facts: ClusterFacts): string {
  const failure = recentFailure(facts, ['stop'], STOP_AGAIN_MS)
  return failure === null ? nobodyTakesOver(facts) : `it could not be stopped (${failure.why})`
}

interface Asking<Evidence> extends RuleText {
  /** Why this leader should make way; null or false: it should not. */
  readonly ground: (facts: ClusterFacts) => Evidence | false | null
  /** The same as a clause of the reason. */
  readonly tell: (evidence: Evidence, facts: ClusterFacts) => string
  readonly remember?: (facts: ClusterFacts) => Partial<Memory>
}

/** The members are asked once in a beat. */
export function askWhoTakesOver<Evidence>({
  ground,
  tell,
  remember,
  ...text
}: Asking<Evidence>): Rule<ClusterFacts> {
  return rule({
    ...text,
    match: f => f.snap.peers === null && mayStopForAnother(f) && ground(f),
    choose: (f, evidence) => ({
      reason: `${tell(evidence, f)}; asking who can take over`,
      actions: [{ kind: 'ask-peers', members: otherMembers(f) }],
      ...(remember === undefined ? {} : { remember: remember(f) }),
    }),
  })
}

interface Stopping<Evidence> extends RuleText {
  readonly ground: (facts: ClusterFacts) => Evidence | false | null
  /** Which of these members this leader stops for; default: any. Empty: for none. */
  readonly choosing?: (able: readonly MemberName[], facts: ClusterFacts) => readonly MemberName[]
  readonly choose: (facts: ClusterFacts, found: Found<Evidence>) => Choice
}

interface Found<Evidence> {
  readonly evidence: Evidence
  /** At least one, the best first. */
  readonly able: readonly [MemberName, ...MemberName[]]
}

/** A stop by one of the ways below, for a member that can take over by the answers of this beat. */
export function stopForAnother<Evidence>(way: Stopping<Evidence>): Rule<ClusterFacts> {
  const { ground, choosing = able => able, choose, ...text } = way
  return rule({
    ...text,
    match: f => {
      const evidence = mayStopForAnother(f) ? ground(f) : null
      if (evidence === null || evidence === false) return null
      const [first, ...rest] = choosing(someCandidate(f) ?? [], f)
      return first === undefined ? null : { evidence, able: [first, ...rest] as const }
    },
    choose,
  })
}

/** A stop, and what is remembered of it. */
type Stop = Required<Pick<Choice, 'actions' | 'remember' | 'next'>>

/**
 * For a server that works: a checkpoint, a fast stop, and the lease goes to a member that confirms the last record
 * (`handover.release-lease`); if none does, this node goes on as primary. `candidate`: null is whoever confirms first.
 */
export function stopToHandOver(
  { snap }: ClusterFacts,
  { candidate, requestRevision }: Pick<Handover, 'candidate' | 'requestRevision'>,
): Stop {
  const timeoutMs = primaryStopLimitMs(snap.settings)
  const handover = { candidate, startedAtMs: snap.nowMs, requestRevision, position: null, stoppedAtMs: null }
  return {
    actions: [{ kind: 'begin', job: { kind: 'stop', mode: 'fast', checkpoint: true, timeoutMs } }],
    remember: { handover },
    next: 'settled',
  }
}

/** For one that cannot be used: the lease goes to a member that can take over when the server is known to be dead (`down.yield`). */
export function stopAndYield(how: 'fast' | 'at once', why: string, remember: Partial<Memory> = {}): Stop {
  const mode = how === 'fast' ? 'fast' : 'immediate'
  const timeoutMs = how === 'fast' ? FAST_STOP_MS : KILL_AFTER_MS
  return {
    actions: [{ kind: 'begin', job: { kind: 'stop', mode, checkpoint: false, timeoutMs } }],
    remember: { rejoin: 'check', agreesWith: null, yields: { why }, ...remember },
    next: 'settled',
  }
}
