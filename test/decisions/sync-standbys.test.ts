// Whom a primary may wait for in synchronous mode, and who has caught up; after the catalogues of spec/ha.md 8.6 and
// spec/postgres.md 10.6.

import { expect, test } from 'vitest'
import {
  rememberStandbys,
  type StandbyQuestion,
  synchronousStandbys,
} from '../../src/decide/sync/standbys.ts'
import type { Member } from '../../src/model/cluster/cluster.ts'
import type { SyncMemory } from '../../src/model/decision/sync-memory.ts'
import { revision } from '../../src/model/revision.ts'
import type { WalSenderView } from '../../src/model/server/postgres.ts'

type Tags = Member['record']['tags']

function member(name: string, tags: Tags = {}, state = 'running'): Member {
  const record = { connUrl: null, apiUrl: null, state, role: 'replica', version: '4.1.5', tags }
  return { name, leaseId: '1', modRevision: revision(1), record } as unknown as Member
}

function sender(applicationName: string, syncState: string, lsn: bigint | null = 100n): WalSenderView {
  const positions = { writeLsn: lsn, flushLsn: lsn, replayLsn: lsn }
  return {
    ...{ applicationName, state: 'streaming', syncState, user: 'replicator', clientAddress: null },
    ...{ syncPriority: syncState === 'async' ? 0 : 1, ...positions },
  }
}

const NOW = 1_000_000
/** The setting has been in force for a while, and nobody was known to have caught up. */
const START: SyncMemory = { setting: '', sinceMs: NOW - 10_000, catchUpLsn: 50n, ready: [] }

const base: StandbyQuestion = {
  ...{ me: 'pg1', mode: 'on', ownPosition: 100n, commit: 'on', wanted: 1, lagMax: null },
  ...{ senders: [], members: [member('pg1'), member('pg2'), member('pg3'), member('pg4')] },
  ...{ setting: '', waitedFor: [], trusted: [], anybody: false, needsAll: true },
}

type Case = Partial<StandbyQuestion> & { readonly memory?: SyncMemory }

/** One more look, and what follows from it. */
function ask(change: Case): string {
  const { memory, ...rest } = change
  const question = { ...base, ...rest }
  const before = memory ?? START
  const { active, confirmed } = synchronousStandbys(question, rememberStandbys(question, NOW, before))
  return `${active.join(',')} / ${confirmed.join(',')}`
}

test.each<readonly [string, Case, string]>([
  ['nobody streams', {}, ' / '],
  ['one standby', { senders: [sender('pg2', 'async')] }, 'pg2 / '],
  [
    'the one that is waited for stays, though another one has more',
    { senders: [sender('pg3', 'async', 120n), sender('pg2', 'sync', 110n)], waitedFor: ['pg2'] },
    'pg2 / pg2',
  ],
  [
    '8.F1: waited for, but without what was acknowledged before',
    { senders: [sender('pg2', 'sync', 40n)], waitedFor: ['pg2'] },
    'pg2 / ',
  ],
  [
    'what it had when it became a voter it still has',
    { senders: [sender('pg2', 'sync', 40n)], waitedFor: ['pg2'], trusted: ['pg2'] },
    'pg2 / pg2',
  ],
  [
    'other names are waited for: whoever is new has to catch up with now',
    {
      senders: [sender('pg2', 'sync', 90n)],
      waitedFor: ['pg2'],
      memory: { ...START, setting: 'pg3', ready: ['pg3'] },
    },
    'pg2 / ',
  ],
  ['8.F7: never a namesake of this node', { senders: [sender('pg1', 'async')] }, ' / '],
  ['8.F10: a sender without a position', { senders: [sender('pg2', 'async', null)] }, ' / '],
  ['no member', { senders: [sender('pg_receivewal', 'async')] }, ' / '],
  [
    'a member that starts',
    { senders: [sender('pg2', 'async')], members: [member('pg2', {}, 'starting')] },
    ' / ',
  ],
  ['nosync', { senders: [sender('pg2', 'async')], members: [member('pg2', { nosync: true })] }, ' / '],
  [
    '8.F9: whoever may not lead comes last',
    {
      senders: [sender('pg2', 'sync'), sender('pg3', 'async')],
      members: [member('pg2', { nofailover: true }), member('pg3')],
      waitedFor: ['pg2'],
    },
    'pg3 / ',
  ],
  [
    'sync_priority comes before what is waited for',
    {
      senders: [sender('pg2', 'sync'), sender('pg3', 'async')],
      members: [member('pg2'), member('pg3', { sync_priority: 5 })],
      waitedFor: ['pg2'],
    },
    'pg3 / ',
  ],
  [
    '8.F17: one that is too far behind',
    { senders: [sender('pg2', 'sync', 10n), sender('pg3', 'async', 100n)], lagMax: 50n, waitedFor: ['pg2'] },
    'pg3 / ',
  ],
  [
    'one alone is measured by this node itself',
    { senders: [sender('pg2', 'sync', 10n)], lagMax: 50n, waitedFor: ['pg2'] },
    ' / ',
  ],
  [
    'names are compared without regard to case',
    { senders: [sender('PG2', 'sync')], waitedFor: ['Pg2'] },
    'pg2 / pg2',
  ],
  [
    'a standby that is to stream from another one that streams from here',
    {
      senders: [sender('pg2', 'async'), sender('pg3', 'async', 200n)],
      members: [member('pg2'), member('pg3', { replicatefrom: 'pg2' })],
      wanted: 2,
    },
    'pg2 / ',
  ],
  [
    'two are wanted: one of them is potential only',
    {
      senders: [sender('pg2', 'sync'), sender('pg3', 'potential')],
      wanted: 2,
      waitedFor: ['pg2', 'pg3'],
    },
    'pg2,pg3 / pg2',
  ],
  [
    'quorum: all that stream, and of those that may not lead only as many as are lacking',
    {
      ...{ mode: 'quorum', wanted: 2, waitedFor: ['pg2', 'pg4'] },
      senders: [
        sender('pg2', 'quorum'),
        { ...sender('pg3', 'quorum'), syncPriority: 0 },
        sender('pg4', 'quorum'),
      ],
      members: [member('pg2'), member('pg3', { nofailover: true }), member('pg4', { nofailover: true })],
    },
    'pg2,pg3 / pg2',
  ],
  [
    'quorum: caught up once is caught up',
    {
      ...{ mode: 'quorum', waitedFor: ['pg2', 'pg3'] },
      senders: [sender('pg2', 'quorum', 60n), sender('pg3', 'quorum', 40n)],
      memory: { ...START, ready: ['pg3'] },
    },
    'pg2,pg3 / pg2,pg3',
  ],
])('%s', (_title, change, expected) => {
  expect(ask(change)).toBe(expected)
})

test.each([
  ['on', 'pg3'],
  ['remote_apply', 'pg2'],
  ['remote_write', 'pg4'],
])('synchronous_commit %s: which position counts', (commit, best) => {
  const of = (name: string, writeLsn: bigint, flushLsn: bigint, replayLsn: bigint): WalSenderView => ({
    ...sender(name, 'async'),
    ...{ writeLsn, flushLsn, replayLsn },
  })
  const senders = [of('pg2', 70n, 70n, 70n), of('pg3', 80n, 80n, 10n), of('pg4', 90n, 10n, 10n)]
  expect(ask({ commit, senders })).toBe(`${best} / `)
})
