// One list of situations through everybody who judges a switchover or failover: the rules of the leader, the REST API of any
// member, and a command. They say it in their own words, and it is one verdict.

import { describe, expect, test } from 'vitest'
import { planHandover } from '../../src/admin/handover/plan.ts'
import { surveyOf } from '../../src/admin/handover/survey.ts'
import { decide } from '../../src/decide/decide.ts'
import type { ClusterView, JsonObject, Member } from '../../src/model/cluster/cluster.ts'
import type { PeerView } from '../../src/model/cluster/peer.ts'
import type { HandoverRequest } from '../../src/model/cluster/request.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { revision } from '../../src/model/revision.ts'
import { type Seen, unseen } from '../../src/model/seen.ts'
import type { MemberName } from '../../src/model/units.ts'
import { obstacleTo } from '../../src/rest/endpoints/failover-checks.ts'
import { readFlags } from '../../src/wire/cluster-flags.ts'
import { fencers } from '../exhaustive/fencers.ts'
import { NOW, WALL } from '../exhaustive/frozen.ts'
import {
  base,
  directories,
  leaderKey,
  member,
  memory,
  peer,
  running,
  server,
  settings,
  view,
} from '../exhaustive/parts.ts'
import { proofs } from '../exhaustive/proofs.ts'

const LSN = 0x3000148n
const HACTL = { extra: { hactl: { version: '0.8.0' } } }
const STREAMS = { user: 'r', clientAddress: null, state: 'streaming', syncState: 'async', syncPriority: 0 }

interface Situation {
  readonly what: string
  readonly asks: Partial<HandoverRequest>
  readonly config?: JsonObject
  readonly members?: readonly Member[]
  readonly sync?: ClusterView['sync']
  /** Of pg2 and pg3, and of the leader; what is not here is as good as can be. */
  readonly answers?: Readonly<Record<MemberName, Seen<PeerView>>>
  /** Who streams from the leader. */
  readonly receivers?: readonly MemberName[]
  readonly led?: boolean
  /** The rule of the agent, without its place; null: it leads nothing that it could hand over. */
  readonly rule: string | null
  readonly rest: readonly [number, string] | null
  readonly command: string | null
}

const NOBODY = [412, 'switchover is not possible: no good candidates have been found'] as const
const switchover = (candidate: MemberName | null, leader: MemberName | null = 'pg1') => ({
  leader,
  candidate,
})
const failover = (candidate: MemberName) => ({ action: 'failover', leader: null, candidate }) as const
const others = (answer: Seen<PeerView>) => ({ pg2: answer, pg3: answer })
const isSync = (...standbys: MemberName[]): ClusterView['sync'] => ({
  value: { leader: 'pg1', quorum: 0, standbys },
  modRevision: revision(7),
})
const hasQuorum = (quorum: number, ...standbys: MemberName[]): ClusterView['sync'] => ({
  value: { leader: 'pg1', quorum, standbys },
  modRevision: revision(7),
})
const patroniLeads = [member('pg1', 'primary'), member('pg2', 'replica'), member('pg3', 'replica')]

const possible = { rule: 'claim-request', rest: null, command: null }
const unfit = { rule: 'request-impossible', rest: NOBODY }

