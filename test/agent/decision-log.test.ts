// What an operator finds in the log: what is new, once; what goes on or alternates, at growing intervals with a count; a
// heartbeat; and levels by which an outage can be found.

import { expect, test } from 'vitest'
import type { DecisionEntry } from '../../src/agent/beat.ts'
import { createDecisionLog } from '../../src/agent/decision-log.ts'
import type { Decision } from '../../src/model/decision/decision.ts'
import type { JournalEntry } from '../../src/ports/journal.ts'
import { build } from '../decisions/notation/build.ts'
import { newDraft } from '../decisions/notation/draft.ts'

const BEGIN = { kind: 'begin', job: { kind: 'crash-recovery' } } as const

function open() {
  const lines: string[] = []
  const journal: JournalEntry[] = []
  const at = (level: string) => (text: string) => void lines.push(`${level}: ${text}`)
  const levels = { debug: at('debug'), info: at('info'), warning: at('warning'), error: at('error') }
  const log = createDecisionLog(
    { ...levels, heartbeat: at('heartbeat') },
    {
      append: entry => void journal.push(entry),
      view: () => ({ dropped: 0, problem: null }),
      recent: async () => ({ known: false, why: 'not asked' }),
      close: async () => {},
    },
  )
  const { snap, memory } = build(newDraft('pg1'))
  /** One beat a call: its decisions in order. */
  const beat = (atS: number, ...decisions: (Partial<Decision> & { readonly rule: string })[]): void => {
    for (const [step, decision] of decisions.entries()) {
      const isLast = step === decisions.length - 1
      const entry: DecisionEntry = {
        snapshot: { ...snap, nowMs: atS * 1000 },
        decision: {
          reason: 'so it is',
          considered: [],
          actions: [],
          upkeep: [],
          memory,
          next: isLast ? 'settled' : 'again',
          wakeInMs: 1000,
          ...decision,
        },
        step,
        cause: 'timer',
      }
      log(entry)
    }
  }
  return {
    beat,
    journal,
    said: () => lines.splice(0),
  }
}

const STEADY = { rule: 'leader.steady', log: 'rest' } as const

test('a steady node says so once, and then as a heartbeat', () => {
  const { beat, said } = open()
  for (let s = 0; s <= 130; s += 10) beat(s, { rule: 'leader.renew-lease', log: 'pulse' }, STEADY)
  expect(said()).toEqual([
    'info: leader.steady: so it is',
    'heartbeat: leader.steady: so it is',
    'heartbeat: leader.steady: so it is',
  ])
})

test('after something else was said, that all is well is news, and no heartbeat that may be left out', () => {
  const { beat, said } = open()
  beat(0, STEADY)
  beat(10, { rule: 'leader.slot', reason: 'a slot is created', log: 'event' }, STEADY)
  expect(said()).toEqual([
    'info: leader.steady: so it is',
    'info: leader.slot: a slot is created',
    'info: leader.steady: so it is',
  ])
})

test('an attempt that fails again and again is said once, then with a count at growing intervals', () => {
  const { beat, said, journal } = open()
  for (let s = 0; s < 300; s += 5) {
    beat(s, { rule: 'down.start', reason: 'starting', actions: [BEGIN] })
    beat(s + 1, { rule: 'busy.wait', reason: `start in progress for ${s % 3}.0 s` })
    beat(s + 2, {
      rule: 'down.failed',
      reason: `FATAL: 2026-11-29 17:00:0${s % 9}.123 UTC [${4000 + s}] no`,
      level: 'warning',
    })
  }
  const lines = said()
  expect(lines.slice(0, 3)).toEqual([
    'info: down.start: starting',
    'info: busy.wait: start in progress for 0.0 s',
    'warning: down.failed: FATAL: 2026-11-29 17:00:00.123 UTC [4000] no',
  ])
  const warnings = lines.slice(3).filter(line => line.startsWith('warning'))
  expect(warnings.map(line => / \(.*\)$/.exec(line)?.[0])).toEqual([
    ' (7 times in 30 s)',
    ' (19 times in 90 s)',
    ' (43 times in 210 s)',
  ])
  // The heartbeats in between.
  expect(lines.length).toBeLessThan(10)
  // The journal has each attempt.
  expect(journal.filter(({ rule }) => rule === 'down.start')).toHaveLength(60)
})

