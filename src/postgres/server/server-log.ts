// The server's output until its own logging begins, kept in a file of ours, and its last words: the reason that an
// operator reads when it does not come up.

import { mkdir, open, readFile, readlink, rename, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { serverWordsOf } from '../../system/program-words.ts'
import type { Context } from '../context.ts'
import { holderOfPort } from './port-holder.ts'
import { chownToServerUser } from './run-as.ts'

export interface ServerLog {
  readonly fd: number
  readonly path: string
  /** Size before this start: later output belongs to this start. */
  readonly from: number
  close(): Promise<void>
}

const SERVER_LOG_BYTES_MAX = 16 * 1024 * 1024
const TAIL_BYTES = 32_768

/** A server that logs to stderr for ever writes here; the file is set aside at a start once it has grown. */
export async function openServerLog(context: Context): Promise<ServerLog | null> {
  const path = context.serverLog
  if (path === null) return null
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const size = (await stat(path).catch(() => null))?.size ?? 0
  if (size > SERVER_LOG_BYTES_MAX) await rename(path, `${path}.1`).catch(() => {})
  const file = await open(path, 'a', 0o600)
  await chownToServerUser(path, context.programs.runAs)
  return { fd: file.fd, path, from: size > SERVER_LOG_BYTES_MAX ? 0 : size, close: () => file.close() }
}

/** With logging_collector the standard error of the postmaster leads to the collector, soon after its start. */
export async function logsToState({ serverLog, watch }: Context): Promise<boolean> {
  const running = watch.lastKnown()
  if (serverLog === null || running === null) return false
  const target = await readlink(`/proc/${running.pid}/fd/2`).catch(() => '')
  return basename(target) === basename(serverLog)
}

/** Why this start failed, in the server's own words after a colon; without any, where to look. */
export async function lastWords(context: Context, log: ServerLog | null): Promise<string> {
  if (log === null) return ''
  const printed = serverWordsOf(await tailOf(log.path, log.from))
  const words = printed === '' ? serverWordsOf(await collectedSinceStart(context)) : printed
  const isTaken = words.includes('Address already in use')
  const holder = isTaken ? await holderOfPort(context.config.port) : null
  return words === '' ? ` (see ${log.path})` : `: ${words}${holder === null ? '' : `; ${holder}`}`
}

/** With logging_collector the server goes on in a file of its own choice, and names it. */
async function collectedSinceStart({ dataDir }: Context): Promise<string> {
  const named = await readFile(resolve(dataDir, 'current_logfiles'), 'utf8').catch(() => '')
  const path = /^stderr (.+)$/m.exec(named)?.[1]
  if (path === undefined) return ''
  const tail = await tailOf(resolve(dataDir, path), 0)
  // Earlier text belongs to former starts.
  return tail.slice(Math.max(0, tail.lastIndexOf('starting PostgreSQL ')))
}

async function tailOf(path: string, from: number): Promise<string> {
  const file = await open(path, 'r').catch(() => null)
  if (file === null) return ''
  try {
    const { size } = await file.stat()
    const bytes = Buffer.alloc(TAIL_BYTES)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, Math.max(from, size - bytes.length))
    return bytes.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}
