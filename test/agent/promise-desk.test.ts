// The lock between a promise not to lead (failsafe mode) and a claim to lead: of the two, whichever comes first wins, and a
// promise lasts as long as its answer said.

import { expect, test } from 'vitest'
import { createPromiseDesk } from '../../src/agent/failsafe/promise-desk.ts'
import type { LeaseView } from '../../src/model/decision/snapshot.ts'
import type { Job, Work } from '../../src/model/decision/work.ts'
import type { DynamicSettings } from '../../src/model/settings/dynamic-settings.ts'
import { base, settings } from '../exhaustive/parts.ts'

const ttlMs = 30_000
const START = 1_000_000
const ping = (name: string) => ({
  name,
  connUrl: `postgres://${name}:5432/postgres`,
  apiUrl: `http://${name}:8008/patroni`,
  slots: {},
})

/** A desk in a world whose time, lease, work and settings the test moves. */
function desk() {
  const world: { nowMs: number; lease: LeaseView; work: Work | null; settings: DynamicSettings } = {
    nowMs: START,
    lease: { ...base.lease, leaderUntilMs: 0, membersUntilMs: 0 },
    work: null,
    settings: { ...settings, ttlMs, failsafeMode: true },
  }
  const promises = createPromiseDesk({
    clock: { ...clockless, bootMs: () => world.nowMs },
    guard: { view: () => world.lease },
    settings: () => world.settings,
    work: () => world.work,
  })
  return { world, ...promises }
}

const clockless = { wallMs: () => 0, sleep: () => Promise.resolve() }

function working(job: Job): Work {
  return { job, startedAtMs: START, cancelled: false, progress: null }
}

test('a promise lasts for one ttl from when the question came, and says so', () => {
  const { world, promise, mayClaim, view } = desk()
  expect(promise(ping('pg1'))).toEqual({ kind: 'accepted', holdsMs: ttlMs })
  expect(view().last).toEqual({ ...ping('pg1'), atMs: START, untilMs: START + ttlMs })
  world.nowMs += ttlMs - 1
  expect(mayClaim(null)).toBe(false)
  world.nowMs += 1
  expect(mayClaim(null)).toBe(true)
  expect(view().last).toBeNull()
})

test('each question begins it anew, and a shorter ttl takes nothing back', () => {
  const { world, promise, mayClaim, view } = desk()
  promise(ping('pg1'))
  world.nowMs += 10_000
  world.settings = { ...world.settings, ttlMs: 5000 }
  expect(promise(ping('pg1'))).toEqual({ kind: 'accepted', holdsMs: 5000 })
  expect(view().last?.untilMs).toBe(START + ttlMs)
  world.nowMs = START + ttlMs - 1
  expect(mayClaim(null)).toBe(false)
  promise(ping('pg1'))
  expect(view().last?.untilMs).toBe(world.nowMs + 5000)
})

test('who holds the leader key, by the lease or by the word of the members, does not promise', () => {
  const { world, promise, view } = desk()
  world.lease = { ...world.lease, leaderUntilMs: START + 1 }
  expect(promise(ping('pg1'))).toEqual({ kind: 'refused', why: 'this node holds the leader key' })
  world.lease = { ...world.lease, leaderUntilMs: 0, membersUntilMs: START + 1 }
  expect(promise(ping('pg1'))).toMatchObject({ kind: 'refused' })
  expect(view().last).toBeNull()
  world.nowMs += 1
  expect(promise(ping('pg1'))).toMatchObject({ kind: 'accepted' })
})

test('while a request for the leader key is under way nothing is promised, and after the last of them it is', () => {
  const { promise, claiming } = desk()
  const [first, second] = [claiming(), claiming()]
  expect(promise(ping('pg1'))).toEqual({ kind: 'refused', why: 'this node is asking for the leader key' })
  first()
  expect(promise(ping('pg1'))).toMatchObject({ kind: 'refused' })
  second()
  expect(promise(ping('pg1'))).toMatchObject({ kind: 'accepted' })
})

test.each([
  [{ kind: 'start', as: 'primary', upstream: null, timeoutMs: 1 }, 'refused'],
  [{ kind: 'restart', as: 'primary', upstream: null, timeoutMs: 1 }, 'refused'],
  [{ kind: 'start', as: 'standby', upstream: null, timeoutMs: 1 }, 'accepted'],
  [{ kind: 'follow', upstream: null }, 'accepted'],
  [{ kind: 'crash-recovery' }, 'accepted'],
] as const)('work in progress: %j is %s', (job, kind) => {
  const { world, promise } = desk()
  world.work = working(job)
  expect(promise(ping('pg1'))).toMatchObject({ kind })
})

test('a claim despite a promise holds only for the promise that the decision saw', () => {
  const { world, promise, mayClaim } = desk()
  promise(ping('pg1'))
  const seenAtMs = world.nowMs
  world.nowMs += 1000
  promise(ping('pg1'))
  expect(mayClaim(seenAtMs)).toBe(false)
  expect(mayClaim(world.nowMs)).toBe(true)
  // It is forgotten, and binds no longer.
  expect(mayClaim(null)).toBe(true)
})

test('an agent that has just started holds back for the longest ttl that was in force', () => {
  const { world, view, noteSettings } = desk()
  expect(view()).toEqual({ last: null, earlierUntilMs: START + ttlMs, offUntilMs: null })
  world.settings = { ...world.settings, ttlMs: 60_000 }
  noteSettings()
  world.settings = { ...world.settings, ttlMs: 5000 }
  expect(view().earlierUntilMs).toBe(START + 60_000)
})

test('with the mode off, it was on a moment ago: promises hold for one more ttl, the longest one', () => {
  const { world, view, noteSettings } = desk()
  world.settings = { ...world.settings, failsafeMode: false }
  const until = START + ttlMs
  expect(view()).toEqual({ last: null, earlierUntilMs: until, offUntilMs: until })
  world.nowMs += 7000
  noteSettings()
  expect(view().offUntilMs).toBe(until)
  world.settings = { ...world.settings, failsafeMode: true }
  noteSettings()
  expect(view().offUntilMs).toBe(null)
  world.nowMs += 1000
  world.settings = { ...world.settings, failsafeMode: false, ttlMs: 5000 }
  expect(view().offUntilMs).toBe(START + 8000 + ttlMs)
})
