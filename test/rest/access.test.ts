// Who may use the protected endpoints (spec/interfaces.md 1.2): addresses, then certificates (tls.test.ts), then name and
// password; and that GET stays open to everybody.

import { afterEach, describe, expect, it } from 'vitest'
import type { Member } from '../../src/model/cluster/cluster.ts'
import { revision } from '../../src/model/revision.ts'
import { unseen } from '../../src/model/seen.ts'
import type { RestApiConfig } from '../../src/model/settings/config.ts'
import { type Running, SETTINGS, startServer } from './node.ts'

let running: Running
afterEach(() => running.server.stop())

async function start(config: Partial<RestApiConfig>): Promise<void> {
  running = await startServer({ config })
}

async function reload(
  authorization?: string,
): Promise<readonly [status: number, body: string, challenge: string | null]> {
  const headers = authorization === undefined ? {} : { authorization }
  const response = await fetch(`${running.base}/reload`, { method: 'POST', headers })
  return [response.status, await response.text(), response.headers.get('www-authenticate')]
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const CHALLENGE = 'Basic realm="Patroni"'
const PROTECTED = [
  'PATCH /config',
  'PUT /config',
  'POST /reload',
  'POST /restart',
  'DELETE /restart',
  'POST /switchover',
  'DELETE /switchover',
  'POST /failover',
  'POST /reinitialize',
  'POST /failsafe',
]

describe('name and password', () => {
  it('whoever has none takes nobody’s place at the agent', async () => {
    await start({ credentials: { username: 'admin', password: 'secret' } })
    const flood = Array.from({ length: 300 }, () => reload())
    const answers = await Promise.all([...flood, reload(basic('admin:secret'))])
    expect(new Set(answers.slice(0, -1).map(([status]) => status))).toEqual(new Set([401]))
    expect(answers.at(-1)?.[0]).toBe(202)
  })

  it('are asked for, and compared as a whole', async () => {
    await start({ credentials: { username: 'admin', password: 'se:cret' } })
    expect(await reload()).toEqual([401, 'no auth header received', CHALLENGE])
    for (const wrong of ['admin:secret', 'admin:se:cret ', 'Admin:se:cret', '', 'admin']) {
      expect(await reload(basic(wrong))).toEqual([401, 'not authenticated', CHALLENGE])
    }
    expect(await reload('Bearer x')).toEqual([401, 'not authenticated', CHALLENGE])
    expect(await reload(basic('admin:se:cret').replace('Basic', 'Digest'))).toEqual([
      401,
      'not authenticated',
      CHALLENGE,
    ])
    expect(await reload(basic('admin:se:cret'))).toEqual([202, 'reload scheduled', null])
  })

  it('guard exactly the protected endpoints', async () => {
    await start({ credentials: { username: 'admin', password: 'secret' } })
    running.node.dynamic = { ...SETTINGS, failsafeMode: true }
    for (const request of PROTECTED) {
      const [method = '', path = ''] = request.split(' ')
      const response = await fetch(running.base + path, {
        method,
        body: method === 'DELETE' ? null : '{"a": 1}',
      })
      expect([request, response.status, await response.text()]).toEqual([
        request,
        401,
        'no auth header received',
      ])
    }
    for (const path of ['/patroni', '/metrics', '/history', '/liveness', '/config']) {
      expect([path, (await fetch(running.base + path)).status]).not.toEqual([path, 401])
    }
  })

  it('never appear in the log', async () => {
    await start({ credentials: { username: 'admin', password: 'topsecret' } })
    await reload(basic('admin:topsecret'))
    await reload(basic('admin:wrongsecret'))
    expect(running.log.all.join('\n')).not.toMatch(/secret|Basic|YWRt/)
  })
})

describe('addresses', () => {
  it.each([
    [['127.0.0.0/8'], 202],
    [['127.0.0.5/8'], 202],
    [['localhost'], 202],
    [['10.0.0.0/8', '127.0.0.1'], 202],
    [['10.0.0.0/8'], 403],
    [['::1'], 403],
    [['nonsense/99', 'no-such-host.invalid'], 403],
  ])('allowlist %j gives %i', async (allowlist, status) => {
    await start({ allowlist })
    const [found, body] = await reload()
    expect([found, body]).toEqual([status, status === 202 ? 'reload scheduled' : 'Access is denied'])
    expect((await fetch(`${running.base}/metrics`)).status).toBe(200)
  })

  it('an entry that cannot be used is named in the log', async () => {
    await start({ allowlist: ['nonsense/99', '127.0.0.1'] })
    await reload()
    expect(running.log.above('INFO')).toEqual([
      'ERROR REST API: allowlist entry "nonsense/99" is neither a network nor a name that resolves: left out',
    ])
  })

  it('IPv4 clients of a dual-stack socket count as IPv4', async () => {
    running = await startServer({ config: { listen: { host: '*', port: 0 }, allowlist: ['127.0.0.1'] } })
    expect((await reload())[0]).toBe(202)
  })

  it('members by their api_url, once the cluster is seen; not for /failsafe', async () => {
    await start({ allowlistIncludeMembers: true })
    const member = (apiUrl: string): Member => ({
      name: 'pg2',
      leaseId: '1',
      modRevision: revision(1),
      record: {
        connUrl: null,
        apiUrl,
        state: 'running',
        role: 'replica',
        version: null,
        tags: {},
        extra: {},
      },
    })
    running.node.showCluster({ members: [member('http://10.9.9.9:8008/patroni')] })
    expect((await reload())[0]).toBe(403)
    running.node.showCluster({ members: [member('http://localhost:8008/patroni')] })
    expect((await reload())[0]).toBe(202)
    running.node.view = unseen('etcd is away')
    expect((await reload())[0]).toBe(403)
    running.node.dynamic = { ...SETTINGS, failsafeMode: true }
    const body = '{"name": "pg0", "conn_url": "postgres://a/b", "api_url": "http://a/patroni"}'
    expect((await fetch(`${running.base}/failsafe`, { method: 'POST', body })).status).toBe(200)
  })

  it('members alone: nobody else changes anything, /failsafe aside', async () => {
    await start({ allowlistIncludeMembers: true })
    running.node.dynamic = { ...SETTINGS, failsafeMode: true }
    const asked = PROTECTED.map(async request => {
      const [method = '', path = ''] = request.split(' ')
      const body = method === 'DELETE' ? null : '{"a": 1}'
      const response = await fetch(running.base + path, { method, body })
      return response.status === 403 && (await response.text()) === 'Access is denied' ? null : request
    })
    expect((await Promise.all(asked)).filter(request => request !== null)).toEqual(['POST /failsafe'])
  })

  it('come before name and password', async () => {
    await start({ allowlist: ['10.0.0.0/8'], credentials: { username: 'a', password: 'b' } })
    expect((await reload())[0]).toBe(403)
  })
})

describe('reload', () => {
  it('changes credentials and headers without a new socket', async () => {
    await start({ httpExtraHeaders: { 'X-Before': 'b' } })
    const port = running.server.port()
    const config: RestApiConfig = {
      listen: { host: '127.0.0.1', port: 0 },
      connectAddress: { host: '127.0.0.1', port: 0 },
      credentials: { username: 'a', password: 'b' },
      tls: null,
      verifyClient: 'none',
      allowlist: [],
      allowlistIncludeMembers: false,
      httpExtraHeaders: { 'X-After': 'a' },
      httpsExtraHeaders: {},
      serverTokens: 'original',
    }
    expect((await fetch(`${running.base}/primary`)).headers.get('x-before')).toBe('b')
    expect(await running.server.reload(config)).toBe(true)
    expect(running.server.port()).toBe(port)
    const after = await fetch(`${running.base}/primary`)
    expect([after.headers.get('x-before'), after.headers.get('x-after')]).toEqual([null, 'a'])
    expect((await reload())[0]).toBe(401)
    const elsewhere = { ...config, listen: { host: '127.0.0.2', port: 0 } }
    expect(await running.server.reload(elsewhere)).toBe(true)
    expect((await fetch(`http://127.0.0.2:${running.server.port()}/metrics`)).status).toBe(200)
    const impossible = { ...config, listen: { host: '203.0.113.7', port: 0 } }
    expect(await running.server.reload(impossible)).toBe(false)
    expect((await fetch(`http://127.0.0.2:${running.server.port()}/metrics`)).status).toBe(200)
  })
})

describe('what is told of a request', () => {
  it.each([
    ['original', 'hactl'],
    ['minimal', 'Patroni/4.1.5'],
    ['productonly', 'Patroni'],
  ] as const)(
    'server_tokens %s: the Server header is %s, on error pages too',
    async (serverTokens, shown) => {
      await start({ serverTokens })
      for (const [path, method] of [
        ['/primary', 'GET'],
        ['/metrics', 'GET'],
        ['/nothing', 'POST'],
      ] as const)
        expect((await fetch(running.base + path, { method })).headers.get('server')).toBe(shown)
    },
  )

  it('each request is a line at DEBUG: who, what, the answer, how long', async () => {
    await start({})
    await fetch(`${running.base}/replica?lag=1MB`, { method: 'OPTIONS' })
    const line =
      /^DEBUG API thread: \S*127\.0\.0\.1 - - "OPTIONS \/replica\?lag=1MB HTTP\/1\.1" 503 - latency: \d+\.\d{3} ms$/
    await expect.poll(() => running.log.all.filter(said => line.test(said))).toHaveLength(1)
  })
})
