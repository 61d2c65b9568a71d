// One tag, one truth: what a node makes of its own tags is what every other reader makes of them, whatever an operator wrote.

import { expect, test } from 'vitest'
import { readTags } from '../../src/config/tags-section.ts'
import { cloneSource } from '../../src/decide/rejoin/clone-source.ts'
import { slotUpkeep } from '../../src/decide/upkeep/member-slots.ts'
import { type CandidateQuestion, dropNotStreaming, judgeCandidates } from '../../src/judge/candidates.ts'
import type { Json, JsonObject, Member } from '../../src/model/cluster/cluster.ts'
import { seen } from '../../src/model/seen.ts'
import { readPeerView } from '../../src/peers/peer-view.ts'
import { failoverTags } from '../../src/wire/tags.ts'
import { base, directories, leaderKey, member, memory, running, server, view } from '../exhaustive/parts.ts'

/** Texts that YAML makes of quoted words stay texts; numbers and null come without quotes. */
const VALUES: readonly Json[] = [
  ...[true, false, 1, 0, 2, null],
  ...['yes', 'no', 'on', 'off', 'On', 'true', 'false', 'False', '1', '0', '', 'maybe'],
]

test.each(VALUES)('nostream: %j', value => {
  const own = readTags({ nostream: value }).tags
  const asked = [true, 1, 'yes', 'on', 'On', 'true', '1'].includes(value as never)
  expect(own.nostream).toBe(asked)
  expect(slotsFor(own.published)).toEqual(own.nostream ? [] : ['pg2'])
  expect(judgedSilent(own.published)).toBe(!own.nostream)
})

test.each(VALUES)('clonefrom: %j', value => {
  const own = readTags({ clonefrom: value }).tags
  expect(own.clonefrom).toBe(![false, 0, null, ''].includes(value as never))
  expect(clonesFrom(own.published)).toBe(own.clonefrom ? 'pg3' : 'pg2')
})

test.each(VALUES.flatMap(flag => [undefined, 1, 0, '0', -1, 'high'].map(rank => [flag, rank] as const)))(
  'nofailover: %j with failover_priority: %j',
  (flag, rank) => {
    const own = readTags({
      nofailover: flag,
      ...(rank === undefined ? {} : { failover_priority: rank }),
    }).tags
    expect(failoverTags(own.published)).toEqual({
      nofailover: own.nofailover,
      failoverPriority: own.failoverPriority,
    })
    const answer = readPeerView(JSON.stringify({ state: 'running', role: 'replica', tags: own.published }), 0)
    expect(answer.known && answer.value).toMatchObject({
      nofailover: own.nofailover,
      failoverPriority: own.failoverPriority,
    })
    expect(verdictOn(own.published) === 'nofailover').toBe(own.nofailover)
  },
)

/** Slots that a primary makes for pg2 with these tags. */
function slotsFor(tags: JsonObject): readonly string[] {
  const cluster = view({
    leader: leaderKey('pg1'),
    members: [member('pg1', 'primary'), member('pg2', 'replica', { tags })],
  })
  if (!cluster.known) throw new Error('a view that was made is known')
  const primary = { ...base.postgres, process: running('accepting'), server: server(false, { slots: [] }) }
  const snap = { ...base, cluster, postgres: { ...primary, dataDirectory: directories.primary } }
  const { actions } = slotUpkeep({ snap, memory, view: cluster.value })
  return actions.flatMap(action => (action.kind === 'change-slots' ? action.create : []))
}

/** Whom a node without data copies: pg3, with these tags, or the leader. */
function clonesFrom(tags: JsonObject): string | null {
  const cluster = view({
    leader: leaderKey('pg2'),
    members: [member('pg2', 'primary'), member('pg3', 'replica', { tags })],
  })
  if (!cluster.known) throw new Error('a view that was made is known')
  return cloneSource({ snap: { ...base, cluster }, memory, view: cluster.value })?.name ?? null
}

const question = (tags: JsonObject): CandidateQuestion => ({
  members: [memberWith(tags)],
  answers: new Map(),
  exclude: [],
  voters: null,
  wal: { kind: 'none', leaderPosition: null },
  clusterTimeline: null,
})

function memberWith(tags: JsonObject): Member {
  return member('pg2', 'replica', { tags })
}

function verdictOn(tags: JsonObject): string | undefined {
  return judgeCandidates(question(tags))[0]?.code
}

/** Would it be missed among those that stream from pg1? A node that streams from nobody is not. */
function judgedSilent(tags: JsonObject): boolean {
  const pg2 = memberWith(tags)
  const answers = new Map([['pg2', seen({ ...HEALTHY, ...failoverTags(tags) }, 0)]])
  const verdicts = judgeCandidates({ ...question(tags), answers })
  return dropNotStreaming(verdicts, [pg2], 'pg1', [])[0]?.code === 'not-streaming'
}

const HEALTHY = {
  ...{ state: 'running', role: 'replica', runsAsPrimary: false, position: 1000n, timeline: 1 },
  ...{ watchdogFailed: false, offHistory: false, paused: false },
}
