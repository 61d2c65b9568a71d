// A standby that was named in maintenance mode and has taken the lease: whoever asked can withdraw the request no longer.

import { type ClusterFacts, isStandbyWithLease, tried } from '../../facts.ts'
import { isNamedInPause } from '../../lead/maintenance.ts'
import { claimed } from '../../lead/pending-request.ts'
import { type Rule, rule } from '../../rule.ts'

export const claimOwnRequest: Rule<ClusterFacts> = rule({
  id: 'leader.claim-own-request',
  why: 'in maintenance mode the request is what lets this node be promoted: taken up, it stays until that is done',
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
