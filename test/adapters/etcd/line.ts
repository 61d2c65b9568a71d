// A line to one member of etcd that keeps requests back. They arrive later, also when whoever sent them has given up.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { HostPort } from '../../../src/model/settings/config.ts'
import { LIMIT_MS, until } from './etcd-harness.ts'

/** RFC 9113, 4.1: length (24 bits), type (8 bits), flags, stream. */
const FRAME_HEADER_BYTES = 9
const RST_STREAM = 3

export class Line {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #held: { readonly chunk: Buffer; readonly upstream: Socket }[] | null = null

  private constructor(target: HostPort) {
    this.#server = createServer(client => {
      const upstream = connect(target.port, target.host)
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          client.destroy()
          if (this.#held === null) upstream.destroy()
        })
      }
      client.on('data', chunk => {
        if (this.#held === null) upstream.write(chunk)
        else this.#held.push({ chunk, upstream })
      })
      upstream.on('data', chunk => client.write(chunk))
    })
  }

  static async start(target: HostPort): Promise<Line> {
    const line = new Line(target)
    await new Promise<void>((resolve, reject) => {
      line.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return line
  }

  get endpoint(): HostPort {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  /** From now on requests are kept back. To be called while none is under way. */
  hold(): void {
    this.#held = []
  }

  /** Settles when a request is kept back. */
  async holds(): Promise<void> {
    await until('a request kept back', LIMIT_MS, () => (this.#held?.length ?? 0) > 0)
  }

  /** What was kept back arrives, but not that it was cancelled meanwhile. */
  deliver(): void {
    const held = this.#held?.splice(0) ?? []
    for (const upstream of new Set(held.map(one => one.upstream))) {
      const chunks = held.filter(one => one.upstream === upstream).map(({ chunk }) => chunk)
      upstream.write(withoutCancellations(Buffer.concat(chunks)))
    }
  }

  /** Breaks every connection and forgets what was kept back; new ones are let through. */
  cut(): void {
    this.#held = null
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.cut()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

function withoutCancellations(bytes: Buffer): Buffer {
  const kept: Buffer[] = []
  let at = 0
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    const end = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3)
    if (bytes[at + 3] !== RST_STREAM) kept.push(bytes.subarray(at, end))
    at = end
  }
  return Buffer.concat(kept)
}
