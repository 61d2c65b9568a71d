// What the lease holder does with a request in maintenance mode: it hands over to a member that was named, guarded by its
// fencer for that long, and refuses everything else at once: kept, it would be carried out when nobody expects it, the moment that
// mode ends (spec/ha.md 3.8.4, 3.16).

import { type ClusterFacts, holdsLease, outcomeOf, tried } from '../facts.ts'
import { heldMarginMs, isFenced } from '../fencing.ts'
import type { Choice, Rule } from '../rule.ts'
import { isClaimed, isPending, refusal, request, requestRules } from './requests.ts'

/** What has to do with a schedule is left alone. */
const NOT_IN_PAUSE = ['leader.request-unscheduled', 'leader.request-waits', 'leader.request-stale']

const CLAIM = 'leader.claim-request'

const rules: readonly Rule<ClusterFacts>[] = [
  {
    id: 'paused.request-done',
    why: 'the new leader takes the request that made it leader off the table once it is primary: in maintenance mode nothing else let it become one',
    when: f => isPending(f) && isDone(f),
    choose: f => ({
      reason: 'cleaning up failover key after the promotion',
      actions: [{ kind: 'clear-failover', ifRevision: f.view.failover?.modRevision ?? 0 }],
    }),
  },
  refusal(
    'paused.request-scheduled',
    'what is scheduled in maintenance mode would come about when nobody expects it; what was scheduled before waits, and goes stale',
    f =>
      request(f).scheduledAt !== null && isNewerThanPause(f)
        ? "can't schedule switchover in the paused state"
        : null,
  ),
  refusal('paused.request-unnamed', 'in maintenance mode nobody takes over by himself', f =>
    request(f).scheduledAt === null && request(f).candidate === null
      ? 'switchover is possible only to a specific candidate in a paused state'
      : null,
  ),
  refusal(
    'paused.request-unfenced',
    'the candidate takes over when the lease of this node has ended: only a fencer makes sure that its server has too',
    f => {
      const armed = outcomeOf(f.snap, 'arm-fencer')
      return armed !== null && armed.kind !== 'done' ? `the fencer could not be armed: ${armed.why}` : null
    },
  ),
  {
    id: 'paused.guard-handover',
    why: 'what a former run of this agent has begun goes on only with a fencer',
    when: f =>
      isPending(f) && !isScheduled(f) && isClaimed(f) && !isFenced(f) && !tried(f.snap, 'arm-fencer'),
    choose: f => ({ reason: 'arming the fencer for the handover', actions: [arm(f)] }),
  },
  ...requestRules.filter(({ id }) => !NOT_IN_PAUSE.includes(id)),
]

export const pausedRequestRules: readonly Rule<ClusterFacts>[] = rules.map(rule => ({
  ...rule,
  id: rule.id.replace('leader.', 'paused.'),
  when: f => holdsLease(f.snap) && (!isScheduled(f) || isOwn(rule.id)) && rule.when(f),
  // The request is not begun in etcd before the fencer is armed: the candidate goes by that.
  choose: f => (rule.id === CLAIM ? armedFirst(f, rule.choose(f)) : rule.choose(f)),
}))

function armedFirst(facts: ClusterFacts, choice: Choice): Choice {
  return { ...choice, actions: [arm(facts), ...(choice.actions ?? [])] }
}

/** Looks at a scheduled one itself. */
function isOwn(id: string): boolean {
  return id === 'paused.request-scheduled'
}

function arm({ snap }: ClusterFacts) {
  return { kind: 'arm-fencer' as const, marginMs: heldMarginMs(snap) }
}

function isScheduled({ view }: ClusterFacts): boolean {
  return view.failover?.value.scheduledAt != null
}

function isDone(f: ClusterFacts): boolean {
  return request(f).candidate === f.snap.self.name && request(f).note?.begunBy != null
}

/** By the order in which etcd has them; a configuration that was changed again since says nothing. */
function isNewerThanPause({ view }: ClusterFacts): boolean {
  return view.config !== null && (view.failover?.modRevision ?? 0) > view.config.modRevision
}
