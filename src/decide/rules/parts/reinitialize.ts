// An order for a new copy of the data. The local data is removed only after the leader itself has said that it runs as primary,
// so that it is not the cluster's only copy (spec/ha.md 3.15.3).

import type { Member } from '../../../model/cluster/cluster.ts'
import type { PeerView, Upstream } from '../../../model/cluster/peer.ts'
import { mayEndEarly } from '../../../model/decision/work.ts'
import type { Seen } from '../../../model/seen.ts'
import {
  type ClusterFacts,
  type Facts,
  memberNamed,
  seenCluster,
  storeName,
  tried,
  upstreamOf,
  wantedUpstream,
} from '../../facts.ts'
import { type OrderOf, orderOf } from '../../order-facts.ts'
import { cloneSource } from '../../rejoin/clone-source.ts'
import { type Choice, type Rule, rule, ruleOver } from '../../rule.ts'

type ReinitOrder = OrderOf<'reinitialize'>

/** In situation `empty` there is nothing to replace; in the others the local data is removed. */
export function reinitRules(situation: string): readonly Rule<ClusterFacts>[] {
  return [
    askBeforeCopy(situation),
    refuseCopy(situation),
    rule({
      id: `${situation}.reinitialize`,
      why: 'a new copy was ordered, and the leader runs as primary',
      level: 'warning',
      log: 'event',
      match: f => {
        const order = orderOf(f, 'reinitialize')
        const from = order === null ? null : sourceOf(order, f)
        return order !== null && from !== null && { order, from }
      },
      choose: beginCopy,
    }),
  ]
}

function askBeforeCopy(situation: string): Rule<ClusterFacts> {
  return rule({
    id: `${situation}.reinit-ask`,
    why: 'before data is removed, the leader and the source of the copy must answer themselves',
    log: 'event',
    match: f => {
      const order = orderOf(f, 'reinitialize')
      if (order === null || tried(f.snap, 'ask-peers')) return null
      const members = needed(order, f)
      return members.some(member => answerOf(f, member) === null) && { order, members }
    },
    choose: (_, { order, members }) => ({
      reason: `${order.by} asked for a new copy of the data; asking ${members.map(({ name }) => name).join(', ')} first`,
      actions: [{ kind: 'ask-peers', members }],
    }),
  })
}

function refuseCopy(situation: string): Rule<ClusterFacts> {
  return rule({
    id: `${situation}.reinit-refused`,
    why: 'without a leader that runs as primary, this may be the last copy of the data',
    level: 'warning',
    log: 'event',
    match: f => {
      const order = orderOf(f, 'reinitialize')
      const why = order === null ? null : objection(order, f)
      return order !== null && why !== null && { order, why }
    },
    choose: (_, { order, why }) => ({
      reason: `not replacing the data, as ${order.by} asked: ${why}`,
      actions: [{ kind: 'answer-order', id: order.id, answer: { is: 'refused', why } }],
    }),
  })
}

const cancelForCopy: Rule<ClusterFacts> = rule({
  id: 'busy.reinit-cancels',
  why: 'an order that forces a new copy cancels the work in progress',
  level: 'warning',
  log: 'event',
  match: f => {
    const order = orderOf(f, 'reinitialize')
    const { work } = f.snap
    return order?.force === true && work !== null && { order, work }
  },
  choose: (_, { order, work }) => ({
    reason: `cancelling ${work.job.kind} for the new copy of the data that ${order.by} asked for`,
    actions: [{ kind: 'cancel-work', why: 'a new copy of the data was asked for' }],
    next: 'settled',
  }),
})

/** The rules while other work is in progress. */
export const forcedReinit: readonly Rule<Facts>[] = [
  askBeforeCopy('busy'),
  refuseCopy('busy'),
  cancelForCopy,
].map(inner => ruleOver(facts => (mayCancel(facts) ? seenCluster(facts) : null), inner))

function mayCancel({ snap }: Facts): boolean {
  return snap.work !== null && !snap.work.cancelled && mayEndEarly(snap.work.job, 'reinitialize')
}

function leaderOf({ view }: ClusterFacts): Member | null {
  return memberNamed(view, view.leader?.name ?? null)
}

function preferredSource({ fromLeader }: ReinitOrder, facts: ClusterFacts): Member | null {
  return fromLeader ? leaderOf(facts) : cloneSource(facts)
}

/** The members that must answer: the leader and the preferred source. */
function needed(order: ReinitOrder, facts: ClusterFacts): readonly Member[] {
  return [...new Set([leaderOf(facts), preferredSource(order, facts)])].filter(member => member !== null)
}

function answerOf({ snap }: ClusterFacts, { name }: Member): Seen<PeerView> | null {
  return snap.peers?.get(name) ?? null
}

function objection(order: ReinitOrder, facts: ClusterFacts): string | null {
  const leader = leaderOf(facts)
  if (leader === null) return `the leader ${facts.view.leader?.name ?? ''} has no member key`
  const answer = answerOf(facts, leader)
  if (answer === null || !answer.known)
    return `the leader ${leader.name} does not answer (${answer?.known === false ? answer.why : 'it was not asked'}), and nothing else says that it has the data`
  // This includes a leader that holds the lease but has no server any more.
  if (!answer.value.runsAsPrimary || answer.value.state !== 'running')
    return `the leader ${leader.name} does not run as primary: it says ${answer.value.role}, ${answer.value.state}`
  return sourceOf(order, facts) === null
    ? `${leader.name} cannot be copied from: no usable conn_url is in ${storeName(facts.snap)}`
    : null
}

/** The preferred source if it runs, else the leader; null: neither can be copied from. */
function sourceOf(order: ReinitOrder, facts: ClusterFacts): Upstream | null {
  const preferred = preferredSource(order, facts)
  const answer = preferred === null ? null : answerOf(facts, preferred)
  const source = answer?.known === true && answer.value.state === 'running' ? preferred : leaderOf(facts)
  return source === null ? null : upstreamOf(source, facts.snap)
}

function beginCopy(
  { snap, view }: ClusterFacts,
  { order, from }: { readonly order: ReinitOrder; readonly from: Upstream },
): Choice {
  const isEmpty = snap.postgres.dataDirectory.kind === 'empty'
  const replaces = isEmpty ? null : `${order.by} asked for a new copy`
  const upstream = wantedUpstream(view, snap)
  return {
    reason: `${isEmpty ? '' : 'removing the data and '}copying ${from.name}, as ${order.by} asked`,
    actions: [{ kind: 'begin', job: { kind: 'clone', from, upstream, replaces, order: order.id } }],
    remember: { rejoin: 'check', agreesWith: null },
    next: 'settled',
  }
}
