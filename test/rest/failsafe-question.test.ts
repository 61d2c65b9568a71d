// The question of failsafe mode over real sockets, from the action to the lease guard: every member has to agree, by Patroni's
// word or with hactl's header, and the leadership lasts no longer than the shortest promise, counted from before the question.

import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { askFailsafe } from '../../src/act/failsafe-question.ts'
import { createLeaseGuard } from '../../src/agent/lease-guard.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import type { CtlConfig } from '../../src/model/settings/config.ts'
import { createPeers } from '../../src/peers/peers.ts'
import { base } from '../exhaustive/parts.ts'
import { clock, Lines, OPEN_CONFIG, SETTINGS, startServer } from './node.ts'

const CTL: CtlConfig = {
  ...{ credentials: null, insecure: false, cacert: null, certfile: null },
  ...{ keyfile: null, keyfilePassword: null, expectsTls: false, verifyNames: false },
}
const peers = createPeers({ calls: () => ({ ctl: CTL, restapi: OPEN_CONFIG }), clock, log: new Lines() })

const ttlMs = 30_000
/** Where an answer is expected: both sides of a call are this process, which may stand still for a while. */
const ANSWER_MS = 10_000
const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

/** A member that answers POST /failsafe in its own way; its api_url. */
async function member(talk: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_, response) => talk(response)).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return `http://127.0.0.1:${address.port}/patroni`
}

const says = (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
  member(response => response.writeHead(status, headers).end(body))

/** The primary asks; its lease has a whole ttl left, and none when `leads` is false. */
async function ask(members: Readonly<Record<string, string>>, timeoutMs = ANSWER_MS, leads = true) {
  const settings = { ...SETTINGS, ttlMs, failsafeMode: true, failsafeTimeoutMs: timeoutMs }
  const guard = createLeaseGuard(clock, () => settings)
  const sentAtMs = clock.bootMs()
  const lease = { leaseId: '1', ttlMs, validUntilMs: sentAtMs + ttlMs, sentAtMs, leader: true }
  if (leads) guard.confirmed(lease)
  const snap: Snapshot = { ...base, settings }
  const action = { kind: 'ask-failsafe', members, slots: { pg2: 9007199254740993n } } as const
  const { outcome, consent } = await askFailsafe(action, snap, { peers, guard, clock })
  guard.close()
  const lastsMs = guard.view().membersUntilMs - (consent?.sentAtMs ?? 0)
  return { outcome, refusals: consent?.refusals, lastsMs }
}

test('a hactl member and a Patroni member agree: it lasts as long as the shorter promise', async () => {
  const running = await startServer()
  running.node.dynamic = { ...SETTINGS, failsafeMode: true }
  running.node.failsafeAnswer = { kind: 'accepted', lsn: 5n, holdsMs: 12_000 }
  const asked = await ask({ pg2: `${running.base}/patroni`, pg3: await says(200, 'Accepted') })
  await running.server.stop()
  expect(asked).toEqual({ outcome: { kind: 'done', action: 'ask-failsafe' }, refusals: [], lastsMs: 12_000 })
  const { name, connUrl, apiUrl } = base.self
  expect(running.node.pings).toEqual([{ name, connUrl, apiUrl, slots: { pg2: 9007199254740993n } }])
})

test.each([
  ['Patroni', {}],
  ['nonsense in the header', { 'hactl-holds-back-ms': 'for ever' }],
  ['a promise that is longer than the lease lives', { 'hactl-holds-back-ms': '99000' }],
])('%s: one ttl, and no longer', async (_, headers) => {
  const { outcome, lastsMs } = await ask({ pg2: await says(200, 'Accepted', headers) })
  expect(outcome.kind).toBe('done')
  expect(lastsMs).toBe(ttlMs)
})

test.each([
  [500, 'Running as a leader', 'HTTP status 500: Running as a leader'],
  [502, '', 'failsafe mode is off there'],
  [500, '<html>\n<body>oops</body>', 'HTTP status 500'],
  [200, 'accepted', 'HTTP status 200: accepted'],
  [200, 'Accepted\n', 'HTTP status 200: Accepted'],
  [202, 'Accepted', 'HTTP status 202: Accepted'],
])('status %i with %j is no agreement: one such member among others is enough', async (status, body, why) => {
  const asked = await ask({ pg2: await says(200, 'Accepted'), pg3: await says(status, body) })
  expect(asked.outcome).toMatchObject({ kind: 'failed' })
  expect(asked.refusals).toEqual([{ name: 'pg3', why }])
  expect(asked.lastsMs).toBeLessThan(0)
})

test('a member that hangs is given up after failsafe_timeout, and one without an address is no agreement', async () => {
  const { refusals, lastsMs } = await ask({ pg2: await member(() => {}), pg3: 'pg3:8008' }, 400)
  expect(refusals).toEqual([
    { name: 'pg2', why: expect.stringMatching(/400 ms/) },
    { name: 'pg3', why: '"pg3:8008" is not an http or https address' },
  ])
  expect(lastsMs).toBeLessThan(0)
})

test('the word of all comes too late for a leadership that has ended', async () => {
  const { outcome, refusals, lastsMs } = await ask({ pg2: await says(200, 'Accepted') }, ANSWER_MS, false)
  expect(outcome).toMatchObject({
    kind: 'failed',
    why: 'all agree, but the leadership had ended before',
  })
  expect(refusals).toEqual([])
  expect(lastsMs).toBeLessThan(0)
})

test('a cluster of one has everybody’s word', async () => {
  expect(await ask({})).toEqual({
    outcome: { kind: 'done', action: 'ask-failsafe' },
    refusals: [],
    lastsMs: ttlMs,
  })
})
