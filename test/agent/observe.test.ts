// One look at PostgreSQL serves the steps of a beat, unless something has changed what it would see.

import { expect, test } from 'vitest'
import { NOTHING_LEARNED } from '../../src/model/decision/learned.ts'
import type { FinishedWork } from '../../src/model/decision/work.ts'
import { unseen } from '../../src/model/seen.ts'
import { type AgentFacts, type ObservePorts, observe } from '../../src/observe/observe.ts'
import { base, running, server, view } from '../exhaustive/parts.ts'

const agent: AgentFacts = {
  self: base.self,
  settings: base.settings,
  settingsConfirmed: true,
  configRevision: null,
  configuration: base.configuration,
  startedAtMs: base.startedAtMs,
  stopRequested: false,
  work: null,
  finished: null,
}
const untouched = { ...NOTHING_LEARNED, postgresTouched: false }
const stopped: FinishedWork = {
  job: { kind: 'stop', mode: 'immediate', checkpoint: false, timeoutMs: 200 },
  ok: true,
  why: '',
  cancelled: false,
  finishedAtMs: base.nowMs,
  position: null,
  damaged: false,
}

function world(): ObservePorts & { readonly looks: () => number } {
  let looks = 0
  return {
    looks: () => looks,
    store: { view: () => unseen('not read') },
    postgres: {
      look: async () => {
        looks++
        return base.postgres
      },
      compareRecovery: async () => unseen('not asked'),
      readHistory: async () => unseen('not asked'),
    },
    fencer: { view: () => base.fencer, lookAtWatchdog: async () => unseen('not asked') },
    clock: {
      bootMs: () => base.nowMs,
      wallMs: () => base.wallMs,
      sleep: (): Promise<void> => new Promise(() => {}),
    },
    guard: { view: () => base.lease },
  }
}

test('a later step reuses the look of an earlier one', async () => {
  const ports = world()
  const { look } = await observe(ports, agent, NOTHING_LEARNED, null)
  await observe(ports, agent, untouched, look)
  expect(ports.looks()).toBe(1)
})

test('an action that changed PostgreSQL makes it look again', async () => {
  const ports = world()
  const { look } = await observe(ports, agent, NOTHING_LEARNED, null)
  await observe(ports, agent, { ...untouched, postgresTouched: true }, look)
  expect(ports.looks()).toBe(2)
})

test('work that ended in the middle of the beat does: a server that was just stopped is not seen running', async () => {
  const ports = world()
  const { look } = await observe(ports, agent, NOTHING_LEARNED, null)
  await observe(ports, { ...agent, finished: stopped }, untouched, look)
  expect(ports.looks()).toBe(2)
})

test('a disk that hangs while the settings are read delays no beat: they are unknown', async () => {
  const ports = world()
  const never = new Promise<never>(() => {})
  const asked: number[] = []
  const { snapshot } = await observe(
    {
      ...ports,
      store: { view: () => view({}) },
      postgres: {
        look: async () => ({ ...base.postgres, process: running('accepting'), server: server(true) }),
        compareRecovery: () => never,
        readHistory: () => never,
      },
      clock: {
        ...ports.clock,
        sleep: async ms => {
          asked.push(ms)
        },
      },
    },
    { ...agent, self: { ...agent.self, tags: { ...agent.self.tags, nostream: true } } },
    NOTHING_LEARNED,
    null,
  )
  expect(snapshot.recovery).toEqual({ known: false, why: 'it took too long' })
  expect(asked).toContain(2500)
})
