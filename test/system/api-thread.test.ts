// The API in its thread, as the agent starts it: what a client sees while the agent's own thread is busy, stands still, gives
// its lease up, or while the API's thread dies.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ApiThread, createApiThread, spawnApiThread } from '../../src/agent/api-thread/thread-server.ts'
import type { PublishedReadings } from '../../src/agent/api-thread/words.ts'
import { seen } from '../../src/model/seen.ts'
import type { RestApiConfig } from '../../src/model/settings/config.ts'
import type { Store } from '../../src/ports/store.ts'
import type { NodeState } from '../../src/rest/node-view.ts'
import {
  CLUSTER,
  clock,
  Lines,
  LONELY_PEERS,
  OPEN_CONFIG,
  SettableNode,
  UNREACHABLE_STORE,
} from '../rest/node.ts'

let node: SettableNode
let log: Lines
let api: ApiThread
let worker: Worker | null
let heardAtMs: number
let isDebug: boolean
let config: RestApiConfig

beforeEach(() => {
  node = new SettableNode().primary()
  log = new Lines()
  heardAtMs = clock.bootMs()
  isDebug = false
  config = OPEN_CONFIG
})
afterEach(() => api.stop())

function readings(): PublishedReadings {
  return {
    ...{ settings: node.settings(), status: node.status(), failsafe: node.failsafe() },
    ...{
      cluster: node.cluster(),
      heardAtMs,
      extra: node.extra(),
      logger: node.logger(),
      wantsDebug: isDebug,
    },
  }
}

async function start(store: Partial<Store> = {}): Promise<void> {
  const read = async () => seen(CLUSTER, clock.bootMs())
  api = createApiThread({
    ...{ config, state: node, store: { ...UNREACHABLE_STORE, read, ...store }, peers: LONELY_PEERS },
    ...{
      self: 'pg0',
      scope: 'demo',
      clock,
      log,
      readings,
      validateDynamic: () => [],
      hasSetting: () => true,
    },
    parameters: async () => seen({ parameters: [], unknown: [] }, clock.bootMs()),
    spawn: begins => {
      worker = spawnApiThread(begins)
      return worker
    },
  })
  api.lease.setLeadsUntil(clock.bootMs() + 60_000)
  await api.start()
}

const base = (): string => `http://127.0.0.1:${api.port()}`
const status = async (path: string): Promise<number> => {
  const answer = await fetch(`${base()}${path}`)
  await answer.text()
  return answer.status
}

/** Waits until `path` is answered so, asking again and again. */
async function until(path: string, wanted: number, limitMs = 10_000): Promise<void> {
  const endMs = clock.bootMs() + limitMs
  let last = 0
  while (clock.bootMs() < endMs) {
    last = await status(path).catch(() => 0)
    if (last === wanted) return
    await clock.sleep(50)
  }
  throw new Error(`${path} is still ${last}, not ${wanted}`)
}

test('a lease that was given up is known at once, without a message', async () => {
  await start()
  expect(await status('/primary')).toBe(200)
  api.lease.setLeadsUntil(0)
  expect(await status('/primary')).toBe(503)
})

test('a lease that ends by itself ends for load balancers, whatever the agent does', async () => {
  await start()
  api.lease.setLeadsUntil(clock.bootMs() + 300)
  await until('/primary', 503, 2000)
})

test('what changed is shown after it was published; the document is looked for anew', async () => {
  await start()
  node.set({ paused: true })
  api.publish()
  await until('/liveness', 200)
  node.onFresh = () => void node.set({ systemIdentifier: '42' })
  const document = (await (await fetch(`${base()}/patroni`)).json()) as Record<string, unknown>
  expect(document).toMatchObject({ database_system_identifier: '42', pause: true, role: 'primary' })
})

test('a view of the cluster grows too old by the reader’s clock', async () => {
  await start()
  node.replica()
  node.dynamic = { ...node.dynamic, ttlMs: 3000 }
  heardAtMs = clock.bootMs()
  api.lease.setLeadsUntil(0)
  api.publish()
  await until('/async', 200)
  await until('/async', 503)
})

