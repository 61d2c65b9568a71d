// Leadership by the promises of the members (failsafe mode) in the lease guard: it begins only where leadership has not ended,
// never shortens what is promised, ends with any other holder, and the lease takes its place as soon as the store confirms it.

import { afterEach, expect, test } from 'vitest'
import { createLeaseGuard, type OwnedLeaseGuard } from '../../src/agent/lease-guard.ts'
import { fenceMarginMs, leadershipEndsAtMs } from '../../src/model/timing.ts'
import { settings } from '../exhaustive/parts.ts'

const ttlMs = 30_000
const guards: OwnedLeaseGuard[] = []

afterEach(() => {
  for (const guard of guards.splice(0)) guard.close()
})

/** A node that leads by a lease that was confirmed at 0; the test moves its clock, and whoever sleeps wakes when it moves. */
function leader() {
  const sleepers: { readonly untilMs: number; readonly wake: () => void }[] = []
  const world = { nowMs: 0 }
  const clock = {
    bootMs: () => world.nowMs,
    wallMs: () => 0,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>(wake => {
        sleepers.push({ untilMs: world.nowMs + ms, wake })
        signal?.addEventListener('abort', () => wake())
      }),
  }
  const guard = createLeaseGuard(clock, () => ({ ...settings, ttlMs }))
  guards.push(guard)
  const confirm = () =>
    guard.confirmed({
      ...{ leaseId: '1', ttlMs, sentAtMs: world.nowMs, validUntilMs: world.nowMs + ttlMs, leader: true },
    })
  confirm()
  return {
    guard,
    confirm,
    async moveTo(nowMs: number) {
      world.nowMs = nowMs
      for (const { untilMs, wake } of sleepers) if (untilMs <= nowMs) wake()
      await new Promise(setImmediate)
    },
  }
}

const endOf = ({ view }: OwnedLeaseGuard) => leadershipEndsAtMs(view())

test('promises carry the leadership beyond the lease, and end it with the margin of the fencer', async () => {
  const { guard, moveTo } = leader()
  await moveTo(20_000)
  expect(guard.confirmedByMembers(50_000)).toBe(true)
  expect(endOf(guard)).toBe(50_000)
  const signal = guard.primarySignal()
  await moveTo(50_000 - fenceMarginMs({ ttlMs }) - 1)
  expect(signal.aborted).toBe(false)
  await moveTo(50_000 - fenceMarginMs({ ttlMs }))
  expect(signal.aborted).toBe(true)
})

test('the word of the members comes too late for a leadership that has ended', async () => {
  const { guard, moveTo } = leader()
  await moveTo(ttlMs)
  expect(guard.confirmedByMembers(ttlMs + 30_000)).toBe(false)
  expect(guard.view().membersUntilMs).toBe(0)
  expect(guard.primarySignal().aborted).toBe(true)
})

test('a shorter answer takes back nothing that is promised', async () => {
  const { guard, moveTo } = leader()
  await moveTo(20_000)
  guard.confirmedByMembers(50_000)
  expect(guard.confirmedByMembers(40_000)).toBe(true)
  expect(endOf(guard)).toBe(50_000)
})

test('a lease that is gone leaves the promises, and another holder ends them', async () => {
  const { guard, moveTo } = leader()
  await moveTo(20_000)
  guard.confirmedByMembers(50_000)
  guard.leaseGone()
  expect(endOf(guard)).toBe(50_000)
  expect(guard.primarySignal().aborted).toBe(false)
  guard.refused()
  expect(endOf(guard)).toBe(0)
  expect(guard.primarySignal().aborted).toBe(true)
  expect(guard.confirmedByMembers(60_000)).toBe(false)
})

test('without promises a lease that is gone ends the leadership at once', async () => {
  const { guard, moveTo } = leader()
  await moveTo(20_000)
  guard.leaseGone()
  expect(endOf(guard)).toBe(0)
  expect(guard.primarySignal().aborted).toBe(true)
})

test('as soon as the store confirms the lease it alone counts, so that old promises outlive no lease', async () => {
  const { guard, confirm, moveTo } = leader()
  await moveTo(20_000)
  guard.confirmedByMembers(50_000)
  await moveTo(25_000)
  confirm()
  expect(guard.view()).toMatchObject({ leaderUntilMs: 55_000, membersUntilMs: 0 })
  guard.leaseGone()
  expect(endOf(guard)).toBe(0)
})
