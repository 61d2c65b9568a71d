// What Linux says about processes, read from /proc. A pid alone is not an identity (pids are reused), so everything
// that signals a process names it by pid and start time, and checks both right before the signal.

import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { errorCode } from '../model/error-text.ts'

/** Pid and field 22 of /proc/<pid>/stat: together they name one process for as long as the machine is up. */
interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: string
}

export interface ProcessStat extends ProcessIdentity {
  readonly parentPid: number
  readonly session: number
  readonly command: string
  /** `Z`: dead, not yet reaped. */
  readonly state: string
}

/** USER_HZ, which is 100 on every Linux architecture that PostgreSQL runs on. */
const TICKS_PER_SECOND = 100

/** The process with this pid; null when there is none, or when it is dead and only waits to be reaped. */
export async function readProcess(pid: number): Promise<ProcessStat | null> {
  try {
    return parseStat(pid, await readFile(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return null
  }
}

function parseStat(pid: number, text: string): ProcessStat | null {
  // The command is in parentheses and may itself contain blanks and parentheses, so the line is cut at the last one.
  const close = text.lastIndexOf(')')
  const fields = text.slice(close + 2).split(' ')
  const [state, parent, , session] = fields
  const startTicks = fields[19]
  if (state === undefined || startTicks === undefined || state === 'Z' || state === 'X') return null
  return {
    pid,
    startTicks,
    parentPid: Number(parent),
    session: Number(session),
    command: text.slice(text.indexOf('(') + 1, close),
    state,
  }
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const process = await readProcess(identity.pid)
  return process !== null && process.startTicks === identity.startTicks
}

/** One system call, no file: some process has this number, perhaps a dead one that is not reaped yet. */
export function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** Every living process; processes that end during the listing are left out. */
export async function listProcesses(): Promise<readonly ProcessStat[]> {
  const names = await readdir('/proc')
  const pids = names.filter(name => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.map(readProcess))
  return found.filter(process => process !== null)
}

/** Children, grandchildren and so on of `pid`, nearest first. */
export function descendantsOf(pid: number, processes: readonly ProcessStat[]): readonly ProcessStat[] {
  const found: ProcessStat[] = []
  const parents = [pid]
  for (let parent = parents.shift(); parent !== undefined; parent = parents.shift()) {
    for (const process of processes) {
      if (process.parentPid !== parent || found.includes(process)) continue
      found.push(process)
      parents.push(process.pid)
    }
  }
  return found
}

/** Path of the program; null when it may not be read. A replaced binary is shown without ` (deleted)`. */
export async function executableOf(pid: number): Promise<string | null> {
  try {
    return (await readlink(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '')
  } catch {
    return null
  }
}

export async function workingDirectoryOf(pid: number): Promise<string | null> {
  try {
    return (await readlink(`/proc/${pid}/cwd`)).replace(/ \(deleted\)$/, '')
  } catch {
    return null
  }
}

/** As `/proc` shows it: with ` (deleted)` when it has no name any more; null when it may not be read, or at the end. */
export async function workingDirectoryLink(pid: number): Promise<string | null> {
  return await readlink(`/proc/${pid}/cwd`).catch(() => null)
}

/** Empty when the process is ending or has overwritten its arguments. */
export async function argumentsOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return text === '' ? [] : text.replace(/\0+$/, '').split('\0')
}

/** In a container the same path is another file. Unknown counts as no. */
export async function sharesRoot(pid: number): Promise<boolean> {
  const look = (path: string) => stat(path, { bigint: true }).catch(() => null)
  const [own, its] = await Promise.all([look('/'), look(`/proc/${pid}/root`)])
  return own !== null && its !== null && own.dev === its.dev && own.ino === its.ino
}

/** Seconds since the epoch at which the process was started; null when the kernel does not say. */
export async function startedAtSeconds(process: ProcessIdentity): Promise<number | null> {
  const boot = /^btime (\d+)$/m.exec(await readFile('/proc/stat', 'latin1').catch(() => ''))
  return boot === null ? null : Number(boot[1]) + Number(process.startTicks) / TICKS_PER_SECOND
}

type SignalOutcome = 'sent' | 'gone' | 'denied'

/** Signals the process if it is still the same one. */
export async function signalProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
): Promise<SignalOutcome> {
  if (!(await isAlive(identity))) return 'gone'
  return sendSignal(identity.pid, signal)
}

/** For a negative pid: the process group. */
export function sendSignal(pid: number, signal: NodeJS.Signals): SignalOutcome {
  try {
    process.kill(pid, signal)
    return 'sent'
  } catch (error) {
    return errorCode(error) === 'EPERM' ? 'denied' : 'gone'
  }
}

/** Stops the process so that it starts no more children, lists them, then kills all. False: not permitted. */
export async function killTree(identity: ProcessIdentity): Promise<boolean> {
  if ((await signalProcess(identity, 'SIGSTOP')) === 'denied') return false
  const processes = await listProcesses()
  const children = descendantsOf(identity.pid, processes)
  const outcome = await signalProcess(identity, 'SIGKILL')
  for (const child of children) await signalProcess(child, 'SIGKILL')
  return outcome !== 'denied'
}
