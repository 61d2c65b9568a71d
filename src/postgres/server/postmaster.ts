// Which process is our postmaster (spec/postgres.md 1.4), and how its end is noticed: by the exit event if we started
// it, by the loss of the open session and by /proc if we found it running.

import type { ChildProcess } from 'node:child_process'
import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostmasterIdentity } from '../../model/server/postgres.ts'
import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import {
  executableOf,
  isAlive,
  listProcesses,
  type ProcessStat,
  pidExists,
  readProcess,
  startedAtSeconds,
  workingDirectoryOf,
} from '../../system/proc.ts'
import { isServerProgram, worksIn } from './server-scan.ts'

/** postmaster.pid, as far as its lines are there. A negative pid is a single-user backend. */
interface PidFile {
  readonly pid: number
  readonly startedAtSeconds: number | null
  readonly port: number | null
  readonly socketDirectory: string | null
  /** `starting`, `stopping`, `ready`, or `standby` (recovering, without sessions); empty when there is no such line. */
  readonly status: string
}

export async function readPidFile(dataDir: string): Promise<PidFile | null> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => null)
  if (text === null) return null
  const lines = text.split('\n').map(line => line.trim())
  if (!/^-?\d+$/.test(lines[0] ?? '')) return null
  const number = (line: string | undefined) =>
    line !== undefined && /^\d+$/.test(line) ? Number(line) : null
  const directory = lines[4] ?? ''
  return {
    pid: Number(lines[0]),
    startedAtSeconds: number(lines[2]),
    port: number(lines[3]),
    socketDirectory: directory.startsWith('/') ? directory : null,
    status: lines[7] ?? '',
  }
}

/** The process that the pid file names, if it is really a server of this data directory. */
export async function identifyPostmaster(
  dataDir: string,
  programName: string,
  ownChild: number | null,
): Promise<PostmasterIdentity | null> {
  const file = await readPidFile(dataDir)
  if (file === null || file.pid <= 0) return null
  const candidate = await readProcess(file.pid)
  if (candidate === null) return null
  // After a reboot or in a new container the pid may be ours or that of a program that we run.
  if (candidate.pid === process.pid || candidate.pid === process.ppid) return null
  // One of our own short-lived programs may have this pid: only its working directory proves anything then.
  const ownProgram = candidate.parentPid === process.pid && candidate.pid !== ownChild
  const startedAt = ownProgram ? null : file.startedAtSeconds
  const ours = await servesDirectory(candidate, dataDir, programName, startedAt)
  return ours ? { pid: candidate.pid, startTicks: candidate.startTicks } : null
}

/**
 * The file alone proves nothing: a copied one names a server that works elsewhere. The server's working directory is
 * its data directory; if we may not read that, its start time has to be enough.
 */
async function servesDirectory(
  candidate: ProcessStat,
  dataDir: string,
  programName: string,
  pidFileStart: number | null,
): Promise<boolean> {
  const executable = await executableOf(candidate.pid)
  if (executable !== null && !isServerProgram(executable, programName)) return false
  const inside = await worksIn(candidate.pid, dataDir)
  if (inside !== null) return inside
  const started = await startedAtSeconds(candidate)
  return pidFileStart !== null && pidFileStart > 0 && started !== null && Math.abs(started - pidFileStart) < 3
}

/** Server processes that live in the data directory, e.g. backends that outlived a postmaster that was killed. */
export async function findServerProcesses(
  dataDir: string,
  programName: string,
): Promise<readonly ProcessStat[]> {
  const wanted = await realpath(dataDir).catch(() => dataDir)
  const found = await Promise.all(
    (await listProcesses()).map(async candidate => {
      if ((await workingDirectoryOf(candidate.pid)) !== wanted) return null
      // An ending process gives back its memory, and with it its program, before it closes its files and sockets.
      const program = (await executableOf(candidate.pid)) ?? candidate.command
      return isServerProgram(program, programName) ? candidate : null
    }),
  )
  return found.filter(candidate => candidate !== null)
}

