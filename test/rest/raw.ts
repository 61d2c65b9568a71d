// A socket without a client library, for what no well-behaved client would send.

import { connect, type Socket } from 'node:net'
import { clock } from './node.ts'

/** Sends `bytes`, reads until the server closes or `limitMs` passes; then the client closes. */
export async function exchange(port: number, bytes: string | Buffer, limitMs = 10_000): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  const closed = new AbortController()
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('error', () => {})
  socket.on('close', () => closed.abort())
  socket.write(bytes)
  await clock.sleep(limitMs, closed.signal)
  socket.destroy()
  return Buffer.concat(chunks).toString('latin1')
}

/** `count` connections that say nothing; resolves when all are there. */
export async function idleConnections(port: number, count: number): Promise<readonly Socket[]> {
  const opening = Array.from({ length: count }, () => {
    const opened = Promise.withResolvers<Socket>()
    const socket = connect(port, '127.0.0.1', () => opened.resolve(socket))
    socket.on('error', opened.reject)
    return opened.promise
  })
  return Promise.all(opening)
}
