// Whose sockets of this machine are: what Linux says in /proc/net about both ends of a connection, because Node cannot ask
// for SO_PEERCRED.

import { readdir, readlink } from 'node:fs/promises'
import { endianness } from 'node:os'
import { errorText } from '../model/error-text.ts'
import type { Millis } from '../model/units.ts'
import { failureOf, runProgram } from './child-process.ts'

export interface Place {
  /** IPv4 or IPv6. */
  readonly address: string
  readonly port: number
}

interface TcpSocket {
  readonly isListening: boolean
  /** The user of the process that made it; of an accepted one: that accepted it. */
  readonly uid: number
  readonly inode: string
}

const LISTEN = '0A'

/**
 * Of the agent's network namespace: those that listen at `near` or at all addresses with its port, and the end at `near` of a
 * connection from `far`. Rejects when the table cannot be read.
 */
export async function tcpSockets(near: Place, far: Place): Promise<readonly TcpSocket[]> {
  const isSix = near.address.includes(':')
  const all = { address: isSix ? '::' : '0.0.0.0', port: near.port }
  const nobody = { address: all.address, port: 0 }
  const ends = [
    `${encoded(near)} ${encoded(far)} `,
    ...[near, all].map(place => `${encoded(place)} ${encoded(nobody)} ${LISTEN} `),
  ]
  return (await rowsWith(`/proc/self/net/${isSix ? 'tcp6' : 'tcp'}`, ends)).flatMap(socketIn)
}

/** Inodes of the sockets that listen on a port, at whatever address. Rejects when the tables cannot be read. */
export async function listenersOnPort(port: number): Promise<readonly string[]> {
  const tables = [
    ['tcp', '0.0.0.0'],
    ['tcp6', '::'],
  ] as const
  // Not all rows with the port: a flood of connections to it has as many.
  const rows = await Promise.all(
    tables.map(([table, address]) =>
      rowsWith(`/proc/self/net/${table}`, [`:${hexPort(port)} ${encoded({ address, port: 0 })} ${LISTEN} `]),
    ),
  )
  return rows
    .flat()
    .flatMap(socketIn)
    .map(({ inode }) => inode)
}

function socketIn(row: string): readonly TcpSocket[] {
  const [, , , state, , , , uid, , inode] = row.trim().split(/\s+/)
  return inode === undefined ? [] : [{ isListening: state === LISTEN, uid: Number(uid), inode }]
}

const SEARCH_LIMIT_MS: Millis = 2500

/**
 * The lines of a table of the kernel that have one of `words` in them. Not read in this process: whoever makes a hundred
 * thousand connections makes a table of as many lines, which would keep the agent's thread for seconds.
 */
async function rowsWith(table: string, words: readonly string[]): Promise<readonly string[]> {
  const searched = await runProgram({
    file: 'grep',
    args: ['-aF', ...words.flatMap(word => ['-e', word]), '--', table],
    env: { LC_ALL: 'C', PATH: process.env.PATH ?? '/usr/bin:/bin' },
    timeoutMs: SEARCH_LIMIT_MS,
  })
  // Code 1: no line has them.
  if (searched.kind === 'exited' && searched.code === 1) return []
  const why = failureOf('grep', searched)
  if (why !== null) throw new Error(`${table} cannot be searched: ${why}`)
  return searched.stdout.split('\n')
}

/** `0100007F:1538`, as the tables write it: words in the machine's own order of bytes, and a port. */
function encoded({ address, port }: Place): string {
  const words = bytesOf(address).toString('hex').match(/.{8}/g) ?? []
  const inOrder = (word: string): string =>
    endianness() === 'LE' ? Buffer.from(word, 'hex').reverse().toString('hex') : word
  return `${words.map(inOrder).join('').toUpperCase()}:${hexPort(port)}`
}

function hexPort(port: number): string {
  return port.toString(16).padStart(4, '0').toUpperCase()
}

/** Throws when it is no address. */
function bytesOf(address: string): Buffer {
  const [bare = ''] = address.split('%')
  if (!bare.includes(':')) return Buffer.from(bare.split('.').map(Number))
  try {
    // Without brackets: groups of hexadecimal digits, one run of empty groups left out.
    const groups = new URL(`http://[${bare}]`).hostname.slice(1, -1)
    const [front = [], back = []] = groups.split('::').map(side => side.split(':').filter(Boolean))
    const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0')
    return Buffer.from([...front, ...zeros, ...back].map(group => group.padStart(4, '0')).join(''), 'hex')
  } catch (error) {
    throw new Error(`${address} is not an address: ${errorText(error)}`)
  }
}

interface UnixListener {
  /** As it was bound. */
  readonly path: string
  readonly inode: string
}

const ACCEPTS = 0x10000

/** Those whose files are called `name`, in whatever directory. Rejects when the table cannot be read. */
export async function unixListeners(name: string): Promise<readonly UnixListener[]> {
  const lines = await rowsWith('/proc/self/net/unix', [`/${name}`])
  return lines.flatMap(line => {
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
