// A new copy of the data that somebody asked for. The data here goes only after the leader has said itself that it runs as
// primary, so that what is deleted is not the only copy of anything the cluster has (spec/ha.md 3.15.3).

import type { Member } from '../../model/cluster.ts'
import type { PeerView } from '../../model/peer.ts'
import type { Seen } from '../../model/seen.ts'
import { mayEndEarly } from '../../model/work.ts'
import { cloneSource } from '../clone-source.ts'
import { type ClusterFacts, type Facts, memberNamed, tried, upstreamOf, wantedUpstream } from '../facts.ts'
import { leaderName, orderOf } from '../orders.ts'
import type { Choice, Rule } from '../rule.ts'

/** `empty` has nothing to replace, the others remove what is there. */
export function reinitRules(situation: string): readonly Rule<ClusterFacts>[] {
  return [
    {
      id: `${situation}.reinit-ask`,
      why: 'before data is removed the leader, and whoever is to be copied, say themselves that they are there',
      log: 'event',
      when: f =>
        reinit(f) !== null &&
        needed(f).some(member => answerOf(f, member) === null) &&
        !tried(f.snap, 'ask-peers'),
      choose: f => ({
        reason: `${reinit(f)?.by} asked for a new copy of the data; asking ${needed(f)
          .map(({ name }) => name)
          .join(', ')} first`,
        actions: [{ kind: 'ask-peers', members: needed(f) }],
      }),
    },
    {
      id: `${situation}.reinit-refused`,
      why: 'without a leader that runs as primary the data here may be the last that there is',
      level: 'warning',
      log: 'event',
      when: f => reinit(f) !== null && objection(f) !== null,
      choose: f => ({
        reason: `not replacing the data, as ${reinit(f)?.by} asked: ${objection(f)}`,
        actions: [
          {
            kind: 'answer-order',
            id: reinit(f)?.id ?? '',
            answer: { is: 'refused', why: objection(f) ?? '' },
          },
        ],
      }),
    },
    {
      id: `${situation}.reinitialize`,
      why: 'asked for, and the leader runs as primary',
      level: 'warning',
      log: 'event',
      when: f => reinit(f) !== null,
      choose: beginCopy,
    },
  ]
}

/** While something else is in progress. */
export const forcedReinit: readonly Rule<Facts>[] = [
  ...reinitRules('busy').slice(0, 2),
  {
    id: 'busy.reinit-cancels',
    why: 'whoever forces a new copy of the data wants what is in progress cancelled',
    level: 'warning' as const,
    log: 'event' as const,
    when: (f: ClusterFacts) => reinit(f)?.force === true && mayCancel(f),
    choose: (f: ClusterFacts): Choice => ({
      reason: `cancelling ${f.snap.work?.job.kind} for the new copy of the data that ${reinit(f)?.by} asked for`,
      actions: [{ kind: 'cancel-work', why: 'a new copy of the data was asked for' }],
      next: 'settled',
    }),
  },
].map(rule => ({
  ...rule,
  when: facts => {
    const seen = withView(facts)
    return seen !== null && mayCancel(seen) && rule.when(seen)
  },
  choose: facts => rule.choose(withView(facts) ?? never()),
}))

function mayCancel({ snap }: Facts): boolean {
  return snap.work !== null && !snap.work.cancelled && mayEndEarly(snap.work.job, 'reinitialize')
}

function withView(facts: Facts): ClusterFacts | null {
  const { cluster } = facts.snap
  return cluster.known ? { ...facts, view: cluster.value } : null
}

function never(): never {
  throw new Error('a rule was asked about a cluster that is not known')
}

function reinit(facts: Facts): ReturnType<typeof orderOf<'reinitialize'>> {
  return orderOf(facts, 'reinitialize')
}

function leaderOf(facts: ClusterFacts): Member | null {
  return memberNamed(facts.view, leaderName(facts))
}

function preferredSource(facts: ClusterFacts): Member | null {
  return reinit(facts)?.fromLeader === true ? leaderOf(facts) : cloneSource(facts)
}

/** Who must answer: the leader, and whoever is preferred to be copied. */
function needed(facts: ClusterFacts): readonly Member[] {
  const source = preferredSource(facts)
  const leader = leaderOf(facts)
  return [...new Set([leader, source])].filter(member => member !== null)
}

function answerOf({ snap }: ClusterFacts, { name }: Member): Seen<PeerView> | null {
  return snap.peers?.get(name) ?? null
}

function objection(facts: ClusterFacts): string | null {
  const leader = leaderOf(facts)
  if (leader === null) return `the leader ${leaderName(facts)} has no member key`
  const answer = answerOf(facts, leader)
  if (answer === null || !answer.known)
    return `the leader ${leader.name} does not answer (${answer?.known === false ? answer.why : 'it was not asked'}), and nothing else says that it has the data`
  if (!answer.value.runsAsPrimary)
    return `the leader ${leader.name} does not run as primary: it says ${answer.value.role}, ${answer.value.state}`
  return sourceOf(facts) === null
    ? `${leader.name} cannot be copied from: no usable conn_url is in etcd`
    : null
}

/** The preferred one if it runs, else the leader. */
function sourceOf(facts: ClusterFacts): Member | null {
  const preferred = preferredSource(facts)
  const answer = preferred === null ? null : answerOf(facts, preferred)
  const source = answer?.known === true && answer.value.state === 'running' ? preferred : leaderOf(facts)
  return source !== null && upstreamOf(source, facts.snap) !== null ? source : null
}

function beginCopy(facts: ClusterFacts): Choice {
  const order = reinit(facts)
  const source = sourceOf(facts)
  const from = source === null ? null : upstreamOf(source, facts.snap)
  if (order === null || from === null) throw new Error('a copy without an order or a source')
  const isEmpty = facts.snap.postgres.dataDirectory.kind === 'empty'
  const replaces = isEmpty ? null : `${order.by} asked for a new copy`
  const upstream = wantedUpstream(facts.view, facts.snap)
  return {
    reason: `${isEmpty ? '' : 'removing the data and '}copying ${from.name}, as ${order.by} asked`,
    actions: [{ kind: 'begin', job: { kind: 'clone', from, upstream, replaces, order: order.id } }],
    remember: { rejoin: 'check', agreesWith: null },
    next: 'settled',
  }
}
