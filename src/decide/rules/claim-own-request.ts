// A standby that was named in maintenance mode and has taken the lease: whoever asked can withdraw the request no longer.

import { type ClusterFacts, isStandbyWithLease, tried } from '../facts.ts'
import { isNamedInPause } from '../maintenance.ts'
import type { Rule } from '../rule.ts'
import { claimed } from './requests.ts'

export const claimOwnRequest: Rule<ClusterFacts> = {
  id: 'leader.claim-own-request',
  why: 'in maintenance mode the request is what lets this node be promoted: taken up, it stays until that is done',
  when: f =>
    f.snap.settings.paused &&
    isStandbyWithLease(f) &&
    isNamedInPause(f) &&
    f.view.failover?.value.note?.begunBy == null &&
    !tried(f.snap, 'claim-failover'),
  choose: f => ({
    reason: 'an operator named me in maintenance mode; taking the request up',
    actions: [{ kind: 'claim-failover', request: claimed(f), ifRevision: f.view.failover?.modRevision ?? 0 }],
  }),
}
