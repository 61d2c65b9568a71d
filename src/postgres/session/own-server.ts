// Is it our own postmaster that answers at a local address? Any user of this machine can listen on a port that the server
// could not take, or while it is down. The kernel knows who is at the other end (ADR 20).

import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { formatAddress } from '../../model/address.ts'
import { errorText } from '../../model/error-text.ts'
import type { PostmasterIdentity } from '../../model/server/postgres.ts'
import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LoginSocket } from '../../system/libpq-login.ts'
import { type Place, socketsOf, tcpSockets, unixListeners } from '../../system/socket-owners.ts'
import type { Log } from '../context.ts'
import type { LocalPlace } from './local-places.ts'

export interface OwnServerParts {
  /** The user that PostgreSQL runs as. */
  readonly uid: number
  readonly findPostmaster: () => Promise<PostmasterIdentity | null>
  readonly clock: Clock
  readonly log: Log
}

/** Before a place where a stranger was met is tried again. */
const PAUSE_MS: Millis = 10_000
const LOOKS = 3

export class OwnServer {
  readonly #parts: OwnServerParts
  /** Places where a stranger answered, until when they are left alone, and what was said. */
  readonly #strangers = new Map<string, { readonly untilMs: number; readonly why: string }>()

  constructor(parts: OwnServerParts) {
    this.#parts = parts
  }

  /** The first of `places` where no stranger was met of late; a text: all have strangers. */
  choose(places: readonly LocalPlace[]): LocalPlace | string {
    const nowMs = this.#parts.clock.bootMs()
    const strangerAt = (place: LocalPlace) => this.#strangers.get(keyOf(place))
    const free = places.find(place => (strangerAt(place)?.untilMs ?? 0) <= nowMs)
    const [first] = places
    return free ?? (first && strangerAt(first)?.why) ?? 'there is no address to connect to'
  }

  /** For a connection to `place`: null when our own server is at the other end, else who is. Tells of a stranger once. */
  async prove(place: LocalPlace, socket: LoginSocket): Promise<string | null> {
    const { clock, log } = this.#parts
    const key = keyOf(place)
    const before = this.#strangers.get(key)
    const found = await this.#lookAt(place, socket).catch(
      (error: unknown) => `who answers could not be seen: ${errorText(error)}`,
    )
    if (found === null) {
      if (this.#strangers.delete(key)) log('info', `our own PostgreSQL answers at ${shown(place)} again`)
      return null
    }
    const why = `no password is given to whoever answers at ${shown(place)}: ${found}`
    this.#strangers.set(key, { untilMs: clock.bootMs() + PAUSE_MS, why })
    if (before?.why !== why) log('warning', why)
    return why
  }

  async #lookAt(place: LocalPlace, socket: LoginSocket): Promise<string | null> {
    const postmaster = await this.#parts.findPostmaster()
    if (postmaster === null) return 'no server of this data directory runs'
    // A postmaster with capabilities of its own may not be looked at: the user alone has to be enough.
    const own = await socketsOf(postmaster.pid)
    return place.host.startsWith('/')
      ? await this.#lookAtFile(join(place.host, `.s.PGSQL.${place.port}`), own)
      : await this.#lookAtTcp(socket, own)
  }

  /**
   * The other end of this very connection belongs to our user, and our postmaster listens there: a listener may change
   * hands, the end of a connection does not.
   */
  async #lookAtTcp(socket: LoginSocket, own: ReadonlySet<string> | null): Promise<string | null> {
    const { localAddress, localPort, remoteAddress, remotePort } = socket
    if (!localAddress || !localPort || !remoteAddress || !remotePort) return 'the connection is gone'
    const ours = { address: localAddress, port: localPort }
    const theirs = { address: remoteAddress, port: remotePort }
    const sockets = await socketsBetween(theirs, ours)
    const end = sockets.find(({ isListening }) => !isListening)
    if (end === undefined) return 'it is not on this machine'
    if (end.uid !== this.#parts.uid) return `a process of the user with id ${end.uid} listens there`
    if (own === null) return null
    const isOurs = sockets.some(({ isListening, inode }) => isListening && own.has(inode))
    return isOurs
      ? null
      : 'another process of this user listens there, and not the server of this data directory'
  }

  /** Who bound a socket owns its file, which nobody else can replace in a directory that is not open to all. */
  async #lookAtFile(path: string, own: ReadonlySet<string> | null): Promise<string | null> {
    const [file, folder] = await Promise.all([stat(path), stat(dirname(path))])
    if (file.uid !== this.#parts.uid) return `the socket belongs to the user with id ${file.uid}`
    if ((folder.mode & 0o1002) === 0o002) return `everybody may replace files in ${dirname(path)}`
    if (own === null) return null
    const listeners = await unixListeners(basename(path))
    const ofOurs = listeners.filter(({ inode }) => own.has(inode)).map(listener => wholePath(listener.path))
    const isOurs = (await Promise.all(ofOurs)).includes(await wholePath(path))
    return isOurs
      ? null
      : 'another process of this user listens there, and not the server of this data directory'
  }
}

/** While connections come and go, the kernel's table may be read past one that is in it. */
async function socketsBetween(near: Place, far: Place): ReturnType<typeof tcpSockets> {
  for (let turn = 1; ; turn += 1) {
    const sockets = await tcpSockets(near, far)
    if (turn === LOOKS || sockets.some(({ isListening }) => !isListening)) return sockets
  }
}

/** A directory may have several names: /var/run is /run. */
async function wholePath(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path))
  return join(folder, basename(path))
}

function keyOf({ host, port }: LocalPlace): string {
  return `${host} ${port}`
}

function shown({ host, port }: LocalPlace): string {
  return host.startsWith('/') ? join(host, `.s.PGSQL.${port}`) : formatAddress({ host, port })
}
