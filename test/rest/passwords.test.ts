// Where the password of the REST API goes, and where it does not: peers that record what they get, over HTTP and over TLS.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FailsafePing } from '../../src/model/cluster/failsafe.ts'
import type { CtlConfig, RestApiConfig } from '../../src/model/settings/config.ts'
import { callMember } from '../../src/peers/member-client.ts'
import { createPeers } from '../../src/peers/peers.ts'
import { FAILSAFE_ACCEPTED } from '../../src/wire/failsafe/call.ts'
import { type Authority, createAuthority } from './certificates.ts'
import { member, PLAIN_CTL } from './members.ts'
import { clock, Lines, OPEN_CONFIG } from './node.ts'

const LIMIT_MS = 10_000
const CREDENTIALS = { username: 'u', password: 'secret-44' }
const CTL: CtlConfig = { ...PLAIN_CTL, credentials: CREDENTIALS }
const PING: FailsafePing = { name: 'pg1', connUrl: 'postgres://a/b', apiUrl: 'http://a/patroni', slots: {} }

let ours: Authority
let other: Authority
beforeAll(async () => {
  ;[ours, other] = await Promise.all([createAuthority(), createAuthority()])
})
afterAll(() => Promise.all([ours.remove(), other.remove()]))

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

interface Peer {
  readonly base: string
  /** `METHOD path authorization`. */
  readonly got: string[]
}

/** Answers everything as a member would: a status document, and yes to failsafe; 401 where it wants a password. */
async function peer(tls: { cert: string; key: string } | null = null, wants = false): Promise<Peer> {
  const got: string[] = []
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { authorization } = request.headers
    got.push(`${request.method} ${request.url} ${authorization ?? 'without'}`)
    request.resume()
    if (wants && authorization === undefined) response.writeHead(401).end('no auth header received')
    else if (request.url === '/failsafe') response.end(FAILSAFE_ACCEPTED)
    else
      response.end(
        '{"state":"running","role":"replica","xlog":{"received_location":5,"replayed_location":5}}',
      )
  }
  const server =
    tls === null
      ? createServer(answer)
      : createTlsServer({ cert: await readFile(tls.cert), key: await readFile(tls.key) }, answer)
  server.listen(0, '127.0.0.1')
  stops.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return { base: `${tls === null ? 'http' : 'https'}://127.0.0.1:${address.port}`, got }
}

function agent(ctl: Partial<CtlConfig>, tls: Partial<NonNullable<RestApiConfig['tls']>> | null) {
  const log = new Lines()
  const restapi: RestApiConfig = {
    ...OPEN_CONFIG,
    credentials: CREDENTIALS,
    tls:
      tls === null
        ? null
        : { certfile: '', keyfile: null, keyfilePassword: null, cafile: null, ciphers: null, ...tls },
  }
  const peers = createPeers({ calls: () => ({ ctl: { ...CTL, ...ctl }, restapi }), clock, log })
  return {
    log,
    ask: async (apiUrl: string) => (await peers.ask([member('pg2', apiUrl)], LIMIT_MS)).get('pg2'),
    askFailsafe: async (apiUrl: string) =>
      (await peers.askFailsafe({ pg2: apiUrl }, PING, LIMIT_MS)).get('pg2'),
    answers: (apiUrl: string) => peers.answers(apiUrl, LIMIT_MS),
  }
}

const BASIC = `Basic ${Buffer.from('u:secret-44').toString('base64')}`

