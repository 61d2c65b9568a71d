// `node test/bench/load/attack.ts KIND HOST PORT CONNECTIONS SECONDS [FROM]`: what a client can do to the HTTP API that it should
// not. Runs in a process of its own, from an address of its own; prints how many connections it made.

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'

const [kind = '', host = '', portText = '', countText = '1', secondsText = '10', localAddress] =
  process.argv.slice(2)
const port = Number(portText)
const count = Number(countText)
const endsAt = performance.now() + Number(secondsText) * 1000

const REQUEST = (path: string, method = 'GET', more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`

let made = 0
let closed = 0

type Attack = (socket: Socket) => void

/** Sends and never reads. */
const pipelining =
  (path: string): Attack =>
  socket => {
    socket.pause()
    const chunk = REQUEST(path).repeat(500)
    const send = (): void => {
      if (!socket.destroyed) socket.write(chunk, () => setImmediate(send))
    }
    send()
  }

/** One request after the other, as fast as they are answered. */
const asking =
  (path: string, method = 'GET', more = ''): Attack =>
  socket => {
    socket.on('data', () => socket.write(REQUEST(path, method, more)))
    socket.write(REQUEST(path, method, more))
  }

const attacks: Readonly<Record<string, Attack>> = {
  pipeline: pipelining('/metrics'),
  'pipeline-patroni': pipelining('/patroni'),
  idle: () => {},
  'slow-headers': socket => {
    socket.write('GET / HTTP/1.1\r\n')
    const drip = async (): Promise<void> => {
      for (let line = 0; !socket.destroyed; line += 1) {
        socket.write(`X-Slow-${line}: 1\r\n`)
        await sleep(1000)
      }
    }
    void drip()
  },
  'slow-body': socket => {
    socket.write(REQUEST('/config', 'PATCH', 'Content-Length: 1000000\r\n'))
    const drip = async (): Promise<void> => {
      for (; !socket.destroyed; await sleep(1000)) socket.write('{')
    }
    void drip()
  },
  metrics: asking('/metrics'),
  patroni: asking('/patroni'),
  cluster: asking('/cluster'),
  config: asking('/config'),
  parameters: asking('/parameters?names=work_mem'),
  refused: asking('/switchover', 'POST', 'Content-Length: 0\r\n'),
  'tls-handshake': socket => {
    socket.once('secureConnect', () => socket.destroy())
  },
}

const attack = attacks[kind]
if (attack === undefined)
  throw new Error(`no such attack: ${kind}; there are ${Object.keys(attacks).join(', ')}`)

async function attacker(): Promise<void> {
  while (performance.now() < endsAt) {
    const options = { host, port, localAddress, rejectUnauthorized: false }
    const socket = kind.startsWith('tls-') ? connectTls(options) : connect(options)
    made += 1
    socket.on('error', () => {})
    socket.once('connect', () => attack?.(socket))
    const over = new Promise(resolve => socket.once('close', resolve))
    await Promise.race([over, sleep(Math.max(0, endsAt - performance.now()))])
    if (socket.destroyed) closed += 1
    socket.destroy()
  }
}

await Promise.all(Array.from({ length: count }, attacker))
console.log(`${made} connections made, ${closed} closed by the other side`)
