// The API over TLS with real certificates: who must show one, what happens when they rotate, and the rules by which
// members and operators verify each other (spec/interfaces.md 1.2, 1.13).

import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CtlConfig, RestApiConfig } from '../../src/model/settings/config.ts'
import { callMember } from '../../src/peers/member-client.ts'
import { createPeers } from '../../src/peers/peers.ts'
import { type Authority, createAuthority } from '../rest/certificates.ts'
import { member, PLAIN_CTL } from '../rest/members.ts'
import { clock, Lines, OPEN_CONFIG, type Running, startServer } from '../rest/node.ts'
import { exchange, idleConnections } from '../rest/raw.ts'

type Pair = Awaited<ReturnType<Authority['issue']>>
let authority: Authority
let stranger: Authority
let serverPair: Pair
let clientPair: Pair
let strangerPair: Pair
beforeAll(async () => {
  ;[authority, stranger] = await Promise.all([createAuthority(), createAuthority()])
  serverPair = await authority.issue('server')
  clientPair = await authority.issue('client')
  strangerPair = await stranger.issue('client')
})
afterAll(() => Promise.all([authority.remove(), stranger.remove()]))

/** Where an answer is expected: both sides of a call are this process, which may stand still for a while. */
const ANSWER_MS = 10_000

function startTls(
  verifyClient: RestApiConfig['verifyClient'],
  change: Partial<RestApiConfig> = {},
): Promise<Running> {
  const tls = {
    certfile: serverPair.cert,
    keyfile: serverPair.key,
    keyfilePassword: null,
    expectsTls: false,
    verifyNames: false,
    cafile: authority.ca,
    ciphers: null,
  }
  return startServer({ config: { tls, verifyClient, ...change } })
}

/** Status and body, or the error's code: no answer at all. */
async function call(running: Running, method: string, path: string, pair: Pair | null): Promise<string> {
  const [ca, cert, key] = await Promise.all([
    readFile(authority.ca),
    pair === null ? undefined : readFile(pair.cert),
    pair === null ? undefined : readFile(pair.key),
  ])
  const answered = Promise.withResolvers<string>()
  const options = {
    method,
    ca,
    ...(cert === undefined ? {} : { cert, key }),
    agent: false as const,
    timeout: 5000,
  }
  const asked = request(running.base + path, options, response => {
    let body = ''
    response.setEncoding('utf8').on('data', text => {
      body += text
    })
    response.on('end', () => answered.resolve(`${response.statusCode} ${body}`.trim()))
    response.on('error', () => answered.resolve('no answer'))
  })
  asked.on('error', () => answered.resolve('no answer'))
  asked.end()
  return answered.promise
}

async function serial(running: Running): Promise<string> {
  const shown = Promise.withResolvers<string>()
  const socket = connect(
    { host: '127.0.0.1', port: running.server.port(), rejectUnauthorized: false },
    () => {
      shown.resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
      socket.destroy()
    },
  )
  socket.on('error', shown.reject)
  return shown.promise
}

describe('client certificates', () => {
  const rows: readonly [mode: RestApiConfig['verifyClient'], pair: string, get: string, post: string][] = [
    ['none', 'none', '200', '202 reload scheduled'],
    ['none', 'stranger', '200', '202 reload scheduled'],
    ['optional', 'none', '200', '403 client certificate required'],
    ['optional', 'client', '200', '202 reload scheduled'],
    ['optional', 'stranger', 'no answer', 'no answer'],
    ['required', 'none', 'no answer', 'no answer'],
    ['required', 'client', '200', '202 reload scheduled'],
    ['required', 'stranger', 'no answer', 'no answer'],
  ]
  it.each(rows)('verify_client %s, certificate %s', async (mode, name, get, post) => {
    const running = await startTls(mode)
    const pair = name === 'none' ? null : name === 'client' ? clientPair : strangerPair
    expect([
      await call(running, 'GET', '/liveness', pair),
      await call(running, 'POST', '/reload', pair),
    ]).toEqual([get, post])
    expect(running.log.above('INFO')).toEqual([])
    await running.server.stop()
  })

  it('certificate before name and password', async () => {
    const running = await startTls('optional', { credentials: { username: 'a', password: 'b' } })
    expect(await call(running, 'POST', '/reload', null)).toBe('403 client certificate required')
    expect(await call(running, 'POST', '/reload', clientPair)).toBe('401 no auth header received')
    await running.server.stop()
  })
})

