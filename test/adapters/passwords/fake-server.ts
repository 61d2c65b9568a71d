// A server that speaks just enough of PostgreSQL's protocol to ask for a password in a way of its choice, and that
// remembers what it was given. What a stranger at a server's address, or on the path to it, can do.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'

type Asks = 'cleartext' | 'md5' | 'scram' | 'scram-plus' | 'nothing'

export interface FakeServer {
  readonly port: number
  /** What came, in order: `SSLRequest`, `startup`, `password <text>`. */
  readonly got: string[]
}

interface FakeOptions {
  readonly asks: Asks
  readonly tls?: { readonly cert: string; readonly key: string }
  /** A socket file to listen on, instead of a port. */
  readonly path?: string
  readonly port?: number
  readonly host?: string
}

const SSL_REQUEST = 80877103
const int32 = (value: number) => {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}
const message = (type: string, ...parts: readonly Buffer[]) => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}
const MECHANISMS = {
  scram: 'SCRAM-SHA-256\0\0',
  'scram-plus': 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0',
} as const

function request(asks: Asks): Buffer {
  if (asks === 'cleartext') return message('R', int32(3))
  if (asks === 'md5') return message('R', int32(5), Buffer.from('salt'))
  if (asks === 'nothing') return Buffer.concat([message('R', int32(0)), message('Z', Buffer.from('I'))])
  return message('R', int32(10), Buffer.from(MECHANISMS[asks]))
}

/** Stopped when the test is over. */
export async function fakeServer({ asks, tls, path, port, host }: FakeOptions): Promise<FakeServer> {
  const got: string[] = []
  const sockets = new Set<Socket>()
  const context = tls && { cert: await readFile(tls.cert), key: await readFile(tls.key) }
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    greet(socket)
  })
  const greet = (socket: Socket): void => {
    socket.once('data', (bytes: Buffer) => {
      if (bytes.readInt32BE(4) !== SSL_REQUEST) return begin(socket)
      got.push('SSLRequest')
      if (context === undefined) {
        socket.write('N')
        return greet(socket)
      }
      socket.write('S')
      const secure = new TLSSocket(socket, { isServer: true, ...context })
      secure.on('error', () => {})
      secure.once('data', () => begin(secure))
    })
  }
  const begin = (socket: Socket): void => {
    got.push('startup')
    socket.on('data', (bytes: Buffer) => {
      if (bytes.toString('latin1', 0, 1) === 'p')
        got.push(`password ${bytes.toString('latin1', 5).replace(/\0$/, '')}`)
      // Whoever was believed so far is let in.
      if (asks === 'cleartext' || asks === 'md5') socket.write(request('nothing'))
    })
    socket.write(request(asks))
  }
  if (path === undefined) server.listen(port ?? 0, host ?? '127.0.0.1')
  else server.listen(path)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, got }
}
