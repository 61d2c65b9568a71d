// POST and DELETE /restart, POST /reinitialize: which orders they leave for the agent, and in which words each answer goes out.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { OrderAnswer } from '../../src/model/decision/order.ts'
import { type Running, startServer } from './node.ts'

let running: Running

beforeAll(async () => {
  running = await startServer()
})
afterAll(() => running.server.stop())
beforeEach(() => {
  running.node.orders.length = 0
  running.node.answer = { is: 'restarted' }
  running.node.set({ paused: false })
})

async function ask(request: string, body?: unknown): Promise<string> {
  const [method = '', path = ''] = request.split(' ')
  const response = await fetch(running.base + path, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return `${response.status} ${(await response.text()).replace(/<!DOCTYPE[\s\S]*/, 'a page')}`
}

const SOON = new Date(Date.now() + 3_600_000).toISOString()

describe('a body of POST /restart', () => {
  const refused: readonly (readonly [unknown, string])[] = [
    [{ schedule: '2030-01-01T10:00' }, '400 Timezone information is mandatory for the scheduled restart'],
    [{ schedule: '2020-01-01T10:00+00' }, '422 Cannot schedule restart in the past'],
    [
      { schedule: 'tomorrow-ish' },
      '422 Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601',
    ],
    [{ role: 'master' }, '400 PostgreSQL role should be either primary, standby_leader, or replica'],
    [{ role: 1 }, '400 PostgreSQL role should be either primary, standby_leader, or replica'],
    [{ postgres_version: '9' }, '400 Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 9'],
    [{ postgres_version: 'a.b.c' }, '400 Invalid PostgreSQL version: a.b.c'],
    [{ timeout: 0 }, '400 Timeout should be a positive number of seconds'],
    [{ timeout: 'soon' }, '400 Timeout should be a positive number of seconds'],
    [{ leader: 'pg1' }, '400 Unknown filter for the scheduled restart: leader'],
    // The first key that is wrong answers.
    [{ timeout: -1, role: 'x' }, '400 Timeout should be a positive number of seconds'],
    ['[1]', '400 a page'],
    ['{', '400 a page'],
  ]
  it.each(refused)('%j is refused', async (body, answer) => {
    expect(await ask('POST /restart', body)).toBe(answer)
    expect(running.node.orders).toEqual([])
  })

  const taken: readonly (readonly [unknown, object])[] = [
    [undefined, { kind: 'restart', filters: {}, timeoutMs: null }],
    [{}, { kind: 'restart', filters: {} }],
    [{ role: 'replica' }, { filters: { role: 'replica' } }],
    [{ postgres_version: '15.4' }, { filters: { olderThan: { text: '15.4', number: 150_004 } } }],
    [{ postgres_version: '9.6.24' }, { filters: { olderThan: { text: '9.6.24', number: 90_624 } } }],
    [{ timeout: '2min' }, { timeoutMs: 120_000 }],
    [{ timeout: 30 }, { timeoutMs: 30_000 }],
    // That the key is there is the filter.
    [{ restart_pending: false }, { filters: { pendingOnly: true } }],
    [
      { schedule: SOON, timeout: '1min', role: 'primary' },
      {
        kind: 'schedule-restart',
        atMs: Date.parse(SOON),
        filters: { role: 'primary' },
        shown: { schedule: SOON.replace('Z', '000+00:00'), timeout: 60, role: 'primary' },
      },
    ],
  ]
  it.each(taken)('%j becomes an order', async (body, order) => {
    expect(await ask('POST /restart', body)).toMatch(/^200 /)
    expect(running.node.orders).toMatchObject([{ ...order, by: expect.stringMatching(/^a client at \S+$/) }])
  })

  it('with a schedule is refused in maintenance mode, whatever else it says', async () => {
    running.node.set({ paused: true })
    expect(await ask('POST /restart', { schedule: 'x' })).toBe(
      "500 Can't schedule restart in the paused state",
    )
    expect(await ask('POST /restart', {})).toBe('200 restarted successfully')
  })
})

describe('the answers', () => {
  const answers: readonly (readonly [string, OrderAnswer, string])[] = [
    ['POST /restart', { is: 'restarted' }, '200 restarted successfully'],
    ['POST /restart', { is: 'conditions', why: 'x' }, '503 restart conditions are not satisfied'],
    [
      'POST /restart',
      { is: 'busy', why: 'reinitialize already in progress' },
      '503 reinitialize already in progress',
    ],
    ['POST /restart', { is: 'still-starting' }, '503 postgres is still starting'],
    ['POST /restart', { is: 'failed', why: 'the server ended' }, '503 restart failed: the server ended'],
    // The words of a server, an archive command or a key in etcd may be anything, and curl shows them.
    ['POST /restart', { is: 'failed', why: 'a\u001b[2J\u009b\rb' }, '503 restart failed: a\\x1b[2J\\x9b\\rb'],
    ['POST /restart', { is: 'refused', why: 'nobody leads' }, '503 restart failed: nobody leads'],
    ['POST /restart', { is: 'scheduled' }, '202 Restart scheduled'],
    ['POST /restart', { is: 'already-scheduled' }, '409 Another restart is already scheduled'],
    ['POST /restart', { is: 'paused' }, "500 Can't schedule restart in the paused state"],
    ['DELETE /restart', { is: 'deleted' }, '200 scheduled restart deleted'],
    ['DELETE /restart', { is: 'nothing-scheduled' }, '404 no restarts are scheduled'],
    ['POST /reinitialize', { is: 'started' }, '200 reinitialize started'],
    ['POST /reinitialize', { is: 'no-leader' }, '503 Cluster has no leader, can not reinitialize'],
    ['POST /reinitialize', { is: 'leader' }, '503 I am the leader, can not reinitialize'],
    [
      'POST /reinitialize',
      { is: 'busy', why: 'restart already in progress' },
      '503 restart already in progress',
    ],
    ['POST /reinitialize', { is: 'refused', why: 'no source' }, '503 reinitialize failed: no source'],
  ]
  it.each(answers)('%s %j: %s', async (request, answer, text) => {
    running.node.answer = answer
    expect(await ask(request)).toBe(text)
  })

  it('of an order that nobody began says where the agent is', async () => {
    running.node.answer = null
    expect(await ask('POST /restart')).toMatch(
      /^503 restart failed: not begun within 15 seconds, and withdrawn/,
    )
  })
})

it.each([
  [undefined, { force: false, fromLeader: false }],
  [{ force: true }, { force: true, fromLeader: false }],
  [{ from_leader: 'yes' }, { force: false, fromLeader: true }],
  [
    { force: 'off', 'from-leader': 1 },
    { force: false, fromLeader: true },
  ],
])('POST /reinitialize %j', async (body, order) => {
  running.node.answer = { is: 'started' }
  expect(await ask('POST /reinitialize', body)).toBe('200 reinitialize started')
  expect(running.node.orders).toMatchObject([{ kind: 'reinitialize', ...order }])
})
