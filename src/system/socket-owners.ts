// Whose sockets of this machine are: what Linux says in /proc/net about both ends of a connection, because Node cannot ask
// for SO_PEERCRED.

import { readdir, readFile, readlink } from 'node:fs/promises'
import { endianness } from 'node:os'

interface TcpSocket {
  /** As URLs write addresses, with the port. */
  readonly local: string
  readonly remote: string
  readonly isListening: boolean
  /** The user of the process that made it; of an accepted one: that accepted it. */
  readonly uid: number
  readonly inode: string
}

interface Place {
  readonly address: string
  readonly port: number
}

const LISTEN = '0A'

/** Of the agent's network namespace; IPv6 or IPv4 as `address`. Rejects when the table cannot be read. */
export async function tcpSockets(address: string): Promise<readonly TcpSocket[]> {
  const table = await readFile(`/proc/self/net/${address.includes(':') ? 'tcp6' : 'tcp'}`, 'latin1')
  return table
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(row => row.length > 9)
    .map(([, local = '', remote = '', state, , , , uid, , inode = '']) => ({
      local: decoded(local),
      remote: decoded(remote),
      isListening: state === LISTEN,
      uid: Number(uid),
      inode,
    }))
}

/** For comparing with the sockets of the table. */
export function placeKey({ address, port }: Place): string {
  const [bare = ''] = address.split('%')
  return `${bare.includes(':') ? new URL(`http://[${bare}]`).hostname : bare}:${port}`
}

/** Listening on this address, or on all. */
export function listensAt(socket: TcpSocket, place: Place): boolean {
  const all = placeKey({ address: place.address.includes(':') ? '::' : '0.0.0.0', port: place.port })
  return socket.isListening && [placeKey(place), all].includes(socket.local)
}

/** `0100007F:1538`: words in the machine's own order of bytes, and a port. */
function decoded(text: string): string {
  const [hex = '', port = ''] = text.split(':')
  const words = hex.match(/.{8}/g) ?? []
  const inOrder = (word: string): Buffer => {
    const bytes = Buffer.from(word, 'hex')
    return endianness() === 'LE' ? bytes.reverse() : bytes
  }
  const bytes = Buffer.concat(words.map(inOrder))
  const address =
    bytes.length === 4 ? bytes.join('.') : (bytes.toString('hex').match(/.{4}/g)?.join(':') ?? '')
  return placeKey({ address, port: Number.parseInt(port, 16) })
}

interface UnixListener {
  /** As it was bound. */
  readonly path: string
  readonly inode: string
}

const ACCEPTS = 0x10000

export async function unixListeners(): Promise<readonly UnixListener[]> {
  const table = await readFile('/proc/self/net/unix', 'utf8')
  return table.split('\n').flatMap(line => {
    const row = /^\S+: \S+ \S+ (?<flags>\S+) \S+ \S+ +(?<inode>\d+) (?<path>\/.*)$/.exec(line)?.groups
    const { flags = '', inode = '', path = '' } = row ?? {}
    return (Number.parseInt(flags, 16) & ACCEPTS) === 0 ? [] : [{ path, inode }]
  })
}

/** Inodes of the sockets that a process has open; null: it may not be looked at. */
export async function socketsOf(pid: number): Promise<ReadonlySet<string> | null> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => null)
  if (names === null) return null
  const links = await Promise.all(names.map(name => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
  return new Set(links.flatMap(link => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
}
