// Asking members: every odd answer is unknown with its reason, within the deadline, and Patroni's documents are understood
// (spec/ha.md 3.8.6). The members are real sockets.

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { CtlConfig } from '../../src/model/settings/config.ts'
import { callMember } from '../../src/peers/member-client.ts'
import { readPeerView } from '../../src/peers/peer-view.ts'
import { createPeers } from '../../src/peers/peers.ts'
import { member, PLAIN_CTL } from './members.ts'
import { clock, Lines, OPEN_CONFIG, startServer } from './node.ts'

const CTL: CtlConfig = { ...PLAIN_CTL, credentials: { username: 'u', password: 'pw' } }
const log = new Lines()
const peers = createPeers({ calls: () => ({ ctl: CTL, restapi: OPEN_CONFIG }), clock, log })

/** Where an answer is expected: both sides of a call are this process, which may stand still for a while. */
const ANSWER_MS = 10_000

const servers: { server: Server; sockets: Set<Socket> }[] = []
afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
})

/** A server that does `talk` with each connection; its URL. */
async function speaker(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    talk(socket)
  }).listen(0, '127.0.0.1')
  servers.push({ server, sockets })
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return `http://127.0.0.1:${address.port}/patroni`
}

/** Answers every request, whole or not, with `text` and closes. */
const says = (text: string) => speaker(socket => socket.once('data', () => socket.end(text)))

async function whyUnknown(apiUrl: string | null, timeoutMs = ANSWER_MS): Promise<string> {
  const answer = (await peers.ask([member('pg2', apiUrl)], timeoutMs)).get('pg2')
  return answer?.known === false ? answer.why : `known: ${JSON.stringify(answer?.known)}`
}

