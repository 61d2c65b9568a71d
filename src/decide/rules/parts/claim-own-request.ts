// A standby that was named in maintenance mode and has taken the lease claims the request: it can no longer be
// withdrawn.

import { type ClusterFacts, isStandbyWithLease, tried } from '../../facts.ts'
import { isNamedInPause } from '../../lead/maintenance.ts'
import { claimed } from '../../lead/pending-request.ts'
import { type Rule, rule } from '../../rule.ts'

export const claimOwnRequest: Rule<ClusterFacts> = rule({
  id: 'leader.claim-own-request',
  why: 'in maintenance mode only the request allows the promotion: a claimed request stays until the promotion is done',
  match: f =>
    f.snap.settings.paused &&
    isStandbyWithLease(f) &&
    isNamedInPause(f) &&
    f.view.failover?.value.note?.begunBy == null &&
    !tried(f.snap, 'claim-failover') &&
    f.view.failover,
  choose: (f, { value: request, modRevision }) => ({
    reason: 'an operator named me in maintenance mode; taking the request up',
    actions: [{ kind: 'claim-failover', request: claimed(request, f), ifRevision: modRevision }],
  }),
})