describe('an agent', () => {
  it('gives its password to no question that needs none', async () => {
    const { base, got } = await peer()
    const { ask, answers, askFailsafe } = agent({}, null)
    expect(await ask(`${base}/patroni`)).toMatchObject({ known: true })
    expect(await answers(`${base}/patroni`)).toBe(true)
    expect(await askFailsafe(`${base}/patroni`)).toMatchObject({ known: true })
    expect(got).toEqual(['GET /patroni without', 'GET /liveness without', `POST /failsafe ${BASIC}`])
  })

  it('asks a member only where members answer: scheme, host and port count, path and query do not', async () => {
    const { base, got } = await peer()
    const { ask } = agent({}, null)
    expect(await ask(`${base}/internal/admin?do=x#y`)).toMatchObject({ known: true })
    expect(await ask(`${base.replace('//', '//name:word@')}/..%2f`)).toMatchObject({ known: true })
    expect(got).toEqual(['GET /patroni without', 'GET /patroni without'])
  })

  it('keeps it from a member on http while its own API is https, and says why a question failed', async () => {
    const own = await ours.issue('pg1')
    const wanting = await peer(null, true)
    const strict = agent({ expectsTls: true }, { certfile: own.cert, cafile: ours.ca })
    expect(await strict.askFailsafe(`${wanting.base}/patroni`)).toEqual({
      known: false,
      why:
        `it wants a password (HTTP status 401), but ${wanting.base} is plain http, while https is configured here: ` +
        'the password was not sent (ctl.insecure allows it)',
    })
    // One that wants no password, may answer.
    const open = await peer()
    expect(await strict.askFailsafe(`${open.base}/patroni`)).toMatchObject({ known: true })
    expect([...wanting.got, ...open.got]).toEqual(['POST /failsafe without', 'POST /failsafe without'])
    const lenient = agent({ expectsTls: true, insecure: true }, { certfile: own.cert, cafile: ours.ca })
    expect(await lenient.askFailsafe(`${wanting.base}/patroni`)).toMatchObject({ known: true })
    expect(wanting.got.at(-1)).toBe(`POST /failsafe ${BASIC}`)
  })

  it('verifies the chain of a member where a CA is known: nothing goes to another certificate', async () => {
    const [own, theirs, foreign] = await Promise.all([
      ours.issue('pg1'),
      ours.issue('pg2', 'another.name'),
      other.issue('pg2'),
    ])
    const { ask, askFailsafe, answers, log } = agent(
      { cacert: ours.ca },
      { certfile: own.cert, cafile: ours.ca },
    )
    const real = await peer(theirs)
    expect(await ask(`${real.base}/patroni`)).toMatchObject({ known: true })
    expect(await askFailsafe(`${real.base}/patroni`)).toMatchObject({ known: true })
    const fake = await peer(foreign)
    expect(await ask(`${fake.base}/patroni`)).toEqual({
      known: false,
      why: expect.stringMatching(/unable to (verify the first certificate|get local issuer certificate)/),
    })
    expect(await askFailsafe(`${fake.base}/patroni`)).toMatchObject({ known: false })
    expect(fake.got).toEqual([])
    // A node of the same name is found whatever it shows: nothing is told to it.
    expect(await answers(`${fake.base}/patroni`)).toBe(true)
    expect(fake.got).toEqual(['GET /liveness without'])
    expect(log.all.join('\n')).not.toMatch(/not verified/)
  })

  it('verifies the name too when hactl.verify_member_names asks for it', async () => {
    const [own, theirs] = await Promise.all([ours.issue('pg1'), ours.issue('pg2', 'another.name')])
    const { ask } = agent({ cacert: ours.ca, verifyNames: true }, { certfile: own.cert, cafile: ours.ca })
    const misnamed = await peer(theirs)
    expect(await ask(`${misnamed.base}/patroni`)).toMatchObject({
      known: false,
      why: expect.stringMatching(/altnames/),
    })
    expect(await ask(`${(await peer(own)).base}/patroni`)).toMatchObject({ known: true })
    expect(misnamed.got).toEqual([])
  })

  it('goes on as Patroni does where it cannot verify, and says so once', async () => {
    const [own, theirs] = await Promise.all([other.issue('pg1'), other.issue('pg2')])
    const real = await peer(theirs)
    // The CA of the clients did not sign the servers' certificates, this node's own included.
    const ofClients = agent({ cacert: ours.ca }, { certfile: own.cert, cafile: ours.ca })
    const without = agent({}, { certfile: own.cert })
    const insecure = agent({ cacert: ours.ca, insecure: true }, { certfile: own.cert, cafile: ours.ca })
    for (const { ask, askFailsafe, log } of [ofClients, without, insecure]) {
      expect(await ask(`${real.base}/patroni`)).toMatchObject({ known: true })
      expect(await askFailsafe(`${real.base}/patroni`)).toMatchObject({ known: true })
      await askFailsafe(`${real.base}/patroni`)
      expect(log.above('INFO')).toHaveLength(1)
    }
    const start =
      'WARNING the certificates of other members are not verified, so whoever is on the path to them can read ' +
      'the password of the REST API: '
    expect(ofClients.log.above('INFO')).toEqual([
      `${start}${ours.ca} did not sign this node's own certificate, ${own.cert}`,
    ])
    expect(without.log.above('INFO')).toEqual([`${start}neither ctl.cacert nor restapi.cafile is set`])
    expect(insecure.log.above('INFO')).toEqual([`${start}ctl.insecure is on`])
  })
})

describe('a command', () => {
  const call = { timeoutMs: LIMIT_MS } as const
  it('gives the password only to requests that change something', async () => {
    const { base, got } = await peer()
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PATCH', 'DELETE'] as const)
      await callMember(`${base}/x?y`, { ...call, method, path: '/z', ctl: CTL })
    expect(got.map(line => line.replace(BASIC, 'with'))).toEqual([
      'GET /z without',
      'HEAD /z without',
      'OPTIONS /z without',
      'POST /z with',
      'PATCH /z with',
      'DELETE /z with',
    ])
  })

  it('not over http where https is configured, unless --insecure is given', async () => {
    const { base, got } = await peer(null, true)
    const post = { ...call, method: 'POST', path: '/reload' } as const
    expect(await callMember(base, { ...post, ctl: { ...CTL, expectsTls: true } })).toEqual({
      unreachable:
        `it wants a password (HTTP status 401), but ${base} is plain http, while https is configured here: ` +
        'the password was not sent (ctl.insecure allows it)',
    })
    expect(got).toEqual(['POST /reload without'])
    await callMember(base, { ...post, ctl: { ...CTL, expectsTls: true, insecure: true } })
    expect(got.at(-1)).toBe(`POST /reload ${BASIC}`)
  })
})
