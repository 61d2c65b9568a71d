// What the member key says of a server that is not well.

import { expect, test } from 'vitest'
import { reportCluster } from '../../src/admin/cluster-report.ts'
import { memberRecord } from '../../src/decide/member-record.ts'
import { clusterText } from '../../src/terminal/member-table.ts'
import { build } from './build.ts'
import { newDraft, type PostgresDraft } from './draft.ts'

/** The key of a standby, and what `hactl list` shows as its state. */
function published(postgres: Partial<PostgresDraft>) {
  const draft = newDraft('pg2')
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
  expect(record.extra).toEqual({ hactl: { version: expect.any(String) } })
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
