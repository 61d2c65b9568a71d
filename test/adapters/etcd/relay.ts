// A network that can be made to misbehave, between the adapter under test and a real etcd member.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { HostPort } from '../../../src/model/settings/config.ts'

const FRAME_HEADER_BYTES = 9
const DATA = 0

/** etcd also sends pings and windows by themselves, before an answer and after it. Each of its writes begins with a frame. */
function bringsAnswer(chunk: Buffer): boolean {
  for (let at = 0; at + FRAME_HEADER_BYTES <= chunk.length; ) {
    if (chunk[at + 3] === DATA) return true
    at += FRAME_HEADER_BYTES + chunk.readUIntBE(at, 3)
  }
  return false
}

/** A TCP relay in front of an endpoint that can lose answers, or keep requests back. */
export class Relay {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #losesAnswers: boolean = false
  #heldRequests: (() => void)[] | null = null
  #onAnswer: (() => void) | null = null

  private constructor(target: HostPort) {
    this.#server = createServer(client => {
      const upstream = connect(target.port, target.host)
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          client.destroy()
          upstream.destroy()
          this.#sockets.delete(socket)
        })
      }
      client.on('data', chunk => {
        if (this.#heldRequests === null) upstream.write(chunk)
        else this.#heldRequests.push(() => upstream.write(chunk))
      })
      upstream.on('data', chunk => {
        if (!this.#losesAnswers) client.write(chunk)
        if (!bringsAnswer(chunk)) return
        const onAnswer = this.#onAnswer
        this.#onAnswer = null
        onAnswer?.()
      })
    })
  }

  static async start(target: HostPort): Promise<Relay> {
    const relay = new Relay(target)
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return relay
  }

  get endpoint(): HostPort {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  /** From now on requests arrive, and no answer comes back. */
  loseAnswers(): void {
    this.#losesAnswers = true
  }

  /** Lets one more answer pass, then keeps requests back until `meanwhile` is over. */
  holdAfterNextAnswer(meanwhile: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onAnswer = () => {
        this.holdRequests(meanwhile).then(resolve, reject)
      }
    })
  }

  /** Keeps requests back until `meanwhile` is over. */
  async holdRequests(meanwhile: () => Promise<void>): Promise<void> {
    this.#heldRequests = []
    try {
      await meanwhile()
    } finally {
      const held = this.#heldRequests
      this.#heldRequests = null
      for (const send of held) send()
    }
  }

  /** Breaks every connection; new ones are accepted. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
