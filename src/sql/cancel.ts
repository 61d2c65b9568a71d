// PostgreSQL goes on with a statement whose client has gone away: it is asked to cancel it, over a connection of its
// own, as psql does.

import { connect } from 'node:net'
import type { Millis } from '../model/units.ts'

const CANCEL_REQUEST = 80877102

/** Settles when the server has closed the connection, which it does at once, or after `limitMs`. */
export function requestCancel(
  { host, port }: { readonly host: string; readonly port: number },
  { processID, secretKey }: { readonly processID: number; readonly secretKey: number },
  limitMs: Millis,
): Promise<void> {
  const message = Buffer.alloc(16)
  for (const [index, word] of [16, CANCEL_REQUEST, processID, secretKey].entries())
    message.writeInt32BE(word | 0, index * 4)
  return new Promise(resolve => {
    const socket = connect({ host, port }, () => socket.end(message))
    const timer = setTimeout(() => socket.destroy(), limitMs)
    // What it answers is seen where the statement is waited for.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.resume()
  })
}
