// The etcd adapter with passwords (short-lived JWT tokens, as etcd's own default tokens live for five minutes) and with
// client certificates, on single members.

import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readClusterOverGateway } from '../../../src/dcs/etcd/gateway.ts'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { EtcdConfig } from '../../../src/model/settings/config.ts'
import type { Store } from '../../../src/ports/store.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { BUDGET_MS, clock, type EtcdCluster, LIMIT_MS, lead, startEtcd, until } from './etcd-harness.ts'

const run = promisify(execFile)
/** etcd counts whole seconds: a token may last one less. Not so short that it ends between a login and the call after it. */
const TOKEN_SECONDS = 4
const TOKEN_ENDED_MS = 4500
const opened: Store[] = []
const logged: string[] = []
let directory = ''

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hactl-etcd-auth-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(store => store.close()))
})

function open(config: EtcdConfig, scope: string, member = 'a'): Store {
  const store = createEtcdStore({
    config,
    namespace: 'service',
    scope,
    member,
    clock,
    timings: { ttlMs: 60_000, retryTimeoutMs: 2000 },
    log: (level, text) => logged.push(`${level} ${text}`),
  })
  opened.push(store)
  return store
}

describe('passwords', () => {
  const root = ['--user', 'root:secret-of-root']
  let etcd: EtcdCluster
  let config: EtcdConfig

  beforeAll(async () => {
    const [key, pub] = [join(directory, 'jwt.key'), join(directory, 'jwt.pub')]
    await run('openssl', ['genrsa', '-out', key, '2048'])
    await run('openssl', ['rsa', '-in', key, '-pubout', '-out', pub])
    const token = `jwt,pub-key=${pub},priv-key=${key},sign-method=RS256,ttl=${TOKEN_SECONDS}s`
    etcd = await startEtcd({ members: 1, flags: ['--auth-token', token, '--bcrypt-cost', '4'] })
    await etcd.ctl(['user', 'add', 'root:secret-of-root'])
    await etcd.ctl(['role', 'add', 'patroni'])
    await etcd.ctl(['role', 'grant-permission', 'patroni', '--prefix=true', 'readwrite', '/service/'])
    for (const user of ['node', 'nobody']) await etcd.ctl(['user', 'add', `${user}:secret-of-${user}`])
    await etcd.ctl(['user', 'grant-role', 'node', 'patroni'])
    await etcd.ctl(['auth', 'enable'])
    config = { ...etcd.config, credentials: { username: 'node', password: 'secret-of-node' } }
  })
  afterAll(async () => {
    await etcd.stop()
  })

  test('work, also after the token has expired and after the auth store has changed', async () => {
    const [a, b] = [open(config, 'auth1'), open(config, 'auth1', 'b')]
    expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
    await until('view', LIMIT_MS, () => b.view().known)
    await clock.sleep(TOKEN_ENDED_MS)
    expect(await a.renewLeader({ optime: 1n, slots: null, retainSlots: null }, BUDGET_MS)).toMatchObject({
      kind: 'done',
    })
    expect((await a.read(BUDGET_MS)).known).toBe(true)
    await etcd.ctl([...root, 'user', 'add', `x${Date.now()}:y`])
    expect(await a.renewLeader({ optime: 2n, slots: null, retainSlots: null }, BUDGET_MS)).toMatchObject({
      kind: 'done',
    })
    await until('change seen', LIMIT_MS, () => {
      const view = b.view()
      return view.known && view.value.status?.value.optime === 2n
    })
  })

  test('the watch comes back with a new token after it was cut', async () => {
    const a = open(config, 'auth2')
    await until('view', LIMIT_MS, () => a.view().known)
    await etcd.member(0).kill()
    await until('view unknown', LIMIT_MS, () => !a.view().known)
    await clock.sleep(TOKEN_ENDED_MS)
    await etcd.member(0).start()
    await until('view', LIMIT_MS, () => a.view().known)
  })

  test('a wrong password is told at once, without the password in any text', async () => {
    logged.length = 0
    const wrong = { ...config, credentials: { username: 'node', password: 'wrong-secret' } }
    const a = open(wrong, 'auth3')
    a.view()
    const startedMs = clock.bootMs()
    const outcome = await lead(a, BUDGET_MS)
    expect(outcome).toMatchObject({
      kind: 'unreachable',
      why: expect.stringContaining('authentication failed'),
    })
    expect(clock.bootMs() - startedMs).toBeLessThan(8000)
    await until('reason in the view', LIMIT_MS, () => {
      const view = a.view()
      return !view.known && view.why.includes('authentication failed')
    })
    expect(JSON.stringify([outcome, logged, a.view()])).not.toContain('wrong-secret')
  })

  test('a user without rights is unreachable, never refused, and does not hammer etcd with logins', async () => {
    const before = await logins()
    expect(before).toBeGreaterThan(0)
    const a = open({ ...config, credentials: { username: 'nobody', password: 'secret-of-nobody' } }, 'auth4')
    a.view()
    const outcome = await lead(a, BUDGET_MS)
    expect(outcome).toMatchObject({ kind: 'unreachable', why: expect.stringContaining('permission denied') })
    await clock.sleep(1500)
    await until('reason in the view', LIMIT_MS, () => {
      const view = a.view()
      return !view.known && view.why.includes('permission denied')
    })
    expect((await logins()) - before).toBeLessThan(20)
  })

  async function logins(): Promise<number> {
    const url = `http://127.0.0.1:${etcd.member(0).endpoint.port}/metrics`
    const text = await (await fetch(url)).text()
    return Number(
      /grpc_server_started_total\{[^}]*grpc_method="Authenticate"[^}]*\} (\d+)/.exec(text)?.[1] ?? '0',
    )
  }

  test('no credentials at all: the reason is told', async () => {
    const a = open(etcd.config, 'auth5')
    const outcome = await lead(a, BUDGET_MS)
    expect(outcome).toMatchObject({ kind: 'unreachable', why: expect.stringContaining('user name is empty') })
  })

  test('the gateway logs in as well', async () => {
    await lead(open(config, 'auth6'), BUDGET_MS)
    const view = await readClusterOverGateway({
      config,
      namespace: 'service',
      scope: 'auth6',
      budgetMs: BUDGET_MS,
      clock,
    })
    expect(view.known && view.value.leader?.name).toBe('a')
    const wrong = { ...config, credentials: { username: 'node', password: 'wrong-secret' } }
    const refused = await readClusterOverGateway({
      config: wrong,
      namespace: 's',
      scope: 'x',
      budgetMs: BUDGET_MS,
      clock,
    })
    expect(refused).toMatchObject({ known: false, why: expect.stringContaining('authentication failed') })
    expect(JSON.stringify(refused)).not.toContain('wrong-secret')
  })
})

