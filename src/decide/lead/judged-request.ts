// The verdict of the common judge (`src/judge/handover.ts`) on a request, by what the lease holder knows of itself, and
// which rule says which refusal.

import { type HandoverSituation, type HandoverVerdict, judgeHandover, syncOf } from '../../judge/handover.ts'
import { shortOfQuorum } from '../../judge/synchronous.ts'
import type { FailoverRequest } from '../../model/cluster/cluster.ts'
import { receiversOf } from '../../model/cluster/peer.ts'
import { requestKind } from '../../model/cluster/request.ts'
import { clusterTimeline } from '../../model/cluster/timeline.ts'
import type { RefusalCode } from '../../model/cluster/verdict.ts'
import { type ClusterFacts, server } from '../facts.ts'

/** A scheduled request comes here when its time has come: it is judged as one for now. */
export function verdictOn(request: FailoverRequest, facts: ClusterFacts): HandoverVerdict {
  const { leader, candidate } = request
  const asked = { action: requestKind(request), leader, candidate, scheduledAt: null }
  return judgeHandover(asked, handoverSituation(facts))
}

function handoverSituation(facts: ClusterFacts): HandoverSituation {
  const { snap, view } = facts
  const own = server(snap)
  return {
    members: view.members,
    sync: view.sync?.value ?? null,
    modes: snap.settings,
    maximumLagBytes: snap.settings.maximumLagOnFailover,
    leader: {
      name: snap.self.name,
      runsHactl: true,
      server: own === null ? null : { ...own, receivers: receiversOf(own.replication), isSilent: false },
    },
    publishedPosition: view.status?.value.optime ?? null,
    historyTimeline: clusterTimeline(view.history?.value ?? null),
    answers: snap.peers,
  }
}

/** What the rules of a request are called after. */
type RefusalRule = 'unnamed' | 'other-leader' | 'mode' | 'self' | 'impossible'

const RULE_OF: Readonly<Record<RefusalCode, RefusalRule>> = {
  'candidate-required-in-pause': 'unnamed',
  'leader-mismatch': 'other-leader',
  'mode-unsupported': 'mode',
  'same-member': 'self',
  'candidate-is-leader': 'self',
  'candidate-unknown': 'impossible',
  'candidate-not-in-sync': 'impossible',
  'no-sync-standby': 'impossible',
  'no-other-member': 'impossible',
  'candidate-unfit': 'impossible',
  'no-candidate': 'impossible',
  'quorum-not-reached': 'impossible',
  // None of these is found by a leader in a request that it can read and whose time has come.
  'candidate-required': 'impossible',
  'scheduled-in-pause': 'impossible',
  'no-leader': 'impossible',
  'leader-silent': 'impossible',
}

/** Whether the judge refuses the request, and this rule says so. */
export function isRefusedAs(rule: RefusalRule, request: FailoverRequest, facts: ClusterFacts): boolean {
  const verdict = verdictOn(request, facts)
  return verdict.is === 'refused' && RULE_OF[verdict.code] === rule
}

/** Of the named candidate, or of everybody who could have taken over. */
export function whyImpossible(request: FailoverRequest, facts: ClusterFacts): string {
  const verdict = verdictOn(request, facts)
  const { candidate } = request
  if (verdict.is === 'refused' && verdict.code === 'quorum-not-reached') {
    const able = verdict.candidates.filter(({ code }) => code === 'good').map(({ name }) => name)
    return shortOfQuorum(syncOf(handoverSituation(facts)), able) ?? 'quorum requirement can not be reached'
  }
  const judged = verdict.is === 'refused' ? verdict.candidates : []
  const named = judged.filter(({ name }) => candidate === null || name === candidate)
  const reasons = named.map(({ name, reason }) => `${name}: ${reason}`).join('; ')
  if (reasons !== '') return reasons
  const code = verdict.is === 'refused' ? verdict.code : null
  if (code === 'candidate-not-in-sync' || code === 'no-sync-standby')
    return `${candidate ?? 'nobody'} is not a synchronous standby`
  return candidate === null ? 'there is no other member' : `${candidate} is not a member`
}
