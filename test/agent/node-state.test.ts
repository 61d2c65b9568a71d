// What a node says of itself to peers that race holds for the server as it is asked, not as it was at the last beat.

import { expect, test } from 'vitest'
import { createPromiseDesk } from '../../src/agent/failsafe/promise-desk.ts'
import { createLeaseGuard } from '../../src/agent/lease-guard.ts'
import { createNodeState, type OwnedNodeState } from '../../src/agent/node-state.ts'
import type { StepInProgress } from '../../src/model/decision/step-in-progress.ts'
import type { Work } from '../../src/model/decision/work.ts'
import { revision } from '../../src/model/revision.ts'
import { unseen } from '../../src/model/seen.ts'
import type { PostgresView } from '../../src/model/server/postgres.ts'
import { NO_STANDSTILLS } from '../../src/model/server/vitals.ts'
import { systemClock } from '../../src/system/clock.ts'
import { formers } from '../exhaustive/formers.ts'
import {
  base,
  directories,
  leaderKey,
  memory,
  running,
  self,
  server,
  settings,
  silent,
  stopped,
  view,
} from '../exhaustive/parts.ts'

const clock = systemClock()

function standbyOn(timeline: number): PostgresView {
  return {
    ...base.postgres,
    dataDirectory: directories.standby,
    process: running('accepting'),
    server: server(true, { timeline }),
  }
}

function nodeState(
  look: () => PostgresView,
  work: () => Work | null = () => null,
  step: () => StepInProgress | null = () => null,
): OwnedNodeState {
  return createNodeState({
    changed: () => {},
    self: () => self,
    clock,
    guard: createLeaseGuard(clock, () => settings),
    postgres: { look: async () => look() },
    settings: () => settings,
    nextBeatDueMs: () => 0,
    step,
    standstills: () => NO_STANDSTILLS,
    work,
    order: async () => null,
    wake: () => {},
    logger: () => ({ queued: 0, lost: 0 }),
    reload: () => {},
    promises: createPromiseDesk({
      clock,
      guard: createLeaseGuard(clock, () => settings),
      settings: () => settings,
      work,
    }),
  })
}

test('a standby that reached the timeline of the cluster since the last beat no longer says that it is off its history', async () => {
  let now = standbyOn(1)
  const state = nodeState(() => now)
  const cluster = view({
    leader: leaderKey('pg2'),
    history: {
      value: [{ timeline: 1, lsn: 0x3000060n, reason: 'no recovery target specified' }],
      modRevision: revision(20),
    },
  })
  state.update({ ...base, cluster, postgres: now }, memory, 'follower.steady')
  expect(state.extra()).toMatchObject({ off_history: true })
  now = standbyOn(2)
  await state.fresh(1000)
  expect(state.extra()).not.toHaveProperty('off_history')
})

test('that it receives nothing is no objection to a candidate while nobody leads: nobody sends anything then', () => {
  const postgres = standbyOn(1)
  const state = nodeState(() => postgres)
  const starving = {
    leader: 'pg2',
    sinceMs: base.nowMs - 60_000,
    sinceWall: base.wallMs - 60_000,
    replayLsn: 0n,
  }
  const mute = { ...postgres, server: server(true, { timeline: 1, walReceiver: null }) }
  const look = (leader: boolean) => ({
    ...base,
    cluster: view(leader ? { leader: leaderKey('pg2') } : {}),
    postgres: mute,
  })
  state.update(look(true), { ...memory, starving }, 'follower.steady')
  expect(state.extra()).toMatchObject({ receives_nothing: true })
  state.update(look(false), { ...memory, starving }, 'race.failover-interval')
  expect(state.extra()).not.toHaveProperty('receives_nothing')
})

test('when etcd was last seen is said for as long as it is away: an alert on the age must not count from 1970', () => {
  const state = nodeState(() => standbyOn(1))
  expect(state.status().dcsLastSeen).toBeNull()
  state.update({ ...base, wallMs: 1_700_000_000_000 }, memory, 'follower.steady')
  const away = { ...base, wallMs: 1_700_000_050_000, cluster: unseen('etcd does not answer') }
  state.update(away, memory, 'blind.wait')
  expect(state.status().dcsLastSeen).toBe(1_700_000_000)
})

test('an agent that does not know what a former life has left running says so, also before its first look and without etcd', () => {
  const state = nodeState(() => standbyOn(1))
  expect(state.extra()).toMatchObject({ former_may_write: true })
  state.update({ ...base, postgres: standbyOn(1) }, memory, 'follower.steady')
  expect(state.extra()).not.toHaveProperty('former_may_write')
  const nothingRuns = { ...base.postgres, process: stopped, server: silent, former: formers.unknown }
  state.update({ ...base, cluster: unseen('etcd is away'), postgres: nothingRuns }, memory, 'blind.wait')
  expect(state.extra()).toMatchObject({ former_may_write: true })
})

test('the work in progress is shown; a primary that is restarted without a guard is succeeded by nobody meanwhile', () => {
  const startedAtMs = clock.bootMs() - 3000
  const copying = { phase: 'copying', doneBytes: 10, totalBytes: 40 }
  const from = { name: 'pg2', host: '10.0.0.2', port: 5432, slot: null }
  let work: Work | null = null
  const { extra } = nodeState(
    () => standbyOn(1),
    () => work,
  )
  expect(extra().work).toBeUndefined()
  const clone = { kind: 'clone', from, upstream: from, replaces: null } as const
  work = { job: clone, startedAtMs, progress: copying, cancelled: false }
  expect(extra().work).toMatchObject({
    ...{ kind: 'clone', phase: 'copying', bytes_done: 10, bytes_total: 40, source: 'pg2' },
    started_at: expect.stringMatching(/^\d{4}-.*Z$/),
  })
  const restart = { kind: 'restart', as: 'primary', upstream: null, timeoutMs: 1, unguarded: true } as const
  work = { job: restart, startedAtMs, progress: null, cancelled: false }
  expect(extra()).toMatchObject({ former_may_write: true, work: { kind: 'restart', bytes_done: null } })
})

test('while it asks not to be waited for, its document says so as its member key does, and health checks go by its own tags', () => {
  const state = nodeState(() => standbyOn(1))
  state.update(base, memory, 'follower.steady')
  expect(state.status().tags).toEqual(self.tags.published)
  state.update(base, { ...memory, leavingSyncSinceMs: base.nowMs }, 'stopping.leave-sync')
  const { tags, configuredTags } = state.status()
  expect(tags).toEqual({ ...self.tags.published, nosync: true, sync_priority: 0 })
  expect(configuredTags).toEqual(self.tags.published)
})

test('a beat that does not go on: what it saw is not said as if it were true now', () => {
  let step: StepInProgress | null = null
  const state = nodeState(
    () => standbyOn(1),
    () => null,
    () => step,
  )
  state.update({ ...base, postgres: standbyOn(1) }, memory, 'follower.steady')
  step = { what: 'note-origin', sinceMs: clock.bootMs() - 9000 }
  expect(state.status()).toMatchObject({ unfit: null, problem: null })
  step = { what: 'note-origin', sinceMs: clock.bootMs() - 10_001 }
  const why = 'hangs in a step of its beat for more than 10 s (note-origin)'
  expect(state.status()).toMatchObject({
    unfit: `its agent ${why}`,
    problem: {
      id: 'agent-hangs',
      text: `the agent ${why}: what it last saw is old, and its lease is not renewed`,
    },
  })
  expect(state.extra()).toMatchObject({ unfit: `its agent ${why}` })
  step = null
  expect(state.status()).toMatchObject({ unfit: null, problem: null })
})