describe('asking members', () => {
  it('a member of our own kind', async () => {
    const running = await startServer()
    running.node.replica({ receiveLsn: 9007199254740993n })
    running.node.set({ server: running.node.current.server, tags: { failover_priority: '3' }, paused: true })
    running.node.onFresh = () => void running.node.replica({ receiveLsn: 9007199254740993n })
    const answer = (await peers.ask([member('pg1', `${running.base}/patroni`)], ANSWER_MS)).get('pg1')
    expect(answer).toMatchObject({
      known: true,
      value: {
        state: 'running',
        role: 'replica',
        runsAsPrimary: false,
        position: 9007199254740993n,
        timeline: 1,
        nofailover: false,
        failoverPriority: 3,
        watchdogFailed: false,
        offHistory: false,
        paused: true,
      },
    })
    await running.server.stop()
  })

  it('odd answers are unknown, with the reason', async () => {
    const http = (body: string, head = 'HTTP/1.0 200 OK\r\n\r\n') => says(head + body)
    expect(await whyUnknown(await http('hello'))).toBe('the answer is not a JSON object: hello')
    expect(await whyUnknown(await http('[]'))).toMatch(/not a JSON object/)
    expect(await whyUnknown(await http('{"a": 1}'))).toBe('the answer is not a status document: {"a": 1}')
    expect(await whyUnknown(await http('{}', 'HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n'))).toBe(
      'HTTP status 302',
    )
    expect(await whyUnknown(await says('SSH-2.0-x\r\n'))).toMatch(/Parse Error/)
    expect(await whyUnknown(await speaker(socket => socket.destroy()))).toMatch(
      /socket hang up|ECONNRESET|EPIPE/,
    )
    expect(await whyUnknown(null)).toBe('its member key has no usable api_url')
    expect(await whyUnknown('ftp://127.0.0.1/patroni')).toBe('its member key has no usable api_url')
    expect(await whyUnknown('http://127.0.0.1:1/patroni')).toMatch(/ECONNREFUSED/)
    expect(await whyUnknown('http://no-such-host.invalid/patroni', 3000)).toMatch(
      /ENOTFOUND|EAI_AGAIN|no answer/,
    )
    expect(await whyUnknown(await http(`{"a": "${'x'.repeat(5_000_000)}"}`))).toMatch(
      /larger than 262144 bytes/,
    )
    const half = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"state"'
    expect(await whyUnknown(await says(half))).toMatch(/aborted/)
  })

  it('the deadline holds for silence, drips and all members together', async () => {
    const silent = await speaker(() => {})
    const dripping = await speaker(async socket => {
      while (!socket.destroyed) {
        socket.write('HTTP/1.1 200 OK\r\n'.slice(0, 1))
        await clock.sleep(50)
      }
    })
    const began = clock.bootMs()
    const answers = await peers.ask(
      [
        member('a', silent),
        member('b', dripping),
        member('c', silent),
        member('d', 'http://192.0.2.1/patroni'),
      ],
      400,
    )
    expect(clock.bootMs() - began).toBeLessThan(10_000)
    expect([...answers.values()].every(answer => !answer.known)).toBe(true)
    expect(answers.get('a')).toEqual({ known: false, why: 'no answer within 400 ms' })
  })

  it.each([
    [1, 262_144],
    [60, 69_905],
    [400, 16_384],
  ])('of %i members each may answer %i bytes, and none takes the turn of another', async (ghosts, bytes) => {
    const endless = await speaker(async socket => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n{"state":"')
      const megabyte = Buffer.alloc(1 << 20, 'x')
      for (let each = 0; each < 4 && !socket.destroyed; each++)
        await new Promise(resolve => socket.write(megabyte, resolve))
    })
    const silent = await speaker(() => {})
    const real = await says('HTTP/1.1 200 OK\r\n\r\n{"state":"running","role":"replica"}')
    const asked = [
      ...Array.from({ length: ghosts - 1 }, (_, each) =>
        member(`a${each}`, each % 2 === 0 ? endless : silent),
      ),
      member('pg1', ghosts === 1 ? endless : real),
    ]
    const answers = await peers.ask(asked, 4000)
    expect(answers.get(ghosts === 1 ? 'pg1' : 'a0')).toEqual({
      known: false,
      why: `the answer is larger than ${bytes} bytes`,
    })
    if (ghosts > 1) expect(answers.get('pg1')).toMatchObject({ known: true, value: { state: 'running' } })
  })

  it('a member that stays silent is told of once, again when the reason changes, and when it answers', async () => {
    const lines = new Lines()
    const asking = createPeers({ calls: () => ({ ctl: CTL, restapi: OPEN_CONFIG }), clock, log: lines })
    const ask = (url: string, timeoutMs = ANSWER_MS) => asking.ask([member('p', url)], timeoutMs)
    const dead = 'http://127.0.0.1:1/patroni'
    for (let round = 0; round < 3; round++) await ask(dead)
    const refused =
      'WARNING request failed to p: GET http://127.0.0.1:1/patroni (connect ECONNREFUSED 127.0.0.1:1)'
    expect(lines.above('DEBUG')).toEqual([refused])
    const silent = await speaker(() => {})
    await ask(silent, 200)
    await ask(silent, 150)
    expect(lines.above('DEBUG')).toEqual([
      refused,
      `WARNING request failed to p: GET ${silent} (no answer within 200 ms)`,
    ])
    const answering = await says('HTTP/1.0 503 No\r\n\r\n')
    for (let round = 0; round < 2; round++) await ask(answering)
    expect(lines.above('DEBUG').slice(2)).toEqual([`INFO p answers again: GET ${answering}`])
    await ask(dead)
    expect(lines.above('DEBUG').slice(3)).toEqual([refused])
  })

  it('asks again nobody: one request a member, without our credentials', async () => {
    const requests: string[] = []
    const url = await speaker(socket => {
      socket.once('data', bytes => {
        requests.push(bytes.toString())
        socket.destroy()
      })
    })
    await whyUnknown(url)
    expect(requests).toHaveLength(1)
    expect(requests[0]).toMatch(/^GET \/patroni HTTP\/1\.1\r\n/)
    expect(requests[0]).not.toMatch(/authorization/i)
    expect(log.all.join('\n')).not.toMatch(/dTpwdw|u:pw/)
  })
})

