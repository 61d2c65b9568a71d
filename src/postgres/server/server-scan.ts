// Every process of this node's PostgreSQL, found in /proc by more than the data directory's name: the directory may be
// renamed, deleted, unmounted or replaced while the server goes on in the old one (spec/postgres.md 1.4).

import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { PostmasterIdentity } from '../../model/server/postgres.ts'
import {
  argumentsOf,
  type ProcessStat,
  readProcess,
  sharesRoot,
  workingDirectoryLink,
} from '../../system/proc.ts'
import {
  dataIdentity,
  fileIdentity,
  isSameData,
  isSameFile,
  type LastServer,
  readBootId,
} from './last-server.ts'

export interface ServerProcess extends ProcessStat {
  /** Its working directory as /proc shows it. */
  readonly directory: string
  /** True when it works in the directory that the name leads to now. */
  readonly here: boolean
  readonly postmaster: boolean
  /** True for a server that this agent started: its own child, or a child of that. */
  readonly ofAgent: boolean
}

/** Where to look, and the known facts about the server that ran last. */
interface Wanted {
  readonly dataDir: string
  readonly programName: string
  readonly last: LastServer | null
}

/** Programs that only read, or that are run by hand on a directory without clients. */
const NO_SERVER = ['--single', '--boot', '--check', '--describe-config', '--version', '--help', '-V', '-C']

/** Whether the process works in this directory, whatever its name. null: we may not look, or the process is ending. */
export async function worksIn(pid: number, dataDir: string): Promise<boolean | null> {
  const unknown = () => null
  const own = await fileIdentity(`/proc/${pid}/cwd`).catch(unknown)
  const wanted = await fileIdentity(dataDir).catch(unknown)
  if (own !== null && wanted !== null) return isSameFile(own, wanted, true)
  // On a failing disk the file's identity cannot be read, so only the name remains.
  const link = await workingDirectoryLink(pid)
  if (link === null) return null
  return (await namesOf(dataDir)).includes(link)
}

/** Ours by any proof. Throws when /proc cannot be read. */
export async function scanServers(wanted: Wanted): Promise<readonly ServerProcess[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(Number)
  const servers = (await Promise.all(pids.map(pid => readServer(pid, wanted)))).filter(
    found => found !== null,
  )
  const names = await namesOf(wanted.dataDir)
  const bootId = await readBootId()
  const last = wanted.last?.bootId === bootId ? wanted.last : null
  const ours = new Set<number>()
  await Promise.all(
    servers.map(async server => {
      if (server.here || isRecorded(server, last) || (await isOurs(server, names, last))) ours.add(server.pid)
    }),
  )
  const started = new Set(servers.filter(({ ofAgent }) => ofAgent).map(({ pid }) => pid))
  return servers
    .filter(server => ours.has(server.pid) || ours.has(server.parentPid))
    .map(server => (started.has(server.parentPid) ? { ...server, ofAgent: true } : server))
}

/** A server program that works somewhere; not one of the short-lived programs that this agent runs. */
async function readServer(pid: number, { dataDir, programName }: Wanted): Promise<ServerProcess | null> {
  if (pid === process.pid) return null
  const program = await readlink(`/proc/${pid}/exe`).catch((error: NodeJS.ErrnoException) => error.code ?? '')
  // An ending process gives back its memory, and with it its program, before it closes its files and sockets.
  const isEnding = program === 'ENOENT'
  if (!isEnding && !isServerProgram(program.replace(/ \(deleted\)$/, ''), programName)) return null
  const directory = await workingDirectoryLink(pid)
  if (directory === null || (isEnding && directory === '/')) return null
  const found = await readProcess(pid)
  if (found === null) return null
  if (isEnding && !isServerProgram(found.command, programName)) return null
  const words = await argumentsOf(pid)
  if (words.some(word => NO_SERVER.includes(word))) return null
  const postmaster = words.length > 0 && !/^\S+: /.test(words[0] ?? '')
  const here = (await worksIn(pid, dataDir)) === true
  return { ...found, directory, postmaster, here, ofAgent: found.parentPid === process.pid }
}

export function isServerProgram(executable: string, programName: string): boolean {
  return [programName, 'postgres', 'postmaster'].includes(basename(executable))
}

function isRecorded(server: ServerProcess, last: LastServer | null): boolean {
  return last?.postmaster.pid === server.pid && last.postmaster.startTicks === server.startTicks
}

/** It works, or began to work, in a directory of our name, or in the one that the last server worked in. */
async function isOurs(
  server: ServerProcess,
  names: readonly string[],
  last: LastServer | null,
): Promise<boolean> {
  if (last !== null) {
    const data = await dataIdentity(`/proc/${server.pid}/cwd`).catch(() => null)
    if (data !== null && isSameData(data, last.data, true)) return true
  }
  if (!(await sharesRoot(server.pid))) return false
  if (names.includes(server.directory.replace(/ \(deleted\)$/, ''))) return true
  const started = await Promise.all([directoryInPidFile(server.pid), directoryInArguments(server)])
  return started.some(directory => directory !== null && names.includes(directory))
}

/** The second line of postmaster.pid: the directory's name when the server started. */
async function directoryInPidFile(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/cwd/postmaster.pid`, 'utf8').catch(() => '')
  return text.split('\n')[1]?.trim() ?? null
}

async function directoryInArguments({ pid, postmaster }: ServerProcess): Promise<string | null> {
  if (!postmaster) return null
  const words = await argumentsOf(pid)
  const at = words.indexOf('-D')
  const named = at >= 0 ? words[at + 1] : words.find(word => word.startsWith('-D'))?.slice(2)
  return named === undefined ? null : named.replace(/(?<=.)\/+$/, '')
}

/**
 * The names by which a process may know the data directory, even a deleted one: as configured, and without symbolic
 * links.
 */
async function namesOf(dataDir: string): Promise<readonly string[]> {
  const whole = await realpath(dataDir).catch(() => null)
  const parent = await realpath(dirname(dataDir)).catch(() => null)
  const target = await readlink(dataDir).catch(() => null)
  const names = [
    dataDir,
    whole,
    parent === null ? null : join(parent, basename(dataDir)),
    target === null || parent === null ? null : join(target.startsWith('/') ? '/' : parent, target),
  ]
  return [...new Set(names.filter(name => name !== null))]
}

/**
 * Those that belong to no server of the data directory as it is now, nor to one that this agent is just starting in it.
 */
export function withoutServer(
  servers: readonly ServerProcess[],
  identity: PostmasterIdentity | null,
): readonly ServerProcess[] {
  return servers.filter(
    server => server.pid !== identity?.pid && server.parentPid !== identity?.pid && !isStarting(server),
  )
}

/** A server that this agent starts may exist before its identity is known. */
export function isStarting({ ofAgent, here }: ServerProcess): boolean {
  return ofAgent && here
}

/** The postmaster in the data directory when its pid file does not name it. */
export function postmasterHere(servers: readonly ServerProcess[]): ServerProcess | null {
  const here = servers.filter(server => server.here && server.postmaster)
  return here.find(server => !here.some(other => other.pid === server.parentPid)) ?? null
}
