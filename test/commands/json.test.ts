// The shape of every command's --json is pinned: adding a field means changing the schema file, in the same review.

import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { HandoverReport } from '../../src/admin/handover/handover.ts'
import type { Finding } from '../../src/admin/look/health.ts'
import type { OperationRow } from '../../src/admin/members/member-operation.ts'
import type { CandidateVerdict } from '../../src/model/cluster/verdict.ts'
import { writeDemo, writeLost, writeNew, writeTwo } from './stage/clusters.ts'
import { type FakeCluster, openCluster } from './stage/members.ts'
import { type Schema, violations } from './stage/schema.ts'
import { openStage, type Stage } from './stage/stage.ts'

let stage: Stage
let cluster: FakeCluster

beforeAll(async () => {
  stage = await openStage()
  await Promise.all([writeDemo(stage), writeTwo(stage), writeNew(stage), writeLost(stage)])
  cluster = await openCluster(stage)
})
afterAll(async () => {
  await cluster.close()
  await stage.stop()
})

async function schemaNamed(name: string): Promise<Schema> {
  return JSON.parse(await readFile(new URL(`schemas/${name}.json`, import.meta.url), 'utf8'))
}

test.each([
  ['list', 'list demo two new lost --no-ask', 0],
  ['list', 'list duo', 0],
  ['list', 'list demo nowhere --no-ask', 4],
  ['list', 'topology two --no-ask', 0],
  ['history', 'history demo', 0],
  ['history', 'history two', 0],
  ['show-config', 'show-config demo', 0],
  ['edit-config', 'edit-config demo --set ttl=25 --force', 0],
  ['edit-config', 'edit-config demo --set ttl=25 --force', 0],
  ['edit-config', 'edit-config demo --set ttl=abc --force', 3],
  ['version', 'version', 0],
  ['version', 'version duo', 0],
  ['version', 'version demo', 9],
  ['handover', 'switchover duo --dry-run', 0],
  ['handover', 'switchover duo --candidate pg2 --dry-run', 3],
  ['handover', 'failover duo --candidate pg0 --force', 0],
  ['operation', 'reload duo pg1 --force', 0],
  ['operation', 'restart duo --dry-run', 0],
  ['operation', 'flush duo restart', 0],
  ['flush-switchover', 'flush duo switchover', 0],
  ['rolling-restart', 'rolling restart duo --dry-run', 0],
  ['handover', 'failover duo --candidate pg1', 2],
  ['failure', 'restart duo', 2],
  ['failure', 'history nowhere', 4],
  ['failure', 'list --bad', 2],
])('%s: hactl %s --json', async (name, line, code) => {
  const ran = await stage.hactl([...line.split(' '), '--json'])
  expect([ran.code, ran.stderr]).toEqual([code, ''])
  expect(violations(JSON.parse(ran.stdout), await schemaNamed(name))).toEqual([])
})

/** Every word that the code knows: the compiler misses none. */
const CODES: Readonly<Record<CandidateVerdict['code'], true>> = {
  ...{ good: true, nofailover: true, 'no-api-url': true, 'not-voter': true, unreachable: true },
  ...{ 'no-position': true, watchdog: true, 'runs-as-primary': true, behind: true },
  ...{ 'timeline-unknown': true, 'timeline-behind': true, 'not-streaming': true, unfit: true },
}
const OUTCOMES: Readonly<Record<OperationRow['outcome'], true>> = {
  ...{ done: true, scheduled: true, requested: true, already: true, refused: true, conflict: true },
  ...{ failed: true, unreachable: true, 'timed-out': true, left: true, planned: true },
}
const HANDOVERS: Readonly<Record<HandoverReport['outcome'], true>> = {
  ...{ done: true, already: true, scheduled: true, planned: true, requested: true },
  ...{ 'not-begun': true, unfinished: true },
}
const FINDINGS: Readonly<Record<Finding['kind'], true>> = {
  ...{ 'no-leader': true, 'not-writable': true, 'no-answer': true, state: true, 'not-streaming': true },
  ...{ timeline: true, lag: true, problem: true, paused: true, mode: true, configuration: true },
  ...{ request: true, members: true, keys: true, synchronous: true },
}

test.each([
  ['handover', ['candidates', 'items', 'properties', 'code'], CODES],
  ['handover', ['outcome'], HANDOVERS],
  ['operation', ['members', 'items', 'properties', 'outcome'], OUTCOMES],
  ['check', ['findings', 'items', 'properties', 'kind'], FINDINGS],
])('the schema %s lists every word of %j', async (name, path, words) => {
  let at = JSON.parse(await readFile(new URL(`schemas/${name}.json`, import.meta.url), 'utf8')).properties
  for (const key of path) at = at[key]
  const known: readonly string[] = Object.keys(words)
  expect(at.enum.toSorted()).toEqual(known.toSorted())
})

test('the check itself sees what is wrong', async () => {
  const schema = await schemaNamed('version')
  const good = { ok: true, error: null, version: '1', cluster: null, members: [] }
  expect(violations(good, schema)).toEqual([])
  expect(violations({ ...good, more: 1 }, schema)).toEqual(['$.more: not in the schema'])
  expect(violations({ ...good, version: 1 }, schema)).toEqual(['$.version: not string: 1'])
  expect(violations({ ...good, members: [{}] }, schema)).toHaveLength(5)
})
