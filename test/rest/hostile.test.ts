// What strangers send: bytes that are no HTTP, half requests, too much of everything, many silent connections. The server
// goes on answering others, and the log above DEBUG stays silent.

import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clock, type Running, startServer } from './node.ts'
import { exchange, idleConnections } from './raw.ts'

let running: Running
let port: number
beforeEach(async () => {
  running = await startServer()
  running.node.primary()
  port = running.server.port()
})
afterEach(async () => {
  const healthy = await fetch(`${running.base}/primary`)
  await healthy.text()
  expect(healthy.status).toBe(200)
  expect(running.log.above('INFO')).toEqual([])
  await running.server.stop()
})

describe('old and terse clients', () => {
  it('OPTIONS / HTTP/1.0 without headers, as HAProxy sends it', async () => {
    const answer = await exchange(port, 'OPTIONS / HTTP/1.0\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/\r\nConnection: close\r\n/)
    expect(answer).toMatch(/\r\n\r\n$/)
  })

  it('GET /primary HTTP/1.0 gets the document and the end of the connection', async () => {
    const answer = await exchange(port, 'GET /primary HTTP/1.0\r\n\r\n')
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ role: 'primary' })
  })

  it('a whole URL as target', async () => {
    expect(await exchange(port, 'OPTIONS http://pg1:8008/primary?lag=1 HTTP/1.0\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 200 /,
    )
    expect(await exchange(port, 'OPTIONS * HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 503 /)
  })

  it('requests one after another without waiting are answered in order', async () => {
    const requests = ['/primary', '/replica', '/leader', '/foo'].map(
      path => `OPTIONS ${path} HTTP/1.1\r\nHost: x\r\n\r\n`,
    )
    const last = 'OPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const answer = await exchange(port, requests.join('') + last)
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(match => match[1])).toEqual([
      '200',
      '503',
      '200',
      '503',
      '200',
    ])
  })
})

describe('garbage', () => {
  const tlsHello = Buffer.from(
    '16030100c8010000c40303aabbccddeeff00112233445566778899aabbccddeeff0011223344',
    'hex',
  )
  it.each([
    ['a TLS handshake', tlsHello],
    ['binary', Buffer.from([0, 1, 2, 3, 255, 254, 13, 10, 13, 10])],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a version of no HTTP', 'GET /primary HTTP/9.9\r\n\r\n'],
    ['an unknown method', 'FROBNICATE /primary HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['two lengths', 'POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'length and chunks',
      'POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a line break in a header', 'GET / HTTP/1.1\r\nHost: x\r\nX: a\nb\r\n\r\n'],
  ])('%s is refused and the connection ends', async (_name, bytes) => {
    const answer = await exchange(port, bytes)
    expect(answer === '' || /^HTTP\/1\.1 400 Bad Request\r\n/.test(answer), answer).toBe(true)
    expect(running.node.reloads).toBe(0)
  })

  it('headers without end', async () => {
    const answer = await exchange(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}`)
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('a path without end of percent signs and dots is some path', async () => {
    const answer = await exchange(port, 'OPTIONS /%%%2e%2e/../..//%00?%%%=%zz&tag_%00=%ff HTTP/1.0\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
  })
})

describe('bodies', () => {
  const patch = (headers: string, body = '') =>
    exchange(port, `PATCH /config HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n${body}`)

  it.each([
    ['no Content-Length', '', '', 411],
    ['chunks', 'Transfer-Encoding: chunked\r\n', '2\r\n{}\r\n0\r\n\r\n', 411],
    ['an announced gigabyte', 'Content-Length: 1073741824\r\n', 'x', 413],
    ['nothing', 'Content-Length: 0\r\n', '', 400],
    ['an empty object', 'Content-Length: 2\r\n', '{}', 400],
    ['a list', 'Content-Length: 3\r\n', '[1]', 400],
    ['half an object', 'Content-Length: 3\r\n', '{"a', 400],
  ])('%s', async (_name, headers, body, status) => {
    expect(await patch(headers, body)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  })

  it('brackets without end', async () => {
    const deep = `{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    expect(await patch(`Content-Length: ${deep.length}\r\n`, deep)).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('a client that leaves in the middle of its body harms nobody', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"ttl"')
    await once(socket, 'connect')
    socket.resetAndDestroy()
    await once(socket, 'close')
    expect((await fetch(`${running.base}/primary`)).status).toBe(200)
  })
})

describe('many and slow', () => {
  it('a thousand silent connections, and checks are answered at once', async () => {
    const sockets = await idleConnections(port, 1000)
    const began = clock.bootMs()
    for (let check = 0; check < 50; check += 1) await (await fetch(`${running.base}/primary`)).text()
    expect(clock.bootMs() - began).toBeLessThan(10_000)
    for (const socket of sockets) socket.destroy()
  })

  it('silence, half a request and a body that never comes are ended by the server', async () => {
    const began = clock.bootMs()
    const [silent, half] = await Promise.all([
      exchange(port, '', 40_000),
      exchange(port, 'GET /primary HTTP/1.1\r\nHost: x\r\nX-Slow', 40_000),
      exchange(port, 'PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{', 40_000),
    ])
    expect(clock.bootMs() - began).toBeLessThan(30_000)
    expect([silent, half].map(answer => answer === '' || answer.startsWith('HTTP/1.1 408'))).toEqual([
      true,
      true,
    ])
  })

  it('a hundred requests at once from a client that reads are answered in order', async () => {
    const paths = Array.from({ length: 100 }, (_, index) => (index % 3 === 0 ? '/primary' : '/replica'))
    const requests = paths.map(path => `OPTIONS ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const last = 'OPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const answer = await exchange(port, requests.join('') + last)
    const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(match => match[1])
    expect(statuses).toEqual([...paths.map(path => (path === '/primary' ? '200' : '503')), '200'])
  })

  it('a client that asks without reading is no longer read, and then closed; others are answered meanwhile', async () => {
    const greedy = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' })
    greedy.pause()
    greedy.on('error', () => {})
    const chunk = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500)
    // No more once a write has failed.
    const send = (error?: Error | null): void => {
      if (error == null) greedy.write(chunk, send)
    }
    send()
    let slowestMs = 0
    while (!greedy.destroyed) {
      const began = clock.bootMs()
      await (await fetch(`${running.base}/primary`)).text()
      slowestMs = Math.max(slowestMs, clock.bootMs() - began)
      await clock.sleep(50)
    }
    expect(slowestMs).toBeLessThan(1000)
  })

  it('stopping ends connections that are open', async () => {
    const other = await startServer()
    const [socket] = await idleConnections(other.server.port(), 1)
    if (socket === undefined) throw new Error('no connection')
    const closed = once(socket, 'close')
    await other.server.stop()
    await closed
    await expect(fetch(`${other.base}/primary`)).rejects.toThrow()
  })
})
