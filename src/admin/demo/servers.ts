// The demo's processes: started in sessions of their own, remembered by pid, and ended by pid, never by name.

import { spawn } from 'node:child_process'
import { chown, open, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../model/error-text.ts'
import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Account } from './account.ts'

interface ServerStart {
  readonly label: string
  readonly file: string
  readonly args: readonly string[]
  readonly log: string
  readonly account: Account | null
}

export interface Servers {
  start(server: ServerStart): Promise<number>
  /** SIGKILL to the process with this label and every PostgreSQL process of the data directory: the machine is gone. */
  killNode(label: string, dataDir: string): Promise<void>
  /** Ends everything that was started and every PostgreSQL process in these data directories; bounded. */
  stopAll(dataDirs: readonly string[]): Promise<void>
  pids(): readonly { readonly label: string; readonly pid: number }[]
}

const STOP_LIMIT_MS = 15_000

export function createServers(clock: Clock): Servers {
  const running = new Map<string, number>()
  return {
    async start({ label, file, args, log, account }) {
      const output = await open(log, 'a', 0o644)
      if (account !== null) await chown(log, account.uid, account.gid)
      const child = spawn(file, args, {
        cwd: '/',
        detached: true,
        stdio: ['ignore', output.fd, output.fd],
        env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', UV_THREADPOOL_SIZE: '16', HOME: '/' },
        ...(account === null ? {} : { uid: account.uid, gid: account.gid }),
      })
      const started = new Promise<void>((resolve, reject) => {
        child.once('error', error => reject(new Error(`${label} cannot be started: ${error.message}`)))
        child.once('spawn', resolve)
      })
      child.unref()
      await started.finally(() => output.close())
      running.set(label, child.pid ?? 0)
      return child.pid ?? 0
    },
    async killNode(label, dataDir) {
      signal(running.get(label) ?? 0, 'SIGKILL')
      running.delete(label)
      for (const pid of await processesIn(dataDir)) signal(pid, 'SIGKILL')
    },
    async stopAll(dataDirs) {
      for (const pid of running.values()) signal(pid, 'SIGTERM')
      await goneWithin([...running.values()], STOP_LIMIT_MS, clock)
      for (const pid of running.values()) signal(pid, 'SIGKILL')
      for (const dataDir of dataDirs) for (const pid of await processesIn(dataDir)) signal(pid, 'SIGKILL')
      running.clear()
    },
    pids: () => [...running].map(([label, pid]) => ({ label, pid })),
  }
}

/** True when the signal was sent; a process that is already gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  if (pid <= 1) return false
  try {
    return process.kill(pid, name)
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false
    throw error
  }
}

/** Processes whose working directory is this data directory, and the fencer that watches over it. */
async function processesIn(dataDir: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter(entry => /^\d+$/.test(entry))
  const found = await Promise.all(
    pids.map(async pid => ((await belongsTo(pid, dataDir)) ? Number(pid) : null)),
  )
  return found.flatMap(pid => (pid === null || pid === process.pid ? [] : [pid]))
}

async function belongsTo(pid: string, dataDir: string): Promise<boolean> {
  try {
    if ((await readlink(join('/proc', pid, 'cwd'))) === dataDir) return true
    const command = (await readFile(join('/proc', pid, 'cmdline'), 'utf8')).split('\0')
    return (
      (command[0] ?? '').endsWith('hactl-fencer') && command.some(argument => argument.startsWith(dataDir))
    )
  } catch {
    // The process ended while it was looked at.
    return false
  }
}

async function goneWithin(pids: readonly number[], limitMs: Millis, clock: Clock): Promise<void> {
  const end = clock.bootMs() + limitMs
  while (clock.bootMs() < end && (await anyAlive(pids))) await clock.sleep(50)
}

async function anyAlive(pids: readonly number[]): Promise<boolean> {
  const states = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
  return states.some(stat => stat !== '' && !/\) Z /.test(stat))
}