const situations: readonly Situation[] = [
  { what: 'all is well', asks: switchover('pg2'), ...possible },
  { what: 'nobody is named', asks: switchover(null), ...possible },
  { what: 'a failover while there is a leader', asks: failover('pg2'), ...possible },
  { what: 'paused, to a named candidate', asks: switchover('pg2'), config: { pause: true }, ...possible },
  {
    ...{ what: 'paused, nobody is named', asks: switchover(null), config: { pause: true } },
    rule: 'request-unnamed',
    rest: [400, 'Switchover is possible only to a specific candidate in a paused state'],
    command: 'refused',
  },
  {
    ...{ what: 'nobody leads', asks: switchover('pg2'), led: false },
    ...{ rule: null, rest: [412, 'leader name does not match'], command: 'no-leader' },
  },
  {
    ...{ what: 'another leader is named', asks: switchover('pg2', 'pg3') },
    ...{ rule: 'request-other-leader', rest: [412, 'leader name does not match'], command: 'not-the-leader' },
  },
  {
    ...{ what: 'a failover to the leader', asks: failover('pg1') },
    rule: 'request-self',
    rest: [412, 'failover is not possible: no good candidates have been found'],
    command: 'already',
  },
  {
    ...{ what: 'the candidate is no member', asks: switchover('pg9') },
    ...{ rule: 'request-impossible', rest: [412, 'candidate does not exists'], command: 'member-not-found' },
  },
  {
    ...{ what: 'the candidate cannot be asked', asks: switchover('pg2') },
    answers: { pg2: unseen('connection refused') },
    ...{ ...unfit, command: 'member-unreachable' },
  },
  {
    ...{ what: 'only the other one cannot be asked', asks: switchover('pg2') },
    answers: { pg3: unseen('connection refused') },
    ...possible,
  },
  {
    ...{ what: 'the candidate has no address', asks: switchover('pg2') },
    members: [
      member('pg1', 'primary', HACTL),
      member('pg2', 'replica', { apiUrl: null }),
      member('pg3', 'replica'),
    ],
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: 'the candidate is tagged nofailover', asks: switchover('pg2') },
    members: [
      member('pg1', 'primary', HACTL),
      member('pg2', 'replica', { tags: { nofailover: true } }),
      member('pg3', 'replica'),
    ],
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: 'the candidate says nofailover', asks: switchover('pg2') },
    answers: { pg2: peer({ nofailover: true }) },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: "the candidate's watchdog is broken", asks: switchover('pg2') },
    answers: { pg2: peer({ watchdogFailed: true }) },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: 'PostgreSQL of the candidate does not answer', asks: switchover('pg2') },
    answers: { pg2: peer({ position: null, state: 'starting' }) },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: 'the candidate is too far behind', asks: switchover('pg2') },
    answers: { pg2: peer({ position: LSN - 2_000_000n }) },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: 'the candidate is behind, within what is allowed', asks: switchover('pg2') },
    ...{
      config: { maximum_lag_on_failover: 3_000_000 },
      answers: { pg2: peer({ position: LSN - 2_000_000n }) },
    },
    ...possible,
  },
  {
    ...{ what: 'a failover to one that is too far behind', asks: failover('pg2') },
    answers: { pg2: peer({ position: LSN - 2_000_000n }) },
    rule: 'request-impossible',
    rest: [412, 'failover is not possible: no good candidates have been found'],
    command: 'refused',
  },
  {
    ...{ what: "the candidate's timeline is behind", asks: switchover('pg2') },
    answers: { pg2: peer({ timeline: 0 }) },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: "the candidate's timeline is not known", asks: switchover('pg2') },
    answers: { pg2: peer({ timeline: null }) },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: "the candidate has left the cluster's history", asks: switchover('pg2') },
    answers: { pg2: peer({ offHistory: true }) },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: 'the candidate runs as a primary', asks: switchover('pg2') },
    answers: { pg2: peer({ runsAsPrimary: true, role: 'primary' }) },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: 'the candidate does not stream from the leader', asks: switchover('pg2'), receivers: ['pg3'] },
    ...{ ...unfit, command: 'refused' },
  },
  {
    ...{ what: 'nobody streams from the leader', asks: switchover(null), receivers: [] },
    ...{ ...unfit, command: 'no-good-candidate' },
  },
  {
    ...{ what: 'nobody answers', asks: switchover(null), answers: others(unseen('timeout')) },
    ...{ ...unfit, command: 'no-good-candidate' },
  },
  {
    ...{ what: 'the leader is alone', asks: switchover(null), members: [member('pg1', 'primary', HACTL)] },
    rule: 'request-impossible',
    rest: [412, 'switchover is not possible: cluster does not have members except leader'],
    command: 'no-good-candidate',
  },
  {
    what: 'a mode that the leader cannot honour',
    asks: switchover('pg2'),
    ...{ config: { standby_cluster: { host: '10.0.0.9' } } },
    ...{ rule: 'request-mode', rest: NOBODY, command: 'refused' },
  },
  {
    what: 'synchronous mode, which the leader, Patroni, can honour',
    asks: switchover('pg2'),
    ...{ config: { synchronous_mode: true }, sync: isSync('pg2'), members: patroniLeads },
    ...{ rule: null, rest: null, command: null },
  },
  {
    what: 'synchronous mode of Patroni, and the candidate is not synchronous',
    asks: switchover('pg3'),
    ...{ config: { synchronous_mode: true }, sync: isSync('pg2'), members: patroniLeads },
    ...{ rule: null, rest: [412, 'candidate name does not match with sync_standby'], command: 'refused' },
  },
  {
    what: 'synchronous mode of Patroni, and nobody is synchronous',
    asks: switchover(null),
    ...{ config: { synchronous_mode: true }, sync: isSync(), members: patroniLeads },
    rule: null,
    rest: [412, 'switchover is not possible: can not find sync_standby'],
    command: 'no-good-candidate',
  },
  {
    what: 'quorum mode of Patroni, and the candidate has no vote',
    asks: switchover('pg3'),
    ...{ config: { synchronous_mode: 'quorum' }, sync: isSync('pg2'), members: patroniLeads },
    ...{ rule: null, rest: NOBODY, command: 'refused' },
  },
  {
    what: 'a manual failover to an asynchronous standby, which Patroni allows',
    asks: failover('pg3'),
    ...{ config: { synchronous_mode: true }, sync: isSync('pg2'), members: patroniLeads },
    ...{ rule: null, rest: null, command: null },
  },
  {
    what: 'quorum mode, and both voters can take over',
    asks: switchover(null),
    ...{
      config: { synchronous_mode: 'quorum' },
      sync: hasQuorum(1, 'pg2', 'pg3'),
      members: patroniLeads,
    },
    ...{ rule: null, rest: null, command: null },
  },
  {
    what: 'quorum mode, and the only voter that can take over would lack the vote of another',
    asks: switchover(null),
    answers: { pg3: unseen('connection refused') },
    ...{
      config: { synchronous_mode: 'quorum' },
      sync: hasQuorum(1, 'pg2', 'pg3'),
      members: patroniLeads,
    },
    ...{ rule: null, rest: NOBODY, command: 'refused' },
  },
  {
    what: 'quorum mode, and a named candidate needs no votes',
    asks: switchover('pg2'),
    answers: { pg3: unseen('connection refused') },
    ...{
      config: { synchronous_mode: 'quorum' },
      sync: hasQuorum(1, 'pg2', 'pg3'),
      members: patroniLeads,
    },
    ...{ rule: null, rest: null, command: null },
  },
  {
    what: 'the name in /sync is in another case',
    asks: switchover('pg2'),
    ...{ config: { synchronous_mode: true }, sync: isSync('PG2'), members: patroniLeads },
    ...{ rule: null, rest: null, command: null },
  },
  {
    what: 'a failover to an asynchronous standby while a leader runs: it hands over, nothing is lost',
    asks: failover('pg3'),
    ...{ config: { synchronous_mode: 'quorum' }, sync: isSync('pg2'), members: patroniLeads },
    ...{ rule: null, rest: null, command: null },
  },
  {
    what: 'a standby cluster, which the leader cannot honour',
    asks: switchover('pg2'),
    config: { standby_cluster: { host: 'far.example' } },
    ...{ rule: 'request-mode', rest: NOBODY, command: 'refused' },
  },
  {
    what: 'PostgreSQL of the leader does not answer: its agent waits, and hands over to nobody meanwhile',
    asks: switchover('pg2'),
    answers: { pg1: peer({ position: null, role: 'primary', state: 'running' }) },
    rule: null,
    rest: [412, 'switchover is not possible: PostgreSQL of the leader does not answer'],
    command: 'refused',
  },
]

