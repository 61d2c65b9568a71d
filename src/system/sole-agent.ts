// One agent to a data directory, whatever the two are called: an abstract Unix socket, named after the directory, that
// the kernel gives to one process at a time and takes back the moment that process is gone. No file can go stale.

import { createHash } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import type { Millis } from '../model/units.ts'

type Claim =
  | { readonly ok: true; release(): Promise<void> }
  /** `holder` is what the other process says of itself. */
  | { readonly ok: false; readonly holder: string }

/** A frozen holder does not introduce itself; it holds nevertheless. */
const INTRODUCTION_MS: Millis = 500

/**
 * Claims `directory`, which need not exist yet, until the process ends. `introduction` is told to whoever comes second.
 * Throws when the kernel has no such sockets.
 */
export async function claimDirectory(directory: string, introduction: string): Promise<Claim> {
  const path = `\0hactl-agent-${createHash('sha256')
    .update(`${await rootName()} ${await trueName(directory)}`)
    .digest('hex')}`
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.end(introduction)
  })
  const error = await listen(server, path)
  if (error === null) {
    server.unref()
    return { ok: true, release: () => new Promise(done => server.close(() => done())) }
  }
  if (error.code !== 'EADDRINUSE') throw error
  return { ok: false, holder: await introductionAt(path) }
}

/**
 * On the network of the host, agents of several containers share these sockets, and the path may be the same in each of
 * them.
 */
async function rootName(): Promise<string> {
  const { dev, ino } = await stat('/', { bigint: true })
  return `${dev}:${ino}`
}

/** The same directory reached by another path is the same directory. */
async function trueName(directory: string): Promise<string> {
  const path = resolve(directory)
  const found = await realpath(path).catch(() => null)
  if (found !== null || path === dirname(path)) return found ?? path
  return join(await trueName(dirname(path)), basename(path))
}

function listen(server: Server, path: string): Promise<NodeJS.ErrnoException | null> {
  return new Promise(settle => {
    server.once('error', settle)
    server.listen({ path }, () => settle(null))
  })
}

function introductionAt(path: string): Promise<string> {
  return new Promise(settle => {
    let said = ''
    const socket = connect({ path })
    socket.setTimeout(INTRODUCTION_MS, () => socket.destroy())
    socket.setEncoding('utf8')
    socket.on('data', text => {
      said += text
    })
    socket.on('error', () => {})
    socket.on('close', () => settle(said === '' ? 'a process that does not answer' : said))
  })
}
