// The desk at which orders wait for a beat: each is answered once, begun once, or withdrawn.

import { expect, test } from 'vitest'
import { createOrderDesk } from '../../src/agent/order-desk.ts'
import type { Order } from '../../src/model/decision/order.ts'
import type { FinishedWork } from '../../src/model/decision/work.ts'
import { systemClock } from '../../src/system/clock.ts'

const who = { by: 'a client at 10.0.0.9' }
const restart = (id: string): Order => ({ kind: 'restart', id, ...who, filters: {}, timeoutMs: null })
const never = new AbortController().signal
const LONG = { beginMs: 60_000, endMs: 60_000 }
const SHORT = { beginMs: 1, endMs: 60_000 }

function desk() {
  const wakes: string[] = []
  const { admit, place, ...more } = createOrderDesk(systemClock(), cause => wakes.push(cause))
  const placeBeforeBeat: typeof place = (...order) => {
    const answered = place(...order)
    admit()
    return answered
  }
  return { wakes, admit, placeLate: place, place: placeBeforeBeat, ...more }
}

function finished(order: string, how: Partial<FinishedWork>): FinishedWork {
  const job = { kind: 'restart', as: 'standby', upstream: null, timeoutMs: 1, order } as const
  const plain = { ok: true, why: '', cancelled: false, finishedAtMs: 0, position: null, damaged: false }
  return { job, ...plain, ...how }
}

test('an order wakes the agent, waits, and is answered', async () => {
  const { place, waiting, answer, wakes } = desk()
  const answered = place(restart('1'), LONG, never)
  expect(wakes).toEqual(['rest: restart asked for'])
  expect(waiting()?.id).toBe('1')
  answer('1', { is: 'busy', why: 'clone already in progress' })
  expect(await answered).toEqual({ is: 'busy', why: 'clone already in progress' })
  expect(waiting()).toBeNull()
})

test.each([
  [{}, { is: 'restarted' }],
  [
    { ok: false, why: 'it ended' },
    { is: 'failed', why: 'it ended' },
  ],
  [{ ok: false, why: 'late', stillStarting: true as const }, { is: 'still-starting' }],
])('one that was begun is answered by the end of its work: %j', async (how, answer) => {
  const { place, waiting, begin, ended } = desk()
  const answered = place(restart('1'), SHORT, never)
  expect(begin('1')).toBe(true)
  expect(waiting()).toBeNull()
  ended(finished('another', {}))
  ended(finished('1', how))
  expect(await answered).toEqual(answer)
})

test('work that does not end keeps no client for ever', async () => {
  const { place, begin, ended, waiting } = desk()
  const answered = place(restart('1'), { beginMs: 1, endMs: 1 }, never)
  expect(begin('1')).toBe(true)
  expect(await answered).toEqual({ is: 'still-starting' })
  ended(finished('1', {}))
  expect(waiting()).toBeNull()
})

test('whoever asked for a new copy learns that it begins', async () => {
  const { place, begin } = desk()
  const order = { kind: 'reinitialize', id: '1', ...who, force: false, fromLeader: false } as const
  const answered = place(order, LONG, never)
  expect(begin('1')).toBe(true)
  expect(await answered).toEqual({ is: 'started' })
})

test('what nobody began in time is withdrawn, and not begun any more', async () => {
  const { place, waiting, begin } = desk()
  expect(await place(restart('1'), SHORT, never)).toBeNull()
  expect(waiting()).toBeNull()
  expect(begin('1')).toBe(false)
})

test('so is what a client asked for that has gone', async () => {
  const { place, begin } = desk()
  const gone = new AbortController()
  const answered = place(restart('1'), LONG, gone.signal)
  gone.abort()
  expect(await answered).toBeNull()
  expect(begin('1')).toBe(false)
})

test('a schedule does not wait behind a restart that waits for its moment', () => {
  const { place, waiting } = desk()
  void place(restart('1'), SHORT, never)
  void place({ kind: 'delete-scheduled-restart', id: '2', ...who }, SHORT, never)
  expect(waiting()?.id).toBe('2')
})

test('a program that goes wild is refused', async () => {
  const { place } = desk()
  for (let id = 0; id < 8; id++) void place(restart(String(id)), SHORT, never)
  expect(await place(restart('8'), LONG, never)).toMatchObject({ is: 'refused' })
})

test('what comes during a beat is for the next one, which it wakes: a flood does not keep a beat from its end', () => {
  const { placeLate, waiting, admit, wakes } = desk()
  void placeLate(restart('1'), SHORT, never)
  expect([waiting(), wakes.length]).toEqual([null, 1])
  admit()
  expect(waiting()?.id).toBe('1')
})
