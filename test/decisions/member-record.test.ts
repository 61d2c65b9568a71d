// What the member key says of a server that is not well.

import { expect, test } from 'vitest'
import { reportCluster } from '../../src/admin/look/cluster-report.ts'
import { memberRecord } from '../../src/decide/report/own-record.ts'
import { revision } from '../../src/model/revision.ts'
import { clusterText } from '../../src/terminal/table/member-table.ts'
import { build } from './notation/build.ts'
import { DEFAULT_LSN, type Draft, newDraft, type PostgresDraft } from './notation/draft.ts'
import { WALL_MS } from './notation/forms-world.ts'

/** The key of a standby, and what `hactl list` shows as its state. */
function published(postgres: Partial<PostgresDraft>, change: (draft: Draft) => void = () => {}) {
  const draft = newDraft('pg2')
  change(draft)
  Object.assign(draft.postgres, { process: 'running', role: 'standby', ...postgres })
  const question = build(draft)
  const { cluster } = question.snap
  if (!cluster.known) throw new Error(cluster.why)
  const record = memberRecord(question)
  const members = cluster.value.members.map(each => (each.name === 'pg2' ? { ...each, record } : each))
  const report = reportCluster('demo', '/service/', { ...cluster.value, members })
  const member = report.members.find(({ name }) => name === 'pg2')
  if (member === undefined) throw new Error('not listed')
  const shown = clusterText(report, 'tsv', false)
  return { record, member, shown: shown.split('\n').find(line => line.includes('\tpg2\t')) }
}

test('a server that runs and lets nobody in says why, beside the state that Patroni knows', () => {
  const { record, member, shown } = published({
    readiness: 'accepting',
    serverUnknown: 'could not write init file',
  })
  const problem = 'PostgreSQL runs, but lets no session in: could not write init file'
  expect(record).toMatchObject({ state: 'running', extra: { hactl: { problem, problem_id: 'no-access' } } })
  expect(member).toMatchObject({ state: 'running', problem })
  expect(shown).toContain('\tReplica\trunning, no access\t')
})

test.each([
  [{ readiness: 'accepting', serverUnknown: null }],
  [{ readiness: 'unknown', serverUnknown: 'no answer within 2000 ms' }],
  [{ readiness: 'rejecting', serverUnknown: 'the database system is starting up' }],
  [{ process: 'stopped', serverUnknown: 'nothing runs' }],
] as const)('no such word about %j', postgres => {
  const { record, member, shown } = published(postgres)
  expect(record.extra).toEqual({ hactl: { version: expect.any(String), lease_ttl: 30 } })
  expect(member.problem).toBe(null)
  expect(shown).not.toContain('no access')
})

test('a data directory in which nothing can be made says what is in the way, and what helps', () => {
  const { member } = published({
    directory: 'empty',
    obstacle: '/data holds lost+found',
    process: 'stopped',
    serverUnknown: 'nothing runs',
  })
  expect(member.problem).toContain('/data holds lost+found')
  expect(member.problem).toContain('postgresql.data_dir')
})

/** pg1 leads and writes; for this long nothing came from it. */
function starving(forMs: number, replayed = DEFAULT_LSN) {
  return (draft: Draft) => {
    draft.etcd.leader = { name: 'pg1', leaseId: '101', modRevision: revision(30) }
    draft.etcd.optime = DEFAULT_LSN
    const since = {
      sinceMs: draft.nowMs - forMs,
      sinceWall: Date.UTC(2026, 10, 22, 9, 30),
      replayLsn: replayed,
    }
    draft.memory = {
      lastLeader: 'pg1',
      rejoin: 'follow',
      agreesWith: null,
      starving: { leader: 'pg1', ...since },
    }
  }
}

const NOTHING_COMES = 'receives no WAL from leader pg1 since 2026-11-22 09:30:00 UTC'

test('a standby that receives nothing says so after two attempts of PostgreSQL and two loops of the agent', () => {
  expect(published({ streaming: false }, starving(19_000)).member.problem).toBe(null)
  const { member, shown } = published({ streaming: false }, starving(21_000))
  expect(member).toMatchObject({ state: 'running', problem: NOTHING_COMES })
  expect(shown).toContain(NOTHING_COMES)
})

test('an archive gives WAL in files: it has longer, and for ever when the node has all that the leader has published', () => {
  const behind = DEFAULT_LSN - 0x100n
  const archive = { streaming: false, archive: true, lsn: behind }
  expect(published(archive, starving(290_000, behind)).member.problem).toBe(null)
  expect(published(archive, starving(310_000, behind)).member.problem).toBe(NOTHING_COMES)
  expect(published({ streaming: false, archive: true }, starving(3_600_000)).member.problem).toBe(null)
})

test('replay that an operator has paused is told, that PostgreSQL has paused it for a setting is not', () => {
  const paused = (draft: Draft) => {
    draft.memory = { replayPausedSince: Date.UTC(2026, 10, 22, 9, 30) }
  }
  expect(published({ replayPaused: true }, paused).member.problem).toBe(
    'WAL replay is paused by hand since 2026-11-22 09:30:00 UTC: what is received is not shown to readers',
  )
  expect(published({ replayPaused: true, settingsTooLow: true }, paused).member.problem).toBe(null)
})

test('the leader tells of members that are gone while their slots are kept, and a standby does not', () => {
  const gone = (own: string) => {
    const draft = newDraft(own)
    draft.etcd.leader = { name: 'pg2', leaseId: '102', modRevision: revision(30) }
    draft.leaderLeftMs = own === 'pg2' ? 20_000 : null
    const now = { lastNeededMs: draft.nowMs - 60_000, lastNeededWall: Date.UTC(2026, 10, 22, 9, 30, 0, 7) }
    const tooOld = { lastNeededMs: draft.nowMs - 31 * 60_000, lastNeededWall: 0 }
    draft.memory = {
      retainedSlots: [
        { slot: 'pg1', ...now, member: 'pg1' },
        { slot: 'pg_7', ...now, member: 'pg-7' },
        { slot: 'pg8', ...now, member: null },
        { slot: 'pg9', ...tooOld, member: 'pg9' },
      ],
    }
    Object.assign(draft.postgres, { process: 'running', role: own === 'pg2' ? 'primary' : 'standby' })
    return (memberRecord(build(draft)).extra.hactl as { readonly gone?: unknown }).gone
  }
  const until = '2026-11-22T10:00:00Z'
  expect(gone('pg2')).toEqual([
    { slot: 'pg_7', name: 'pg-7', since: '2026-11-22T09:30:00Z', until },
    { slot: 'pg8', until },
  ])
  expect(gone('pg3')).toBe(undefined)
})

test('why nobody leads comes before what follows from that: nobody sends WAL then', () => {
  const { member } = published({ streaming: false }, draft => {
    const past = { sinceMs: draft.nowMs - 60_000, sinceWall: WALL_MS - 60_000 }
    draft.settings.failoverIntervalMs = 600_000
    draft.memory.lastLeader = 'pg3'
    draft.memory.starving = { leader: 'pg3', replayLsn: DEFAULT_LSN, ...past }
    draft.memory.lastFailover = { from: 'pg1', to: 'pg3', at: '2026-11-22T08:59:00Z', ...past }
  })
  expect(member.problem).toContain(
    'nobody leads: after the failover from pg1 to pg3 the next one waits until',
  )
})