test('requests that change something reach the agent, with their body, and come back', async () => {
  const written: unknown[] = []
  await start({
    writeConfig: async document => {
      written.push(document)
      return { kind: 'done' } as never
    },
  })
  const answer = await fetch(`${base()}/config`, { method: 'PATCH', body: '{"ttl": 20}' })
  expect([answer.status, await answer.json()]).toEqual([200, { ttl: 20 }])
  expect(written).toEqual([{ ttl: 20 }])
  expect(node.wakes).toEqual(['rest: dynamic configuration changed'])
  expect((await fetch(`${base()}/config`)).status).toBe(200)
  expect((await fetch(`${base()}/config`, { method: 'PATCH', body: '[1]' })).status).toBe(400)
  expect(log.above('DEBUG').join('\n')).toMatch(/PATCH \/config from 127\.0\.0\.1: 200/)
})

test('a client that leaves ends the wait that the agent has for it', async () => {
  let ended = false
  await start()
  const order: NodeState['order'] = (_order, _limits, signal) =>
    new Promise(resolve => {
      signal.addEventListener('abort', () => {
        ended = true
        resolve(null)
      })
    })
  Object.assign(node, { order })
  const leaving = new AbortController()
  const asking = fetch(`${base()}/restart`, { method: 'POST', signal: leaving.signal }).catch(() => null)
  await clock.sleep(200)
  leaving.abort()
  await asking
  for (let turn = 0; turn < 100 && !ended; turn += 1) await clock.sleep(50)
  expect(ended).toBe(true)
})

test('a reload changes what is asked for, and a bad one is told and changes nothing', async () => {
  await start()
  const credentials = { username: 'a', password: 'b' }
  expect(await api.reload({ ...OPEN_CONFIG, credentials })).toBe(true)
  expect((await fetch(`${base()}/reload`, { method: 'POST' })).status).toBe(401)
  const bad = { ...OPEN_CONFIG, listen: { host: '203.0.113.1', port: 1 } }
  expect(await api.reload(bad)).toBe(false)
  expect((await fetch(`${base()}/reload`, { method: 'POST' })).status).toBe(401)
})

test('an address that is taken is the reason why it does not start', async () => {
  await start()
  const other = createApiThread({
    ...{ config: { ...OPEN_CONFIG, listen: { host: '127.0.0.1', port: api.port() } }, state: node },
    ...{ store: UNREACHABLE_STORE, peers: LONELY_PEERS, self: 'pg0', scope: 'demo', clock, log, readings },
    ...{
      validateDynamic: () => [],
      hasSetting: () => true,
      parameters: async () => seen({ parameters: [], unknown: [] }, 0),
    },
  })
  await expect(other.start()).rejects.toThrow(/EADDRINUSE/)
  await other.stop()
})

test('while the agent stands still clients are answered, and soon told that it does not serve', async () => {
  const folder = await mkdtemp('/tmp/hactl-api-thread-')
  const file = join(folder, 'codes')
  try {
    await start()
    // Its own process: this one will stand still. An eighth of the time that the lease lasts is allowed.
    node.dynamic = { ...node.dynamic, stalledAgentTimeoutMs: 1000 }
    api.publish()
    await until('/primary', 200)
    const script = `while :; do curl -s -o /dev/null -m 1 -w '%{http_code} ' ${base()}/primary >>${file}; sleep 0.1; done`
    const client = spawn('bash', ['-c', script])
    await once(client, 'spawn')
    while (!(await readFile(file, 'utf8').catch(() => '')).includes('200')) await clock.sleep(20)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000)
    client.kill()
    const codes = (await readFile(file, 'utf8')).trim().split(' ')
    expect(new Set(codes)).toEqual(new Set(['200', '503']))
    expect(codes.indexOf('503')).toBeGreaterThan(codes.indexOf('200'))
    await until('/primary', 200)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a thread that ends is started again, listens where it did, and knows what was published since', async () => {
  await start()
  config = { ...OPEN_CONFIG, listen: { host: '127.0.0.1', port: api.port() } }
  await api.reload(config)
  node.replica()
  api.lease.setLeadsUntil(0)
  await worker?.terminate()
  await until('/replica', 200, 20_000)
  expect(log.all).toContain('WARNING REST API: its thread ended; another one is started')
  expect(log.all).toContain('INFO REST API: it answers again')
})

test('lines at DEBUG are made only when they are wanted, and never more than the agent can take', async () => {
  await start()
  await status('/primary')
  expect(log.all.filter(line => line.includes('API thread'))).toEqual([])
  isDebug = true
  api.publish()
  await until('/primary', 200)
  for (let turn = 0; turn < 600; turn += 1) await status('/primary')
  const lines = log.all.filter(line => line.includes('API thread'))
  expect(lines.length).toBeGreaterThan(100)
  expect(lines.length).toBeLessThan(600)
})