test('credentials against an etcd without authentication do no harm', async () => {
  const etcd = await startEtcd({ members: 1 })
  try {
    const config = { ...etcd.config, credentials: { username: 'node', password: 'x' } }
    expect(await lead(open(config, 'off'), BUDGET_MS)).toMatchObject({ kind: 'done' })
    const view = await readClusterOverGateway({
      config,
      namespace: 'service',
      scope: 'off',
      budgetMs: BUDGET_MS,
      clock,
    })
    expect(view.known && view.value.leader?.name).toBe('a')
    await Promise.all(opened.splice(0).map(store => store.close()))
  } finally {
    await etcd.stop()
  }
})

describe('client certificates', () => {
  let certificates: Certificates
  let etcd: EtcdCluster

  beforeAll(async () => {
    certificates = await makeCertificates(directory)
    etcd = await startEtcd({ members: 1, tls: certificates, host: '::1' })
  })
  afterAll(async () => {
    await etcd.stop()
  })

  function configWith(tls: EtcdConfig['tls']): EtcdConfig {
    return { ...etcd.config, tls }
  }

  test('work over IPv6 and over gateway', async () => {
    const { ca, clientCert: cert, clientKey: key } = certificates
    const a = open(configWith({ ca, cert, key }), 'tls1')
    expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
    await until('view', LIMIT_MS, () => a.view().known)
    const config = configWith({ ca, cert, key })
    const view = await readClusterOverGateway({
      config,
      namespace: 'service',
      scope: 'tls1',
      budgetMs: BUDGET_MS,
      clock,
    })
    expect(view.known && view.value.leader?.name).toBe('a')
  })

  test('without a certificate, and with an unreadable one, the answer is unreachable, with the reason', async () => {
    const { ca } = certificates
    const without = open(configWith({ ca, cert: null, key: null }), 'tls2')
    expect(await lead(without, 800)).toMatchObject({ kind: 'unreachable' })
    const a = open(configWith({ ca: join(directory, 'missing.crt'), cert: null, key: null }), 'tls2')
    // A last try that the rest of the budget is too short for tells less.
    await until('the reason', LIMIT_MS, async () => {
      const outcome = await lead(a, 800)
      return outcome.kind === 'unreachable' && outcome.why.includes('etcd3.cacert')
    })
  })

  test('a certificate that was replaced on disk is taken up without a restart', async () => {
    const { ca, clientCert, clientKey } = certificates
    const [cert, key] = [join(directory, 'node.crt'), join(directory, 'node.key')]
    // The server's CA is not a client certificate that it accepts together with a foreign key: the handshake fails.
    await run('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=foreign', '-keyout', key, '-out', cert],
    ])
    const a = open(configWith({ ca, cert, key }), 'tls3')
    await until('the reason', LIMIT_MS, async () => {
      const outcome = await lead(a, 800)
      return outcome.kind === 'unreachable' && outcome.why.includes(`certificate etcd3.cert (${cert})`)
    })
    await copyFile(clientCert, cert)
    await copyFile(clientKey, key)
    await until('success', 30_000, async () => (await lead(a, BUDGET_MS)).kind === 'done')
  })
})

test('an endpoint whose name does not resolve, and one that refuses, cost little beside a good one', async () => {
  const etcd = await startEtcd({ members: 1 })
  try {
    const [good] = etcd.config.endpoints
    if (good === undefined) throw new Error('no endpoint')
    const endpoints = [{ host: 'no-such-host.invalid', port: 2379 }, { host: '127.0.0.1', port: 1 }, good]
    const a = open({ ...etcd.config, endpoints }, 'names')
    const startedMs = clock.bootMs()
    expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
    expect(clock.bootMs() - startedMs).toBeLessThan(8000)
    const local = open({ ...etcd.config, endpoints: [{ host: 'localhost', port: good.port }] }, 'names', 'b')
    expect(await lead(local, BUDGET_MS)).toMatchObject({ kind: 'refused', holder: 'a' })
    await Promise.all(opened.splice(0).map(store => store.close()))
  } finally {
    await etcd.stop()
  }
})
