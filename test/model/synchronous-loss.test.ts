// What a failover would lose while replication is synchronous: by what `/sync` says, and by who can be asked. A hactl
// cluster in these modes is judged as one of Patroni, because nothing here asks who runs the members.

import { describe, expect, test } from 'vitest'
import { planHandover } from '../../src/admin/handover/plan.ts'
import { surveyOf } from '../../src/admin/handover/survey.ts'
import type { ClusterView, Member } from '../../src/model/cluster/cluster.ts'
import type { PeerView } from '../../src/model/cluster/peer.ts'
import { revision } from '../../src/model/revision.ts'
import { type Seen, unseen } from '../../src/model/seen.ts'
import type { MemberName } from '../../src/model/units.ts'
import { describeFailure } from '../../src/terminal/error-table.ts'
import { NOW, WALL } from '../exhaustive/frozen.ts'
import { leaderKey, member, peer, view } from '../exhaustive/parts.ts'

const LSN = 0x3000148n
const SILENT = unseen('connection refused')

interface Case {
  readonly what: string
  readonly mode: 'on' | 'quorum'
  readonly quorum?: number
  readonly standbys: readonly MemberName[]
  readonly leads?: boolean
  readonly answers: Readonly<Record<MemberName, Seen<PeerView>>>
  readonly action?: 'switchover'
  readonly candidate: MemberName | null
  /** Exit code and message; null: it would be done. */
  readonly refused: readonly [number, string] | null
}

const cases: readonly Case[] = [
  {
    ...{ what: 'no leader: the synchronous standby has everything', mode: 'on', standbys: ['pg2'] },
    ...{ answers: { pg1: SILENT, pg2: peer(), pg3: peer() }, candidate: 'pg2', refused: null },
  },
  {
    ...{ what: 'no leader: the former leader of /sync has everything', mode: 'on', standbys: ['pg2'] },
    ...{ answers: { pg1: peer(), pg2: SILENT, pg3: SILENT }, candidate: 'pg1', refused: null },
  },
  {
    ...{ what: 'no leader: an asynchronous standby', mode: 'on', standbys: ['pg2'] },
    ...{ answers: { pg1: SILENT, pg2: SILENT, pg3: peer() }, candidate: 'pg3' },
    refused: [
      10,
      'failover to pg3 would lose data: it is not a synchronous standby, and there is no leader to hand over',
    ],
  },
  {
    ...{ what: 'no leader, quorum mode: one vote is needed and there', mode: 'quorum', quorum: 1 },
    ...{ standbys: ['pg2', 'pg3'], answers: { pg1: SILENT, pg2: peer(), pg3: peer() }, candidate: 'pg2' },
    refused: null,
  },
  {
    ...{ what: 'no leader, quorum mode: the voter that is needed is silent', mode: 'quorum', quorum: 1 },
    ...{ standbys: ['pg2', 'pg3'], answers: { pg1: SILENT, pg2: peer(), pg3: SILENT }, candidate: 'pg2' },
    refused: [
      10,
      'failover to pg2 would lose data: quorum mode: 0 of 1 other voters answer and have no more WAL than it, and there is no leader to hand over',
    ],
  },
  {
    ...{ what: 'no leader, quorum mode: another voter has more', mode: 'quorum', quorum: 1 },
    ...{ standbys: ['pg2', 'pg3'], candidate: 'pg2' },
    answers: { pg1: SILENT, pg2: peer(), pg3: peer({ position: LSN + 100n }) },
    refused: [
      10,
      'failover to pg2 would lose 100 bytes of WAL: there is no leader to hand over, and more WAL than the candidate has is known to have been written',
    ],
  },
  {
    ...{ what: 'no leader, quorum mode: who has no vote needs one more', mode: 'quorum', quorum: 0 },
    ...{ standbys: ['pg2'], answers: { pg1: SILENT, pg2: SILENT, pg3: peer() }, candidate: 'pg3' },
    refused: [
      10,
      'failover to pg3 would lose data: quorum mode: 0 of 1 other voters answer and have no more WAL than it, and there is no leader to hand over',
    ],
  },
  {
    ...{
      what: 'a leader that answers hands over to any standby',
      mode: 'on',
      standbys: ['pg2'],
      leads: true,
    },
    ...{ answers: { pg2: peer(), pg3: peer() }, candidate: 'pg3', refused: null },
  },
  {
    ...{ what: 'a leader that does not answer, and an asynchronous standby', mode: 'on', standbys: ['pg2'] },
    ...{ leads: true, answers: { pg1: SILENT, pg2: peer(), pg3: peer() }, candidate: 'pg3' },
    refused: [
      10,
      'failover to pg3 would lose data: it is not a synchronous standby, and the leader pg1, which would have to hand over, does not answer',
    ],
  },
  {
    ...{ what: 'a leader that does not answer, and a voter alone', mode: 'quorum', quorum: 1 },
    ...{ standbys: ['pg2', 'pg3'], leads: true },
    ...{ answers: { pg1: SILENT, pg2: peer(), pg3: SILENT }, candidate: 'pg2' },
    refused: [
      10,
      'failover to pg2 would lose data: quorum mode: 0 of 1 other voters answer and have no more WAL than it, and the leader pg1, which would have to hand over, does not answer',
    ],
  },
  {
    ...{ what: 'a leader that does not answer, and two voters', mode: 'quorum', quorum: 1 },
    ...{ standbys: ['pg2', 'pg3'], leads: true },
    ...{ answers: { pg1: SILENT, pg2: peer(), pg3: peer() }, candidate: 'pg2', refused: null },
  },
  {
    ...{ what: 'a leader that does not answer, and the synchronous standby', mode: 'on', standbys: ['pg2'] },
    ...{ leads: true, answers: { pg1: SILENT, pg2: peer(), pg3: peer() }, candidate: 'pg2', refused: null },
  },
  {
    ...{ what: 'a switchover to an asynchronous standby', mode: 'on', standbys: ['pg2'], leads: true },
    ...{ action: 'switchover', answers: { pg2: peer(), pg3: peer() }, candidate: 'pg3' },
    refused: [3, 'switchover refused: candidate pg3: not a synchronous standby (pg2)'],
  },
  {
    ...{ what: 'a switchover without a synchronous standby', mode: 'on', standbys: [], leads: true },
    ...{ action: 'switchover', answers: { pg2: peer(), pg3: peer() }, candidate: null },
    refused: [
      3,
      'switchover refused: no member of cluster c can take over: pg2: not a synchronous standby (there is none); pg3: not a synchronous standby (there is none)',
    ],
  },
  {
    ...{ what: 'a switchover without enough votes', mode: 'quorum', quorum: 1, standbys: ['pg2', 'pg3'] },
    ...{ leads: true, action: 'switchover', answers: { pg2: peer(), pg3: SILENT }, candidate: null },
    refused: [
      3,
      'switchover refused: quorum requirement 1 can not be reached: 1 of 2 voters can take over; pg3: not reachable: connection refused',
    ],
  },
]

