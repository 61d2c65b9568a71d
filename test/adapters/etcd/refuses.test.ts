// An etcd that definitely cannot be had: nobody listens, a certificate is wrong, a file is not there. A command ends soon,
// with one plain sentence that names what to correct; the agent's store says the same. Real sockets and certificates.

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer as createPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readClusterOverGateway } from '../../../src/dcs/etcd/gateway.ts'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { EtcdConfig } from '../../../src/model/settings/config.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { freePort } from '../free-port.ts'
import { type Certificates, makeCertificates } from './certificates.ts'

const clock = systemClock()
let directory: string
let own: Certificates
let other: Certificates
let server: Server
let port: number

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hactl-etcd-refuses-'))
  own = await makeCertificates(await mkdtemp(join(directory, 'own-')))
  other = await makeCertificates(await mkdtemp(join(directory, 'other-')))
  server = createServer({
    cert: await readFile(own.serverCert),
    key: await readFile(own.serverKey),
    ca: await readFile(own.ca),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1', 'h2'],
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.close()
  await rm(directory, { recursive: true, force: true })
})

function config(ports: readonly number[], tls: EtcdConfig['tls']): EtcdConfig {
  return { endpoints: ports.map(each => ({ host: '127.0.0.1', port: each })), tls, credentials: null }
}

/** What a command is told, and after how long; and what an agent's store says. */
async function ask(etcd: EtcdConfig) {
  const startMs = clock.bootMs()
  const read = await readClusterOverGateway({
    config: etcd,
    namespace: 'service',
    scope: 'refuses',
    budgetMs: 30_000,
    clock,
  })
  const tookMs = clock.bootMs() - startMs
  const said: string[] = []
  const store = createEtcdStore({
    config: etcd,
    namespace: 'service',
    scope: 'refuses',
    member: 'a',
    clock,
    timings: { ttlMs: 30_000, retryTimeoutMs: 10_000 },
    log: (level, text) => void said.push(`${level} ${text}`),
  })
  try {
    const over = await store.read(1500)
    if (read.known || over.known) throw new Error('answered')
    return { why: read.why, isFinal: read.isFinal, tookMs, grpc: over.why, said }
  } finally {
    await store.close()
  }
}

test('nobody listens at any endpoint: each is named, after about a second', async () => {
  const ports = [await freePort(), await freePort()]
  const { why, isFinal, tookMs, grpc, said } = await ask(config(ports, null))
  expect([why, isFinal]).toEqual([
    ports.map(each => `127.0.0.1:${each} refuses connections`).join(', '),
    true,
  ])
  expect(tookMs).toBeGreaterThan(900)
  expect(tookMs).toBeLessThan(10_000)
  expect(grpc.split(', ').sort()).toEqual(why.split(', ').sort())
  expect(said).toContain(`WARNING etcd endpoint: 127.0.0.1:${ports[0]} refuses connections`)
})

test('one refuses and one is silent: that one may answer yet', async () => {
  const silent = createPlain(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const ports = [await freePort(), (silent.address() as AddressInfo).port]
  const read = await readClusterOverGateway({
    config: config(ports, null),
    namespace: 'service',
    scope: 'refuses',
    budgetMs: 2500,
    clock,
  })
  silent.close()
  expect(read).toMatchObject({
    known: false,
    why: expect.stringMatching(/^etcd did not answer within 2500 ms: /),
  })
  expect(read).not.toHaveProperty('isFinal')
})

test.each<readonly [string, () => EtcdConfig['tls'], (at: string) => string]>([
  [
    'a CA file that is not there',
    () => ({ ca: '/nowhere/ca.crt', cert: null, key: null }),
    () => 'etcd3.cacert (/nowhere/ca.crt) cannot be read: there is no such file',
  ],
  [
    'the CA of somebody else',
    () => ({ ca: other.ca, cert: own.clientCert, key: own.clientKey }),
    at => `the certificate of ${at} is not signed by etcd3.cacert (${other.ca})`,
  ],
  [
    'no CA',
    () => ({ ca: null, cert: own.clientCert, key: own.clientKey }),
    at =>
      `the certificate of ${at} is signed by nobody that this machine trusts, and etcd3.cacert is not set`,
  ],
  [
    'no client certificate',
    () => ({ ca: own.ca, cert: null, key: null }),
    at => `${at} wants a client certificate, and etcd3.cert is not set`,
  ],
  [
    'the key of another certificate',
    () => ({ ca: own.ca, cert: own.clientCert, key: other.clientKey }),
    () => `etcd3.key (${other.clientKey}) does not belong to etcd3.cert (${own.clientCert})`,
  ],
])('%s is a fault of the configuration, and names its key', async (_title, tls, text) => {
  const { why, isFinal, tookMs, grpc } = await ask(config([port], tls()))
  const expected = text(`127.0.0.1:${port}`)
  expect([why, isFinal, grpc]).toEqual([expected, true, expected])
  expect(tookMs).toBeLessThan(10_000)
})

test('https where nobody speaks TLS', async () => {
  const plain = createPlain(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const at = (plain.address() as AddressInfo).port
  const { why, grpc } = await ask(config([at], { ca: own.ca, cert: null, key: null }))
  plain.close()
  const expected = `127.0.0.1:${at} does not speak TLS, and etcd3.protocol is https`
  expect([why, grpc]).toEqual([expected, expected])
})
