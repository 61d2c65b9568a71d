// Who may connect. Nobody can shut the others out: an address has so many connections at most and makes so many in a
// second, and when all places are taken the newcomer gets that of the address that holds most, member or not last of all.
// A place can be taken back while no request of it is being answered: slow and silent clients sit on such places.

import type { Socket } from 'node:net'
import type { BootMillis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { addressKey } from './address-key.ts'
import { Bucket, type Rate } from './bucket.ts'

interface DoorLimits {
  readonly places: number
  readonly placesOfAddress: number
  /** Connections that one address makes. */
  readonly rate: Rate
  /** Those for which another one of it is closed: each of them comes back, if it is up to no good. */
  readonly replacing: Rate
}

type Usual = Omit<DoorLimits, 'places'>

export const PLAIN_DOOR: Usual = {
  placesOfAddress: 200,
  rate: { perSecond: 1000, atOnce: 2000 },
  replacing: { perSecond: 50, atOnce: 1000 },
}

/** A handshake costs a few milliseconds of processor time. */
export const TLS_DOOR: Usual = { ...PLAIN_DOOR, rate: { perSecond: 100, atOnce: 300 } }

/** From so many known addresses on, those that have left are forgotten. */
const ADDRESSES_KEPT = 5000

interface Guest {
  readonly socket: Socket
  /** How many of its requests are being answered. */
  requests: number
}

/** Those of one address. */
interface Guests {
  readonly key: string
  /** By the client's port, which the encrypted socket of a connection has too; in the order in which they came. */
  readonly guests: Map<string, Guest>
  readonly bucket: Bucket
  readonly replacing: Bucket
}

export class Doorkeeper {
  readonly #limits: DoorLimits
  readonly #clock: Pick<Clock, 'bootMs'>
  readonly #isMember: (address: string) => boolean
  readonly #addresses = new Map<string, Guests>()
  #taken = 0

  constructor(limits: DoorLimits, isMember: (address: string) => boolean, clock: Pick<Clock, 'bootMs'>) {
    this.#limits = limits
    this.#isMember = isMember
    this.#clock = clock
  }

  /** How many are inside. */
  get taken(): number {
    return this.#taken
  }

  /** How many addresses are known. */
  get remembered(): number {
    return this.#addresses.size
  }

  /** A connection was made. null: it may stay. Otherwise why it may not; the caller closes it. */
  admit(socket: Socket): string | null {
    const address = socket.remoteAddress
    if (address === undefined) return 'the client left'
    const { guests, bucket, replacing } = this.#from(address)
    const nowMs = this.#clock.bootMs()
    if (!bucket.take(1, nowMs)) return 'it connects too often'
    if (guests.size >= this.#limits.placesOfAddress) {
      if (!replacing.take(1, nowMs)) return 'it has too many connections'
      if (!this.#evictOldest(guests)) return 'all its connections are in use'
    }
    if (this.#taken >= this.#limits.places && !this.#makeRoom()) return 'there are too many connections'
    const id = idOf(socket)
    guests.set(id, { socket, requests: 0 })
    this.#taken += 1
    socket.once('close', () => {
      if (guests.delete(id)) this.#taken -= 1
    })
    return null
  }

  /** A request of this connection is being answered; the function that is returned tells that it was. */
  serving(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): () => void {
    const guest = this.#addresses.get(addressKey(socket.remoteAddress ?? ''))?.guests.get(idOf(socket))
    if (guest === undefined) return () => {}
    guest.requests += 1
    return () => {
      guest.requests -= 1
    }
  }

  #from(address: string): Guests {
    const key = addressKey(address)
    const known = this.#addresses.get(key)
    if (known !== undefined) return known
    const nowMs = this.#clock.bootMs()
    if (this.#addresses.size >= ADDRESSES_KEPT) this.#forgetAbsent(nowMs)
    const { rate, replacing } = this.#limits
    const those: Guests = {
      ...{ key, guests: new Map() },
      ...{ bucket: new Bucket(rate, nowMs), replacing: new Bucket(replacing, nowMs) },
    }
    this.#addresses.set(key, those)
    return those
  }

  #forgetAbsent(nowMs: BootMillis): void {
    for (const [key, { guests, bucket, replacing }] of this.#addresses)
      if (guests.size === 0 && bucket.isFull(nowMs) && replacing.isFull(nowMs)) this.#addresses.delete(key)
  }

  /** Takes a place back from who holds most; from a member only when nobody else has one. */
  #makeRoom(): boolean {
    const byGreed = [...this.#addresses.values()].sort((a, b) => b.guests.size - a.guests.size)
    const strangers = byGreed.filter(({ key }) => !this.#isMember(key))
    return [...strangers, ...byGreed].some(({ guests }) => this.#evictOldest(guests))
  }

  #evictOldest(guests: Guests['guests']): boolean {
    for (const [id, { socket, requests }] of guests) {
      if (requests > 0) continue
      guests.delete(id)
      this.#taken -= 1
      socket.destroy()
      return true
    }
    return false
  }
}

function idOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`
}
