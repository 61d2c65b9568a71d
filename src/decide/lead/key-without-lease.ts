// A leader key without a lease was written by hand. It never expires, so while its holder is silent nobody is elected. Nor may
// hactl delete it, because the holder may still be a running primary: an operator must look, and the reason says at what.

import { wordsOf } from '../../model/store-words.ts'
import { type ClusterFacts, memberNamed } from '../facts.ts'
import { type Rule, rule } from '../rule.ts'

export const askHolder: Rule<ClusterFacts> = rule({
  id: 'follower.ask-holder',
  why: 'a leader key without a lease outlives its holder: only the holder can say that it lives',
  match: f => isWithoutLease(f) && f.snap.peers === null && holder(f),
  choose: (_, asked) => ({
    reason: `the leader key holds ${asked.name} without a lease; asking it`,
    actions: [{ kind: 'ask-peers', members: [asked] }],
  }),
})

/** What an operator must know about a leader key without a lease; null: the key has one, or its holder answers. */
export function silentHolder(facts: ClusterFacts): string | null {
  const name = facts.view.leader?.name
  if (!isWithoutLease(facts) || name === undefined) return null
  const answer = facts.snap.peers?.get(name)
  if (answer?.known === true) return null
  const silence =
    holder(facts) === null ? 'is not known here' : `does not answer (${answer?.why ?? 'it was not asked'})`
  const { keyPrefix = '/<namespace>/<scope>/', store } = facts.snap.self
  return `the leader key holds ${name} without a lease: it never expires and nobody else is elected; ${name} ${silence}. HINT: If ${name} is gone: ${wordsOf(store).deleteKey(`${keyPrefix}leader`)}`
}

function isWithoutLease({ view, snap }: ClusterFacts): boolean {
  return view.leader !== null && view.leader.leaseId === null && view.leader.name !== snap.self.name
}

function holder({ view }: ClusterFacts) {
  const member = memberNamed(view, view.leader?.name ?? null)
  return member === null || member.record.apiUrl === null ? null : member
}