describe('the server certificate', () => {
  it('is shown anew soon after its files were replaced, without a signal; open connections go on', async () => {
    const running = await startTls('none')
    const before = await serial(running)
    serverPair = await authority.issue('server')
    const deadlineMs = clock.bootMs() + 20_000
    while ((await serial(running)) === before && clock.bootMs() < deadlineMs) await clock.sleep(50)
    expect(await serial(running)).not.toBe(before)
    expect(running.log.all).toContain('INFO REST API: certificate files were read again')
    await running.server.stop()
  })

  it('stays when the new files are no certificate, and the log says so', async () => {
    const running = await startTls('none', {
      tls: {
        certfile: serverPair.cert,
        keyfile: serverPair.key,
        keyfilePassword: null,
        cafile: authority.ca,
        ciphers: null,
      },
    })
    const before = await serial(running)
    const broken = {
      certfile: authority.ca,
      keyfile: serverPair.key,
      keyfilePassword: null,
      cafile: null,
      ciphers: null,
    }
    const config: RestApiConfig = { ...OPEN_CONFIG, tls: broken }
    expect(await running.server.reload(config)).toBe(false)
    expect(await serial(running)).toBe(before)
    expect(running.log.above('INFO').join()).toMatch(
      /ERROR REST API: the new configuration cannot be used, the old one stays: .*key/,
    )
    await running.server.stop()
  })

  it('a missing file is an error at start', async () => {
    const tls = {
      certfile: '/nonexistent/x.crt',
      keyfile: null,
      keyfilePassword: null,
      cafile: null,
      ciphers: null,
    }
    await expect(startServer({ config: { tls } })).rejects.toThrow(/ENOENT.*x\.crt/)
  })

  it('reload switches between http and https on the same port', async () => {
    const running = await startServer()
    const port = running.server.port()
    const tls = {
      certfile: serverPair.cert,
      keyfile: serverPair.key,
      keyfilePassword: null,
      cafile: null,
      ciphers: null,
    }
    expect(await running.server.reload({ ...OPEN_CONFIG, listen: { host: '127.0.0.1', port }, tls })).toBe(
      true,
    )
    expect(running.server.port()).toBe(port)
    expect(await call({ ...running, base: `https://127.0.0.1:${port}` }, 'GET', '/liveness', null)).toBe(
      '200',
    )
    await running.server.stop()
  })

  it('plain HTTP, garbage and silence on the TLS port harm nobody', async () => {
    const running = await startTls('none')
    const port = running.server.port()
    const silent = await idleConnections(port, 200)
    await exchange(port, 'GET / HTTP/1.0\r\n\r\n')
    await exchange(port, Buffer.alloc(1000, 0xff))
    expect(await call(running, 'GET', '/liveness', null)).toBe('200')
    expect(running.log.above('INFO')).toEqual([])
    for (const socket of silent) socket.destroy()
    await running.server.stop()
  })
})

describe('calling others', () => {
  const memberAt = (running: Running) => member('pg1', `${running.base}/patroni`)
  async function agentAsks(running: Running, ctl: Partial<CtlConfig>): Promise<string> {
    const peers = createPeers({
      calls: () => ({ ctl: { ...PLAIN_CTL, ...ctl }, restapi: OPEN_CONFIG }),
      clock,
      log: new Lines(),
    })
    const answer = (await peers.ask([memberAt(running)], ANSWER_MS)).get('pg1')
    return answer?.known === true ? answer.value.role : (answer?.why ?? 'not asked')
  }
  async function operatorCalls(running: Running, ctl: Partial<CtlConfig>): Promise<string> {
    const answer = await callMember(running.base, {
      method: 'GET',
      path: '/liveness',
      timeoutMs: ANSWER_MS,
      ctl: { ...PLAIN_CTL, ...ctl },
    })
    return 'status' in answer ? String(answer.status) : answer.unreachable
  }

  it('an agent verifies the chain, not the name; without an authority or a client certificate nothing', async () => {
    serverPair = await authority.issue('server', 'elsewhere.example')
    const running = await startTls('none')
    const own = { certfile: clientPair.cert, keyfile: clientPair.key }
    expect(await agentAsks(running, {})).toBe('replica')
    expect(await agentAsks(running, { cacert: authority.ca })).toBe('replica')
    expect(await agentAsks(running, { cacert: stranger.ca })).toMatch(/certificate/)
    expect(await agentAsks(running, { cacert: stranger.ca, insecure: true })).toBe('replica')
    expect(await agentAsks(running, { ...own, cacert: authority.ca })).toBe('replica')
    expect(await agentAsks(running, { ...own, cacert: stranger.ca })).toMatch(/certificate/)
    await running.server.stop()
  })

  it('an operator verifies chain and name unless told to be insecure', async () => {
    const running = await startTls('none')
    expect(await operatorCalls(running, { cacert: authority.ca })).toMatch(
      /not in the cert's list|does not match/,
    )
    expect(await operatorCalls(running, {})).toMatch(/certificate/)
    expect(await operatorCalls(running, { insecure: true })).toBe('200')
    const own = { certfile: clientPair.cert, keyfile: clientPair.key }
    expect(await operatorCalls(running, { ...own, insecure: true, cacert: authority.ca })).toBe('200')
    expect(await operatorCalls(running, { ...own, insecure: true, cacert: stranger.ca })).toMatch(
      /certificate/,
    )
    await running.server.stop()
    serverPair = await authority.issue('server')
  })

  it('a client certificate opens a server that requires one', async () => {
    const running = await startTls('required')
    expect(await operatorCalls(running, { cacert: authority.ca })).not.toBe('200')
    const own = { certfile: clientPair.cert, keyfile: clientPair.key, cacert: authority.ca }
    expect(await operatorCalls(running, own)).toBe('200')
    expect(await agentAsks(running, own)).toBe('replica')
    await running.server.stop()
  })
})
