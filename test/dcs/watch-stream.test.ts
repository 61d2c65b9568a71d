// When a watch stream takes its member for silent: time and network are the test's own (the real ones: test/adapters).

import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { keySpace } from '../../src/dcs/keys.ts'
import { Terms } from '../../src/dcs/terms.ts'
import { followWatch, type StreamEnd, type StreamWish } from '../../src/dcs/watch-stream.ts'

const INTERVAL_MS = 1000
const HEADER = { cluster_id: '1', raft_term: '1', revision: '5' }

class FakeStream extends EventEmitter {
  questions = 0

  write(message: object): void {
    if ('progress_request' in message) this.questions += 1
  }

  says(what: object): void {
    this.emit('data', { header: HEADER, created: false, canceled: false, events: [], ...what })
  }
}

let nowMs: number
const clock = { bootMs: () => nowMs, wallMs: () => nowMs, sleep: () => Promise.resolve() }
let abort: AbortController

beforeEach(() => {
  vi.useFakeTimers()
  nowMs = 1_000_000
  abort = new AbortController()
})
afterEach(() => {
  abort.abort()
  vi.useRealTimers()
})

/** A stream that stands, and how it ended: null as long as it has not. */
async function follow(): Promise<{ readonly stream: FakeStream; readonly ended: () => StreamEnd | null }> {
  const stream = new FakeStream()
  let end: StreamEnd | null = null
  const wish = {
    client: { watchClient: { watch: async () => stream } } as unknown as StreamWish['client'],
    token: null,
    keys: keySpace('service', 'watched'),
    fromRevision: 5,
    intervalMs: () => INTERVAL_MS,
    clock,
    terms: new Terms(clock, () => undefined),
    abort: abort.signal,
    onAlive: () => undefined,
    onEvents: () => undefined,
  }
  void followWatch(wish).then(found => {
    end = found
  })
  await vi.advanceTimersByTimeAsync(0)
  stream.says({ created: true })
  return { stream, ended: () => end }
}

async function pass(ms: number): Promise<void> {
  nowMs += ms
  await vi.advanceTimersByTimeAsync(ms)
}

/** The process stands still: its timers are due once when it goes on, however long that was. */
async function pause(ms: number): Promise<void> {
  nowMs += ms
  await vi.advanceTimersByTimeAsync(INTERVAL_MS)
}

test('who was paused asks before it calls its member silent', async () => {
  const { stream, ended } = await follow()
  await pause(60_000)
  expect(ended()).toBeNull()
  expect(stream.questions).toBe(1)
  stream.says({})
  await pass(INTERVAL_MS)
  expect(ended()).toBeNull()
})

test('who was paused with a question open waits for the answer a while longer', async () => {
  const { stream, ended } = await follow()
  await pass(INTERVAL_MS)
  expect(stream.questions).toBe(1)
  await pause(60_000)
  expect(ended()).toBeNull()
  stream.says({})
  await pass(INTERVAL_MS)
  expect(ended()).toBeNull()
})

test('a member that leaves the question open for two intervals is silent', async () => {
  const { stream, ended } = await follow()
  await pass(INTERVAL_MS)
  stream.says({})
  await pass(3 * INTERVAL_MS)
  expect(ended()).toMatchObject({ treatment: 'other-endpoint', why: expect.stringMatching(/^silent for/) })
})