async function planOf(each: Case) {
  const seen = view({
    leader: each.leads === true ? leaderKey('pg1') : null,
    members: ['pg1', 'pg2', 'pg3'].map(name => member(name, name === 'pg1' ? 'primary' : 'replica')),
    config: {
      value: { valid: true, document: { synchronous_mode: each.mode } },
      modRevision: revision(3),
    },
    sync: {
      value: { leader: 'pg1', quorum: each.quorum ?? 0, standbys: each.standbys },
      modRevision: revision(7),
    } satisfies ClusterView['sync'],
  })
  if (!seen.known) throw new Error('a view is known')
  const answers = { pg1: peer({ runsAsPrimary: true, role: 'primary' }), ...each.answers }
  const peers = {
    ask: async (members: readonly Member[]) =>
      new Map(Object.entries(answers).filter(([name]) => members.some(asked => asked.name === name))),
    answers: async () => true,
  }
  const clock = { bootMs: () => NOW, wallMs: () => WALL, sleep: async () => {} }
  const action = each.action ?? 'failover'
  const leader = action === 'switchover' ? 'pg1' : null
  const request = { action, cluster: 'c', leader, candidate: each.candidate, scheduledAt: null } as const
  const asked = { ...request, acceptDataLoss: false, replace: false }
  const deadline = { budgetMs: 1000, leftMs: () => 1000 }
  const plan = (more: object) =>
    planHandover({ clock, peers }, { ...asked, ...more }, surveyOf(seen.value), deadline)
  return { plan: await plan({}), accepting: await plan({ acceptDataLoss: true }) }
}

describe('what a failover would lose in a synchronous mode', () => {
  test.each(cases)('$mode: $what', async each => {
    const { plan, accepting } = await planOf(each)
    const shown = plan.failure === null ? null : describeFailure(plan.failure)
    expect(shown === null ? null : [shown.exit, shown.message]).toEqual(each.refused)
    if (shown !== null) expect(shown.hint).not.toBe('')
    // The flag accepts a loss, and nothing else.
    expect(accepting.failure === null).toBe(each.refused === null || each.refused[0] === 10)
  })

  test('a dry run says who is asynchronous', async () => {
    const found = cases.find(({ what }) => what.startsWith('a leader that answers'))
    if (found === undefined) throw new Error('no such case')
    const { plan } = await planOf(found)
    expect(plan.verdicts.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'pg2: at 0/3000148, 0 bytes behind the leader',
      'pg3: at 0/3000148, 0 bytes behind the leader; not a synchronous standby',
    ])
  })
})
