// The table of endpoints and methods (spec/interfaces.md 1.11), and POST /failsafe.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seen } from '../../src/model/seen.ts'
import type { Store } from '../../src/ports/store.ts'
import { CLUSTER, clock, type Running, SETTINGS, STATUS, startServer, UNREACHABLE_STORE } from './node.ts'
import { exchange } from './raw.ts'

let running: Running
/** Reads succeed, writes do not. */
const store: Store = { ...UNREACHABLE_STORE, read: async () => seen(CLUSTER, clock.bootMs()) }

beforeAll(async () => {
  running = await startServer({ store })
})
afterAll(() => running.server.stop())
beforeEach(() => {
  running.node.dynamic = SETTINGS
  running.node.current = { ...STATUS, nextBeatDueMs: clock.bootMs() + 10_000 }
  running.node.failsafeView = { activeUntilMs: 0, members: null }
})

describe('endpoints and methods', () => {
  const rows: readonly [request: string, status: number, type: string | null][] = [
    ['GET /primary', 503, 'application/json'],
    ['GET /foo/bar', 503, 'application/json'],
    ['GET /patroni', 200, 'application/json'],
    ['GET /patroni/x', 200, 'application/json'],
    ['GET /metrics', 200, 'text/plain'],
    ['GET /cluster', 200, 'application/json'],
    ['GET /history', 200, 'application/json'],
    ['GET /config', 200, 'application/json'],
    ['GET /parameters', 400, 'text/html'],
    ['GET /parameters?names=work_mem', 503, 'text/html'],
    ['GET /failsafe', 502, 'text/html;charset=utf-8'],
    ['GET /liveness', 200, null],
    ['GET /reload', 503, 'application/json'],
    ['GET /restart', 503, 'application/json'],
    ['GET /switchover', 503, 'application/json'],
    ['GET /failover-leader', 503, 'application/json'],
    ['GET /mpp', 503, 'application/json'],
    ['OPTIONS /config', 503, null],
    ['POST /reload', 202, 'text/html'],
    ['POST /reload/now', 202, 'text/html'],
    ['POST /restart', 200, 'text/html'],
    ['DELETE /restart', 200, 'text/html'],
    ['POST /reinitialize', 200, 'text/html'],
    ['DELETE /switchover', 404, 'text/html'],
    ['DELETE /failover', 501, 'text/html;charset=utf-8'],
    ['POST /failsafe', 502, 'text/html;charset=utf-8'],
    ['POST /primary', 501, 'text/html;charset=utf-8'],
    ['PUT /patroni', 501, 'text/html;charset=utf-8'],
    ['DELETE /config', 501, 'text/html;charset=utf-8'],
    ['POST /config', 501, 'text/html;charset=utf-8'],
    ['POST /mpp', 501, 'text/html;charset=utf-8'],
    ['POST /citus', 501, 'text/html;charset=utf-8'],
    ['POST /sigterm', 501, 'text/html;charset=utf-8'],
  ]
  it.each(rows)('%s gives %i', async (request, status, type) => {
    const [method = '', path = ''] = request.split(' ')
    const response = await fetch(running.base + path, { method })
    expect([response.status, response.headers.get('content-type')]).toEqual([status, type])
    const text = await response.text()
    expect(text === '').toBe(type === null)
    if (status === 501)
      expect(text).toMatch(/Error code: 501<[\s\S]*501 - Server does not support this operation/)
  })

  it('an unsupported method says so in the status line and the page', async () => {
    const answer = await exchange(running.server.port(), 'POST /foo HTTP/1.0\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 501 Unsupported method \('POST'\)\r\n/)
    expect(answer).toContain("Message: Unsupported method ('POST').")
  })

  it('POST /reload, whatever its body, reaches the agent', async () => {
    const before = running.node.reloads
    const response = await fetch(`${running.base}/reload`, { method: 'POST', body: '{"x": 1}' })
    expect([response.status, await response.text(), running.node.reloads]).toEqual([
      202,
      'reload scheduled',
      before + 1,
    ])
  })

  it('what needs etcd says 502 or 503 when etcd is away, and nothing breaks', async () => {
    const { server, base, log } = await startServer()
    const statuses = await Promise.all(
      ['/cluster', '/config'].map(async path => (await fetch(base + path)).status),
    )
    expect(statuses).toEqual([503, 200])
    expect(log.above('INFO')).toEqual([])
    await server.stop()
  })
})

describe('failsafe', () => {
  const ping =
    '{"name": "pg0", "conn_url": "postgres://a/b", "api_url": "http://a/patroni", "slots": {"pg1": 123, "pg2": 9007199254740993}}'
  const post = (body: string) => fetch(`${running.base}/failsafe`, { method: 'POST', body })

  it('accepts, with the position in a header', async () => {
    running.node.dynamic = { ...SETTINGS, failsafeMode: true }
    running.node.failsafeAnswer = { kind: 'accepted', lsn: 9007199254740993n, holdsMs: 30_000 }
    const response = await post(ping)
    expect([response.status, await response.text(), response.headers.get('lsn')]).toEqual([
      200,
      'Accepted',
      '9007199254740993',
    ])
    expect(running.node.pings.at(-1)).toEqual({
      name: 'pg0',
      connUrl: 'postgres://a/b',
      apiUrl: 'http://a/patroni',
      slots: { pg1: 123n, pg2: 9007199254740993n },
    })
  })

  it('refuses as a leader, and what does not say who asks', async () => {
    running.node.dynamic = { ...SETTINGS, failsafeMode: true }
    running.node.failsafeAnswer = { kind: 'running-as-leader' }
    const response = await post(ping)
    expect([response.status, await response.text()]).toEqual([500, 'Running as a leader'])
    expect((await post('{"name": "pg0"}')).status).toBe(400)
  })

  it('shows the members', async () => {
    running.node.failsafeView = { activeUntilMs: 0, members: { pg0: 'http://a/patroni' } }
    const response = await fetch(`${running.base}/failsafe`)
    expect(await response.text()).toBe('{"pg0": "http://a/patroni"}')
  })
})