describe('is a node of that name running', () => {
  it('any HTTP answer says yes', async () => {
    expect(await peers.answers(await says('HTTP/1.0 503 No\r\n\r\n'), ANSWER_MS)).toBe(true)
    expect(await peers.answers('http://127.0.0.1:1/patroni', ANSWER_MS)).toBe(false)
    expect(await peers.answers(await speaker(() => {}), 200)).toBe(false)
    expect(await peers.answers('nonsense', 200)).toBe(false)
  })
})

describe('reading a status document', () => {
  const view = (document: object) => {
    const read = readPeerView(JSON.stringify({ state: 'running', role: 'replica', ...document }), 5)
    if (!read.known) throw new Error(read.why)
    return read.value
  }
  it('positions and roles', () => {
    expect(view({ xlog: { received_location: 5, replayed_location: 7 } })).toMatchObject({
      position: 7n,
      runsAsPrimary: false,
    })
    expect(view({ wal: { received_location: 9, replayed_location: 7 } })).toMatchObject({ position: 9n })
    expect(view({ xlog: { location: 5 } })).toMatchObject({ position: 5n, runsAsPrimary: true })
    expect(view({ role: 'master' })).toMatchObject({ role: 'primary', runsAsPrimary: true, position: null })
    expect(view({})).toMatchObject({ runsAsPrimary: false, position: null, timeline: null })
    const promoting = { hactl: { leads: true }, xlog: { received_location: 7, replayed_location: 6 } }
    expect(view(promoting)).toMatchObject({ runsAsPrimary: true, role: 'replica', position: 7n })
    expect(view({ hactl: { off_history: true } })).toMatchObject({ offHistory: true })
    expect(view({ hactl: { former_may_write: true } })).toMatchObject({ formerMayWrite: true })
    expect(view({ hactl: { former_may_write: 'yes' } })).not.toHaveProperty('formerMayWrite')
    expect(view({ xlog: {} })).toMatchObject({ position: 0n })
    expect(view({ xlog: { received_location: -1, replayed_location: 'x' } })).toMatchObject({ position: 0n })
  })
  it.each([
    [{}, false, 1],
    [{ nofailover: true }, true, 0],
    [{ nofailover: true, failover_priority: 5 }, true, 0],
    [{ nofailover: false, failover_priority: 0 }, false, 0],
    [{ failover_priority: 0 }, true, 0],
    [{ failover_priority: '2' }, false, 2],
    [{ failover_priority: 'high' }, false, 1],
    [{ nofailover: 'false' }, true, 0],
  ])('tags %j', (tags, nofailover, failoverPriority) => {
    expect(view({ tags })).toMatchObject({ nofailover, failoverPriority })
  })
})

describe('operators', () => {
  it('callMember puts any endpoint on the address of the member', async () => {
    const running = await startServer({ config: { credentials: { username: 'u', password: 'pw' } } })
    const call = { method: 'POST', path: '/reload', timeoutMs: ANSWER_MS, ctl: CTL } as const
    expect(await callMember(`${running.base}/patroni`, call)).toMatchObject({
      status: 202,
      body: 'reload scheduled',
    })
    const stranger = { ...CTL, credentials: null }
    expect(await callMember(running.base, { ...call, ctl: stranger })).toMatchObject({ status: 401 })
    expect(await callMember('http://127.0.0.1:1', call)).toEqual({
      unreachable: 'connect ECONNREFUSED 127.0.0.1:1',
    })
    expect(await callMember('x', call)).toEqual({ unreachable: '"x" is not an http or https address' })
    await running.server.stop()
  })
})
