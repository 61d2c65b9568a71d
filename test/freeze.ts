// SIGSTOP is a request: the threads of a process run on until each has seen it, which on busy processors takes a while. A
// test that goes on as if it were done finds the process at work.

import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const LIMIT_MS = 5000

/** Stops a process; settles when each of its threads stands still. Throws if there is no such process. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  await standsStill(pid)
}

/** Settles when a process that was sent SIGSTOP stands still, or has ended. */
export async function standsStill(pid: number): Promise<void> {
  const limitMs = performance.now() + LIMIT_MS
  while (!(await isStill(pid))) {
    if (performance.now() > limitMs) throw new Error(`process ${pid} does not stand still`)
    await sleep(1)
  }
}

async function isStill(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const states = await Promise.all(threads.map(thread => stateOf(pid, thread)))
  return states.every(state => state === null || 'TZX'.includes(state))
}

async function stateOf(pid: number, thread: string): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'latin1').catch(() => null)
  return stat === null ? null : (stat.slice(stat.lastIndexOf(')') + 2)[0] ?? null)
}
