// What the lease holder does with a request in maintenance mode: it hands over to a named member, guarded by its fencer
// meanwhile, and refuses everything else at once. A request that was kept would be carried out unexpectedly, the moment
// that mode ends (spec/ha.md 3.8.4, 3.16).

import { isNewer } from '../../../model/revision.ts'
import { type ClusterFacts, holdsLease, outcomeOf, tried } from '../../facts.ts'
import { isFenced } from '../../lead/fencing.ts'
import { isRefusedAs } from '../../lead/judged-request.ts'
import { isClaimed, pendingRequest, refusal } from '../../lead/pending-request.ts'
import { type Rule, rule, ruleWhere } from '../../rule.ts'
import { guardHandover, requestRules } from './requests.ts'

const handoverRules: readonly Rule<ClusterFacts>[] = [
  refusal(
    'paused.request-unnamed',
    'in maintenance mode no member takes over unless it is named',
    (request, f) =>
      isRefusedAs('unnamed', request, f)
        ? 'switchover is possible only to a specific candidate in a paused state'
        : null,
  ),
  refusal(
    'paused.request-unfenced',
    'the candidate takes over when the lease of this node has ended: only a fencer makes sure that the server here has stopped by then',
    (_, f) => {
      const armed = outcomeOf(f.snap, 'arm-fencer')
      return armed !== null && armed.kind !== 'done' ? `the fencer could not be armed: ${armed.why}` : null
    },
  ),
  rule({
    id: 'paused.guard-handover',
    why: 'a handover that an earlier run of this agent began goes on only with a fencer',
    match: f => {
      const key = pendingRequest(f)
      return key !== null && isClaimed(key.value, f) && !isFenced(f) && !tried(f.snap, 'arm-fencer')
    },
    choose: f => ({ reason: 'arming the fencer for the handover', actions: [guardHandover(f)] }),
  }),
  ...requestRules('paused'),
]

export const pausedRequestRules: readonly Rule<ClusterFacts>[] = [
  immediate(
    rule({
      id: 'paused.request-done',
      why: 'the new leader deletes the request that made it leader once it is primary: in maintenance mode only that request allowed the promotion',
      match: f => {
        const key = pendingRequest(f)
        return key?.value.candidate === f.snap.self.name && key.value.note?.begunBy != null && key
      },
      choose: (_, { modRevision }) => ({
        reason: 'cleaning up failover key after the promotion',
        actions: [{ kind: 'clear-failover', ifRevision: modRevision }],
      }),
    }),
  ),
  ruleWhere(
    f => holdsLease(f.snap),
    refusal(
      'paused.request-scheduled',
      'a switchover that is scheduled in maintenance mode would happen unexpectedly; one that was scheduled before waits, and goes stale',
      ({ scheduledAt }, f) =>
        scheduledAt !== null && isNewerThanPause(f) ? "can't schedule switchover in the paused state" : null,
    ),
  ),
  ...handoverRules.map(immediate),
]

/** The rule, for requests without a schedule only. */
function immediate(inner: Rule<ClusterFacts>): Rule<ClusterFacts> {
  return ruleWhere(f => holdsLease(f.snap) && !isScheduled(f), inner)
}

function isScheduled({ view }: ClusterFacts): boolean {
  return view.failover?.value.scheduledAt != null
}

/** Decided by the order of the writes; after another change of the configuration, the order proves nothing. */
function isNewerThanPause({ view }: ClusterFacts): boolean {
  const { config, failover } = view
  return config !== null && failover !== null && isNewer(failover.modRevision, config.modRevision)
}
