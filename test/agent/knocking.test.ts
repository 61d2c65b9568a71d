// When a server counts as silent: only while the agent itself runs.

import { expect, test } from 'vitest'
import { Knocking } from '../../src/agent/beside/knocking.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import type { Knock } from '../../src/model/server/vitals.ts'
import { base, running, server, settings, silent, stopped } from '../exhaustive/parts.ts'
import { handClock } from './hand-clock.ts'

const answering: Snapshot = {
  ...base,
  postgres: { ...base.postgres, process: running('accepting'), server: server(false) },
}
const mute: Snapshot = {
  ...base,
  postgres: { ...base.postgres, process: running('unknown'), server: silent },
}

/** A server that answers or not, on a clock that a test moves by hand. */
function knocked(hungServerTimeoutMs = 5000) {
  const { clock, pass, freeze } = handClock()
  const asked: Knock[] = []
  const causes: string[] = []
  const state: { answers: boolean } = { answers: true }
  const knocking = new Knocking({
    clock,
    settings: () => ({ ...settings, hungServerTimeoutMs }),
    wake: cause => void causes.push(cause),
    failed: why => void causes.push(why),
    postgres: {
      knock: async (ask, limitMs) => {
        asked.push(ask)
        if (state.answers) return true
        await clock.sleep(limitMs)
        return state.answers
      },
    },
  })
  return {
    ...{ knocking, asked, causes, state, pass, freeze },
    silentForMs: () => {
      const since = knocking.view().unansweredSinceMs
      return since === null ? null : clock.bootMs() - since
    },
  }
}

test('a server that answers is asked every second, and nobody is woken', async () => {
  const { knocking, asked, causes, pass, silentForMs } = knocked()
  knocking.consider(answering)
  await pass(4500)
  expect(asked).toHaveLength(5)
  expect(causes).toEqual([])
  expect(silentForMs()).toBe(null)
})

test('its silence is counted from the first connection that got no answer, and over with the first that got one', async () => {
  const { knocking, causes, pass, silentForMs, state } = knocked()
  state.answers = false
  knocking.consider(answering)
  await pass(8000)
  expect(silentForMs()).toBe(8000)
  expect(causes).toEqual(['PostgreSQL does not answer a new connection'])
  state.answers = true
  await pass(2000)
  expect(silentForMs()).toBe(null)
  expect(causes).toHaveLength(2)
  expect(knocking.view().unansweredTotalMs).toBeGreaterThan(6000)
})

test('a server whose queries wait is asked by logging in', async () => {
  const { knocking, asked, pass } = knocked()
  knocking.consider(mute)
  await pass(500)
  expect(asked).toEqual(['login'])
})

test('an agent that was frozen does not blame the server', async () => {
  const { knocking, freeze, pass, silentForMs, state } = knocked()
  state.answers = false
  knocking.consider(answering)
  await pass(500)
  freeze(60_000)
  expect(silentForMs()).toBe(null)
  await pass(2000)
  expect(silentForMs()).toBeLessThanOrEqual(2000)
})

test('a server that does not run, and a switch that is off', async () => {
  const { knocking, asked, pass, state, silentForMs } = knocked()
  state.answers = false
  knocking.consider(answering)
  await pass(1500)
  knocking.consider({ ...answering, postgres: { ...base.postgres, process: stopped, server: silent } })
  expect(silentForMs()).toBe(null)
  await pass(5000)
  expect(asked).toHaveLength(1)
  const off = knocked(0)
  off.knocking.consider(answering)
  await off.pass(5000)
  expect(off.asked).toEqual([])
})