/** Milliseconds between looks at /proc: at rest, and after a hint that something died. */
const REST_PACE_MS: Millis = 1000
const HINT_PACE_MS: Millis = 10
const HINT_LOOKS = 100
const WHOLE_LOOK_EVERY = 10

/**
 * Follows one postmaster at a time. The identity outlives the data directory, so that an orphan can still be stopped.
 */
export class PostmasterWatch {
  readonly #clock: Clock
  readonly #identify: (ownChild: number | null) => Promise<PostmasterIdentity | null>
  readonly #listeners = new Set<() => void>()
  #current: PostmasterIdentity | null = null
  #child: ChildProcess | null = null
  #watching: AbortController | null = null

  constructor(clock: Clock, identify: (ownChild: number | null) => Promise<PostmasterIdentity | null>) {
    this.#clock = clock
    this.#identify = identify
  }

  onExit(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The living postmaster, known or newly found; null when there is none. */
  async find(): Promise<PostmasterIdentity | null> {
    const known = this.#current
    if (known !== null) {
      if (await isAlive(known)) return known
      this.#gone(known)
    }
    const found = await this.#identify(this.#child?.pid ?? null)
    if (found !== null && this.#current === null) this.#watch(found)
    return found
  }

  /** Without reading anything: the postmaster that was seen last, if its pid still exists. */
  lastKnown(): PostmasterIdentity | null {
    return this.#current !== null && pidExists(this.#current.pid) ? this.#current : null
  }

  /** We started it, so its exit event is the fastest sign of its end. */
  started(identity: PostmasterIdentity, child: ChildProcess): void {
    this.#child = child
    child.once('exit', () => {
      if (this.#child === child) this.#child = null
      this.#gone(identity)
    })
    if (child.exitCode === null && child.signalCode === null) this.#watch(identity)
  }

  /** A session was lost: look closely for a second. */
  hint(): void {
    if (this.#current !== null) this.#watch(this.#current, HINT_LOOKS)
  }

  /** Resolves true when this postmaster is gone, false when `limitMs` (null: none) passed or the signal aborted. */
  async ended(identity: PostmasterIdentity, limitMs: Millis | null, signal?: AbortSignal): Promise<boolean> {
    const start = this.#clock.bootMs()
    while (await isAlive(identity)) {
      if (signal?.aborted === true) return false
      if (limitMs !== null && this.#clock.bootMs() - start >= limitMs) return false
      await this.#clock.sleep(HINT_PACE_MS, signal)
    }
    this.#gone(identity)
    return true
  }

  close(): void {
    this.#watching?.abort()
    this.#watching = null
    this.#listeners.clear()
  }

  #watch(identity: PostmasterIdentity, closeLooks = 0): void {
    this.#watching?.abort()
    const stop = new AbortController()
    this.#watching = stop
    this.#current = identity
    // For a child of ours the exit event is enough.
    if (this.#child?.pid !== identity.pid) void this.#follow(identity, closeLooks, stop.signal)
  }

  async #follow(identity: PostmasterIdentity, closeLooks: number, stop: AbortSignal): Promise<void> {
    for (let look = 0; !stop.aborted; look += 1) {
      const close = look < closeLooks
      await this.#clock.sleep(close ? HINT_PACE_MS : REST_PACE_MS, stop)
      if (stop.aborted) return
      // At rest a system call is usually enough: it misses only a pid that is reused at once.
      const whole = close || look % WHOLE_LOOK_EVERY === 0
      if (whole ? !(await isAlive(identity)) : !pidExists(identity.pid)) return this.#gone(identity)
    }
  }

  #gone(identity: PostmasterIdentity): void {
    const current = this.#current
    if (current === null || current.pid !== identity.pid || current.startTicks !== identity.startTicks) return
    this.#current = null
    this.#watching?.abort()
    this.#watching = null
    for (const listener of [...this.#listeners]) listener()
  }
}
