// When the agent counts as having stood still: by its own timers, and by a step of a beat that does not come back.

import { expect, test } from 'vitest'
import { Standstills } from '../../src/agent/beside/standstills.ts'
import { createLoop } from '../../src/agent/loop.ts'
import type { StepInProgress } from '../../src/model/decision/step-in-progress.ts'
import { settings } from '../exhaustive/parts.ts'
import { handClock } from './hand-clock.ts'

function watched(change: Partial<typeof settings> = {}) {
  const { clock, pass, freeze } = handClock()
  const said: string[] = []
  const gaveUp: string[] = []
  const beat: { step: StepInProgress | null } = { step: null }
  const standstills = new Standstills({
    clock,
    settings: () => ({ ...settings, ttlMs: 30_000, stalledAgentTimeoutMs: 10_000, ...change }),
    step: () => beat.step,
    wake: () => {},
    warn: text => void said.push(text),
    giveUp: why => void gaveUp.push(why),
  })
  void standstills.run()
  const begin = (what: string) => {
    beat.step = { what, sinceMs: clock.bootMs() }
  }
  return { standstills, said, gaveUp, beat, begin, pass, freeze }
}

test('an agent that runs has not stood still, even if its timers are late', async () => {
  const { standstills, said, pass, freeze } = watched()
  await pass(10_000)
  freeze(900)
  await pass(10_000)
  expect(standstills.view()).toMatchObject({ times: 0, totalMs: 0 })
  expect(said).toEqual([])
})

test('each standstill of its event loop is counted and told, and forgotten after ten minutes', async () => {
  const { standstills, said, pass, freeze } = watched()
  for (const ms of [1500, 4000, 1500]) {
    await pass(1000)
    freeze(ms)
    await pass(1000)
  }
  const seen = standstills.view()
  expect(seen).toMatchObject({ times: 3, recentTimes: 3, recentMs: seen.totalMs })
  expect(seen.totalMs).toBeGreaterThan(6200)
  expect(seen.totalMs).toBeLessThanOrEqual(7000)
  expect(seen.longestMs).toBeGreaterThan(3700)
  expect(seen.lastMs).toBeLessThanOrEqual(1500)
  expect(said).toHaveLength(3)
  expect(said[2]).toMatch(
    /stood still for 1\.\d s: its event loop did not turn; in the last ten minutes 3 times, [67]\.\d s in all/,
  )
  await pass(600_000)
  expect(standstills.view()).toMatchObject({ times: 3, recentTimes: 0, recentMs: 0 })
})

test('a step that does not come back is told after the bound, ends the agent, and counts when it is over', async () => {
  const { standstills, said, gaveUp, beat, begin, pass } = watched({ ttlMs: 10_000 })
  await pass(1000)
  begin('note-origin')
  await pass(4700)
  expect(said).toEqual([])
  await pass(800)
  expect(said).toEqual(['the agent does not go on: a step of its beat has not come back (note-origin)'])
  expect(standstills.view().times).toBe(1)
  expect(gaveUp).toEqual([])
  await pass(5000)
  expect(gaveUp).toEqual(['a step of the beat has not come back for 10 s (note-origin)'])
  beat.step = null
  await pass(1000)
  expect(standstills.view()).toMatchObject({ times: 1, recentTimes: 1 })
  expect(gaveUp).toHaveLength(1)
})

test('an agent that was stopped for long does not take that for a step that hangs', async () => {
  const { said, gaveUp, begin, pass, freeze } = watched()
  await pass(1000)
  begin('renew-lease')
  freeze(60_000)
  await pass(1000)
  expect(said).toHaveLength(1)
  expect(said[0]).toContain('its event loop did not turn')
  expect(gaveUp).toEqual([])
})

test('many steps, each within its limit, are no standstill', async () => {
  const { standstills, gaveUp, begin, pass } = watched()
  for (let count = 0; count < 10; count++) {
    begin('ask-peers')
    await pass(4000)
  }
  expect(standstills.view().times).toBe(0)
  expect(gaveUp).toEqual([])
})

test('switched off, a step may take for ever', async () => {
  const { said, gaveUp, begin, pass } = watched({ stalledAgentTimeoutMs: 0 })
  begin('looking')
  await pass(60_000)
  expect([...said, ...gaveUp]).toEqual([])
})

test('the loop ends though its beat does not come back', async () => {
  const { clock } = handClock()
  const never = new Promise<never>(() => {})
  const loop = createLoop({
    ports: { clock } as unknown as Parameters<typeof createLoop>[0]['ports'],
    hooks: { before: () => never, after: () => {}, failed: () => {} },
  })
  const ended = loop.run()
  expect(loop.step()).toEqual({ what: 'getting ready', sinceMs: 1000 })
  loop.abandon(1, 'it hangs')
  expect(await ended).toEqual({ code: 1, why: 'it hangs' })
})
