// Whose acknowledgement commits wait for, and what is not as the operator wants it, by what is in the store.

import { describe, expect, test } from 'vitest'
import { settingsInForce } from '../../src/config/dynamic.ts'
import { unprotected } from '../../src/decide/report/unprotected.ts'
import { syncProtection } from '../../src/judge/sync-protection.ts'
import type { ClusterView, JsonObject } from '../../src/model/cluster/cluster.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { revision } from '../../src/model/revision.ts'
import type { MemberName } from '../../src/model/units.ts'
import { NOW } from '../exhaustive/frozen.ts'
import { base, leaderKey, member, memory, server, view } from '../exhaustive/parts.ts'
import { proofs } from '../exhaustive/proofs.ts'

interface Key {
  readonly leader?: MemberName | null
  readonly quorum?: number
  readonly standbys?: readonly MemberName[]
}

const state = (name: MemberName, state: string) => member(name, 'replica', { state })
const ALL = [member('pg1', 'primary'), member('pg2', 'replica'), member('pg3', 'replica')]

function clusterOf(key: Key | null, members = ALL): ClusterView {
  const sync =
    key === null
      ? null
      : { value: { leader: 'pg1', quorum: 0, standbys: [], ...key }, modRevision: revision(7) }
  const seen = view({ leader: leaderKey('pg1'), members, sync })
  if (!seen.known) throw new Error('a view is known')
  return seen.value
}

const on = (more: JsonObject = {}): JsonObject => ({ synchronous_mode: true, ...more })
const quorum = (more: JsonObject = {}): JsonObject => ({ synchronous_mode: 'quorum', ...more })
const strict = { synchronous_mode_strict: true }
const NONE = 'nobody is synchronous: commits wait for no standby, and none is elected if the leader is lost'
const NOT_YET = 'the leader pg1 has not taken up synchronous replication yet'
const EVERY = 'nobody is synchronous and the mode is strict: every commit waits'

describe('commits wait for', () => {
  test.each<[JsonObject, Key | null, number, string | null]>([
    [on(), { standbys: ['pg2'] }, 1, null],
    [on(), { standbys: ['PG2'] }, 1, null],
    [on(), { leader: 'PG1', standbys: ['pg2'] }, 1, null],
    [on({ synchronous_node_count: 2 }), { standbys: ['pg2', 'pg3'] }, 2, null],
    [
      on({ synchronous_node_count: 2 }),
      { standbys: ['pg2'] },
      1,
      'few: commits wait for 1 of 2 wanted standbys',
    ],
    [on(), null, 0, `none: ${NOT_YET}`],
    [on(strict), null, 0, `none: ${NOT_YET}`],
    [on(), { leader: 'pg3', standbys: ['pg2'] }, 1, `none: ${NOT_YET}`],
    [on(), {}, 0, `none: ${NONE}`],
    [on(strict), {}, 0, `waits: ${EVERY}`],
    [quorum(), { quorum: 1, standbys: ['pg2', 'pg3'] }, 1, null],
    [quorum({ synchronous_node_count: 2 }), { quorum: 0, standbys: ['pg2', 'pg3'] }, 2, null],
    [
      quorum({ synchronous_node_count: 2 }),
      { quorum: 1, standbys: ['pg2', 'pg3'] },
      1,
      'few: commits wait for 1 of 2 wanted standbys',
    ],
    [quorum(strict), {}, 0, `waits: ${EVERY}`],
  ])('%j, /sync %j', (document, key, acknowledging, problem) => {
    const found = syncProtection(clusterOf(key), document)
    expect(found?.acknowledging).toBe(acknowledging)
    expect(found?.problem == null ? null : `${found.problem.kind}: ${found.problem.text}`).toBe(problem)
  })

  test('a standby that is gone or does not run, and how many may be missing', () => {
    const problem = (document: JsonObject, key: Key, members: typeof ALL) =>
      syncProtection(clusterOf(key, members), document)?.problem ?? null
    const [leader, pg2] = ALL as [(typeof ALL)[0], (typeof ALL)[0]]
    expect(problem(on(), { standbys: ['pg2'] }, [leader])).toEqual({
      kind: 'waits',
      text: 'every commit waits for pg2, which does not run, until the leader lets it go',
    })
    expect(problem(on(strict), { standbys: ['pg2'] }, [leader, state('pg2', 'stopped')])).toEqual({
      kind: 'waits',
      text: 'every commit waits for pg2, which does not run, until it is back',
    })
    // Any one of the two acknowledges.
    const both = { quorum: 1, standbys: ['pg2', 'pg3'] }
    expect(problem(quorum(), both, [leader, pg2, state('pg3', 'starting')])).toBeNull()
    expect(problem(quorum(), both, [leader])?.kind).toBe('waits')
  })

  test('nobody, when the mode is off or the cluster is a standby cluster', () => {
    const key = { standbys: ['pg2'] }
    expect(syncProtection(clusterOf(key), {})).toBeNull()
    expect(syncProtection(clusterOf(key), on({ standby_cluster: { host: 'far' } }))).toBeNull()
  })
})

describe('a leader says of itself', () => {
  const STREAMS = { user: 'r', clientAddress: null, state: 'streaming', applicationName: 'pg2' }

  function said(
    document: JsonObject,
    key: Key | null,
    syncState: string | null,
    more: Partial<Snapshot> = {},
  ): string | null {
    const cluster = clusterOf(key)
    const replication = syncState === null ? [] : [{ ...STREAMS, syncState, syncPriority: 1 }]
    const snap: Snapshot = {
      ...base,
      cluster: { known: true, atMs: NOW, value: cluster },
      settings: settingsInForce(document, null).settings,
      lease: proofs[4]?.lease ?? base.lease,
      postgres: { ...base.postgres, server: server(false, { replication }) },
      ...more,
    }
    return unprotected({ snap, memory, view: cluster })
  }

  test.each<[JsonObject, Key | null, string | null, string | null]>([
    [{}, null, 'async', null],
    [on(), { standbys: ['pg2'] }, 'sync', null],
    [on(), {}, 'async', NONE],
    [on(), null, 'async', NOT_YET],
    // While a second one is still missing, commits are protected.
    [on({ synchronous_node_count: 2 }), { standbys: ['pg2'] }, 'sync', null],
    [on(strict), { standbys: ['pg2'] }, 'sync', null],
    [quorum(strict), { standbys: ['pg2'] }, 'quorum', null],
    // The key still has the last voter.
    [
      on(strict),
      { standbys: ['pg2'] },
      null,
      'no standby is synchronous and synchronous_mode_strict is on: every commit waits',
    ],
  ])('%j, /sync %j, pg2 %s', (document, key, syncState, expected) => {
    expect(said(document, key, syncState)).toBe(expected)
  })

  test('nothing as a standby, or when its server does not answer', () => {
    expect(said(on(), {}, null, { postgres: { ...base.postgres, server: server(true) } })).toBeNull()
    expect(said(on(), {}, null, { lease: base.lease })).toBeNull()
  })
})
