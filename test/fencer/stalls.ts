// For how long each processor was taken away from this machine. A fencer may stand still on one processor while the test,
// and PostgreSQL, run on another: what it was kept from then is not its fault.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Sleeps on one processor, ranked like the fencer, and measures how late it wakes; answers each line with the longest. */
const sentry = `
import os, select, sys, time
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[int(sys.argv[1])]})
try: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
except PermissionError: pass
late = 0
while True:
    slept = time.monotonic()
    asked = select.select([0], [], [], 0.005)[0]
    late = max(late, time.monotonic() - slept - 0.005)
    if asked:
        line = os.read(0, 64)
        if not line: break
        print(late * 1000, flush=True)
        if line == b'forget\\n': late = 0
`

interface Sentry {
  readonly child: ChildProcess
  readonly answers: AsyncIterator<string>
}

export class Stalls {
  readonly #sentries: readonly Sentry[]

  private constructor(sentries: readonly Sentry[]) {
    this.#sentries = sentries
  }

  static async start(): Promise<Stalls> {
    // Those that may be used: Node's own count also obeys a quota, which takes no processor away.
    const count = Number(spawnSync('nproc', { encoding: 'utf8' }).stdout)
    const stalls = new Stalls(Array.from({ length: count }, (_, processor) => post(processor)))
    await stalls.forget()
    return stalls
  }

  /** From here on. */
  async forget(): Promise<void> {
    await this.#ask('forget')
  }

  /** The longest time that a processor was away. */
  async longestMs(): Promise<number> {
    return Math.max(...(await this.#ask('tell')))
  }

  stop(): void {
    for (const { child } of this.#sentries) child.kill('SIGKILL')
  }

  #ask(what: 'forget' | 'tell'): Promise<readonly number[]> {
    return Promise.all(
      this.#sentries.map(async ({ child, answers }) => {
        child.stdin?.write(`${what}\n`)
        return Number((await answers.next()).value)
      }),
    )
  }
}

function post(processor: number): Sentry {
  const child = spawn('python3', ['-c', sentry, `${processor}`], { stdio: ['pipe', 'pipe', 'inherit'] })
  return { child, answers: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}