const hactlLeads = [member('pg1', 'primary', HACTL), member('pg2', 'replica'), member('pg3', 'replica')]

function requestOf({ asks }: Situation): HandoverRequest {
  return { action: 'switchover', leader: null, candidate: null, scheduledAt: null, ...asks }
}

function clusterOf(situation: Situation): ClusterView {
  const seen = view({
    leader: situation.led === false ? null : leaderKey('pg1'),
    members: situation.members ?? hactlLeads,
    config: { value: { valid: true, document: situation.config ?? {} }, modRevision: revision(3) },
    sync: situation.sync ?? null,
    // In maintenance mode said before the request came.
    guard: { value: { leader: 'pg1', guarded: situation.config?.pause !== true }, modRevision: revision(41) },
  })
  if (!seen.known) throw new Error('a view is known')
  return seen.value
}

function answersOf({
  answers = {},
  receivers = ['pg2', 'pg3'],
}: Situation): ReadonlyMap<MemberName, Seen<PeerView>> {
  const leader = peer({ runsAsPrimary: true, role: 'primary', receivers })
  return new Map(Object.entries({ pg1: leader, pg2: peer(), pg3: peer(), ...answers }))
}

const membersAsked = (situation: Situation) => ({
  ask: async (members: readonly Member[]) =>
    new Map([...answersOf(situation)].filter(([name]) => members.some(asked => asked.name === name))),
  answers: async () => true,
})