test('what goes on is a warning again after a while, with its time before the remedy', () => {
  const { beat, said } = open()
  const reason = 'the data went its own way. HINT: Remove it'
  for (let s = 0; s <= 31; s++) beat(s, { rule: 'follower.diverged', reason, level: 'warning' })
  expect(said()).toEqual([
    `warning: follower.diverged: ${reason}`,
    'warning: follower.diverged: the data went its own way (for 30 s). HINT: Remove it',
  ])
})

test('a reason with its own running total gets no second one', () => {
  const { beat, said } = open()
  for (let s = 0; s <= 36; s++)
    beat(s, {
      rule: 'leader.server-silent',
      reason: `no answer for ${s}.0 s`,
      level: s < 5 ? 'info' : 'warning',
    })
  expect(said()).toEqual([
    'info: leader.server-silent: no answer for 0.0 s',
    'warning: leader.server-silent: no answer for 5.0 s',
    'warning: leader.server-silent: no answer for 35.0 s',
  ])
})

test('another reason is news; other numbers are not', () => {
  const { beat, said } = open()
  beat(0, { rule: 'race.lag', reason: '42896 bytes behind at 0/5000060' })
  beat(1, { rule: 'race.lag', reason: '42950 bytes behind at 0/5000070' })
  beat(2, { rule: 'race.lag', reason: 'pg2 is behind' })
  beat(3, { rule: 'race.lag', reason: 'pg3 is behind' })
  expect(said()).toHaveLength(3)
})

test('that all is well is said after what was said; after a time of rest everything is new again', () => {
  const { beat, said } = open()
  const demote = { rule: 'leader.lease-ends', level: 'error', actions: [BEGIN] } as const
  beat(0, STEADY)
  beat(1, { rule: 'leader.hold-lease', level: 'warning' })
  beat(2, STEADY)
  beat(3, { rule: 'leader.hold-lease', level: 'warning' })
  beat(4, STEADY)
  expect(said().map(line => line.split(':')[1])).toEqual([
    ' leader.steady',
    ' leader.hold-lease',
    ' leader.steady',
  ])
  for (let s = 5; s < 20; s++) beat(s, STEADY)
  beat(20, { rule: 'leader.hold-lease', level: 'warning' })
  expect(said()).toEqual(['warning: leader.hold-lease: so it is'])
  // That a primary is stopped is said each time.
  beat(21, demote)
  beat(22, STEADY)
  beat(23, demote)
  expect(said()).toEqual([
    'error: leader.lease-ends: so it is',
    'info: leader.steady: so it is',
    'error: leader.lease-ends: so it is (2 times in 2 s)',
  ])
})

test('another leader, and maintenance, are news though all is well', () => {
  const { beat, said } = open()
  beat(0, { rule: 'follower.steady', log: 'rest', reason: 'following a leader (pg1)' })
  beat(10, { rule: 'follower.steady', log: 'rest', reason: 'following a leader (pg1)' })
  beat(20, { rule: 'follower.steady', log: 'rest', reason: 'following a leader (pg2)' })
  beat(30, { rule: 'paused.nothing', log: 'rest', reason: 'PAUSE: no action' })
  expect(said()).toEqual([
    'info: follower.steady: following a leader (pg1)',
    'info: follower.steady: following a leader (pg2)',
    'info: paused.nothing: PAUSE: no action',
  ])
})

test('an event is said each time, however soon it comes again', () => {
  const { beat, said } = open()
  const handover = { rule: 'leader.begin-handover', log: 'event', reason: 'manual failover to pg2' } as const
  beat(0, handover)
  beat(10, { rule: 'leader.hold-lease', reason: 'so it is' })
  beat(20, { rule: 'leader.hold-lease', reason: 'so it is' })
  beat(30, handover)
  expect(said().filter(line => line.includes('begin-handover'))).toHaveLength(2)
})
