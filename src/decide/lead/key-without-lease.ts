// A leader key that hangs on no lease: somebody wrote it by hand. While its holder is silent nobody is ever elected. To
// take it away would be to elect beside a primary that may live: an operator is told what to look at and what to type.

import { type ClusterFacts, memberNamed } from '../facts.ts'
import { type Rule, rule } from '../rule.ts'

const NO_LEASE = '0'

export const askHolder: Rule<ClusterFacts> = rule({
  id: 'follower.ask-holder',
  why: 'a leader key without a lease outlives its holder: only the holder can say that it lives',
  match: f => isWithoutLease(f) && f.snap.peers === null && holder(f),
  choose: (_, asked) => ({
    reason: `the leader key holds ${asked.name} without a lease; asking it`,
    actions: [{ kind: 'ask-peers', members: [asked] }],
  }),
})

/** What an operator must know about the leader key; null: nothing. */
export function silentHolder(facts: ClusterFacts): string | null {
  const name = facts.view.leader?.name
  if (!isWithoutLease(facts) || name === undefined) return null
  const answer = facts.snap.peers?.get(name)
  if (answer?.known === true) return null
  const silence =
    holder(facts) === null ? 'is not known here' : `does not answer (${answer?.why ?? 'it was not asked'})`
  const key = `${facts.snap.self.keyPrefix ?? '/<namespace>/<scope>/'}leader`
  return `the leader key holds ${name} without a lease: it never expires and nobody else is elected; ${name} ${silence}. HINT: If ${name} is gone: etcdctl del ${key}`
}

function isWithoutLease({ view, snap }: ClusterFacts): boolean {
  return view.leader !== null && view.leader.leaseId === NO_LEASE && view.leader.name !== snap.self.name
}

function holder({ view }: ClusterFacts) {
  const member = memberNamed(view, view.leader?.name ?? null)
  return member === null || member.record.apiUrl === null ? null : member
}