/** The rule by which the leader answers, after it has asked. */
function ruleOf(situation: Situation): string {
  const { leader, candidate } = requestOf(situation)
  const cluster = clusterOf(situation)
  const flags = readFlags(cluster, settings)
  const { receivers = ['pg2', 'pg3'] } = situation
  const replication = receivers.map(applicationName => ({ ...STREAMS, applicationName }))
  const failoverKey = { value: { leader, candidate, scheduledAt: null }, modRevision: revision(39) }
  const snap: Snapshot = {
    ...base,
    cluster: { known: true, atMs: NOW, value: { ...cluster, failover: failoverKey } },
    settings: { ...settings, ...flags, maximumLagOnFailover: flags.maximumLagBytes },
    lease: proofs[4]?.lease ?? base.lease,
    fencer: flags.paused ? fencers.idle : fencers.armed,
    peers: answersOf(situation),
    postgres: {
      ...base.postgres,
      ...{ dataDirectory: directories.primary, process: running('accepting') },
      server: server(false, { replication }),
    },
  }
  const led = {
    ...{ ...memory, lastMembers: cluster.members, lastRole: 'primary' as const },
    notedUnguarded: flags.paused,
  }
  return decide(snap, led).rule.replace(/^(leader|paused)\./, '')
}

async function restOf(situation: Situation): Promise<readonly [number, string] | null> {
  const cluster = clusterOf(situation)
  const log = { debug() {}, info() {}, warning() {}, error() {} }
  const request = requestOf(situation)
  const named =
    request.action === 'switchover' && request.leader === null ? { ...request, leader: 'pg1' } : request
  const reply = await obstacleTo(named, cluster, readFlags(cluster, settings), {
    peers: membersAsked(situation),
    log,
  })
  return reply?.kind === 'text' ? [reply.status, reply.body] : null
}

async function commandOf(situation: Situation): Promise<string | null> {
  const clock = { bootMs: () => NOW, wallMs: () => WALL, sleep: async () => {} }
  const asked = { ...requestOf(situation), cluster: 'c', acceptDataLoss: false, replace: false }
  const deadline = { budgetMs: 1000, leftMs: () => 1000 }
  const survey = surveyOf(clusterOf(situation))
  const plan = await planHandover({ clock, peers: membersAsked(situation) }, asked, survey, deadline)
  return plan.failure?.kind ?? (plan.alreadySo ? 'already' : null)
}

describe('one verdict on a handover', () => {
  test.each(situations)('$what', async situation => {
    const { rule, rest, command } = situation
    expect({ rest: await restOf(situation), command: await commandOf(situation) }).toEqual({ rest, command })
    if (rule !== null) expect(ruleOf(situation)).toBe(rule)
    // Whether it is possible is the same for all, however it is said.
    expect(rest === null, 'the REST API and the command').toBe(command === null)
    if (rule !== null) expect(rule === 'claim-request', 'the agent and the REST API').toBe(rest === null)
  })
})
