// One client's connection, as the HTTP server sees it. What the client sends is passed on in bites, one in a turn
// (fair-turns.ts), and only while it reads its answers: who asks without waiting, or does not read, is not answered faster,
// takes no memory, and nobody else waits for him.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { BootMillis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { addressKey } from './address-key.ts'
import type { FairTurns, Waiting } from './fair-turns.ts'

/** A turn's share. Seven of the shortest requests that there are, or a part of an ordinary one. */
const BITE_BYTES = 256
/** Requests of one connection that wait for their answers. */
const REQUESTS_MAX = 8
/** Answers that the client has not read, beyond what the kernel holds for it. */
const UNREAD_BYTES_MAX = 64 * 1024

/** The connection of a request that the listener passed on (listener.ts): there are no others. */
export function clientOf({ socket }: IncomingMessage): ClientStream {
  const stream: unknown = socket
  if (!(stream instanceof ClientStream)) throw new Error('a request came from elsewhere')
  return stream
}

export class ClientStream extends Duplex implements Waiting {
  readonly addressKey: string
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly #socket: Socket
  readonly #turns: FairTurns
  readonly #clock: Pick<Clock, 'bootMs'>
  /** Received, not passed on. */
  #pending: Buffer | null = null
  #isWanted = false
  #requests = 0
  #readAtMs: BootMillis

  constructor(socket: Socket, turns: FairTurns, clock: Pick<Clock, 'bootMs'>) {
    super({ allowHalfOpen: true, emitClose: true })
    this.#socket = socket
    this.#turns = turns
    this.#clock = clock
    this.#readAtMs = clock.bootMs()
    this.remoteAddress = socket.remoteAddress
    this.remotePort = socket.remotePort
    this.addressKey = addressKey(socket.remoteAddress ?? '')
    socket.on('data', (chunk: Buffer) => {
      socket.pause()
      this.#pending = chunk
      this.#consider()
    })
    socket.once('end', () => {
      if (this.#pending === null) this.push(null)
    })
    socket.once('close', () => this.destroy())
    socket.on('error', () => this.destroy())
    socket.on('timeout', () => this.emit('timeout'))
  }

  /** The client has shown a certificate that verifies. */
  get isAuthorized(): boolean {
    return this.#socket instanceof TLSSocket && this.#socket.authorized
  }

  /** A request has begun; the function that is returned tells that it has its answer. */
  serving(): () => void {
    this.#requests += 1
    return () => {
      this.#requests -= 1
      this.#consider()
    }
  }

  /** Since when an answer waits for the client to read; null: none does. */
  unreadSinceMs(): BootMillis | null {
    return this.writableLength > 0 ? this.#readAtMs : null
  }

  takeTurn(): void {
    if (this.#pending === null || this.destroyed) return
    const bite = this.#pending.subarray(0, BITE_BYTES)
    this.#pending = bite.length === this.#pending.length ? null : this.#pending.subarray(BITE_BYTES)
    this.#isWanted = this.push(bite)
    if (this.#pending !== null) this.#consider()
    else if (this.#socket.readableEnded) this.push(null)
    else this.#socket.resume()
  }

  #consider(): void {
    const mayAsk = this.#requests < REQUESTS_MAX && this.writableLength <= UNREAD_BYTES_MAX
    if (this.#pending !== null && this.#isWanted && mayAsk && !this.destroyed) this.#turns.ask(this)
  }

  override _read(): void {
    this.#isWanted = true
    this.#consider()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.writableLength === chunk.length) this.#readAtMs = this.#clock.bootMs()
    this.#socket.write(chunk, error => {
      this.#readAtMs = this.#clock.bootMs()
      done(error)
      this.#consider()
    })
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#turns.forget(this)
    this.#pending = null
    this.#socket.destroy()
    done(error)
  }

  // What the HTTP server does with a socket besides reading and writing.

  setTimeout(ms: number, told?: () => void): this {
    if (told !== undefined) this.once('timeout', told)
    this.#socket.setTimeout(ms)
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  destroySoon(): void {
    if (this.writableEnded && this.writableFinished) this.destroy()
    else {
      this.once('finish', () => this.destroy())
      this.end()
    }
  }
}
