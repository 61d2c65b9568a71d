// The things that fencer tests need from the real world: a PostgreSQL, a writer that counts acknowledgements, an
// agent in a process of its own, a process that sleeps, and waiting with a limit.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { errorCode } from '../../src/model/error-text.ts'
import type { PostmasterIdentity } from '../../src/model/server/postgres.ts'
import { systemClock } from '../../src/system/clock.ts'
import { TimeLimit } from '../time-limit.ts'

export const clock = systemClock()
/** How early `clock` may be: in steps of 10 ms, rounded down. */
const CLOCK_EARLY_MS = 12
/** Only ends a test that has failed: nothing that is waited for here is promised within a time. */
const LIMIT_MS = 20_000
const TRIES = 20
const BIN = '/usr/lib/postgresql/15/bin'
const POSTGRES = { uid: Number(idOf('-u')), gid: Number(idOf('-g')) }
/** Names the socket; nothing listens on TCP, so no test that runs beside can have taken it. */
const PORT = 5432

function idOf(flag: string): string {
  return spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout.trim()
}

/** Builds the fencer into a directory of the test's own. */
export function buildFencer(directory: string): string {
  const binary = join(directory, 'hactl-fencer')
  const built = spawnSync('sh', ['src/fencer/build.sh', binary], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(built.stderr)
  return binary
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = clock.bootMs() + LIMIT_MS
  while (!(await holds())) {
    if (clock.bootMs() > limit) throw new TimeLimit(`not within ${LIMIT_MS} ms: ${what}`)
    await sleep(5)
  }
}

/** True at the deadline itself, whatever the steps of our clock; a pause before the call can only make it true. */
export function hasPassed(deadlineMs: number): boolean {
  return clock.bootMs() + CLOCK_EARLY_MS >= deadlineMs
}

export async function startTicks(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === undefined || fields[0] === '' || fields[0] === 'Z' ? null : (fields[19] ?? null)
}

export async function lives(pid: number): Promise<boolean> {
  return (await startTicks(pid)) !== null
}

/** The child has ended and is no zombie any more. */
export const ended = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

/** For a signal to a process that may have ended meanwhile. */
export function toleratesGone(error: unknown): void {
  if (errorCode(error) !== 'ESRCH') throw error
}

/** Processes that work in `directory`. */
export async function processesIn(directory: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).map(Number).filter(pid => pid > 0)
  const places = await Promise.all(pids.map(pid => readlink(`/proc/${pid}/cwd`).catch(() => '')))
  return pids.filter((_, index) => places[index] === directory)
}

export interface Sleeper {
  readonly child: ChildProcess
  readonly pid: number
  readonly ticks: string
}

/** A process to arm for that does nothing, in a directory of its own: the fencer also stops the same program beside it. */
export async function startSleeper(home: string): Promise<Sleeper> {
  const cwd = await mkdtemp(join(home, 'sleeper-'))
  const child = spawn('sleep', ['120'], { stdio: 'ignore', cwd })
  const pid = child.pid ?? 0
  await until('the sleeper lives', () => lives(pid))
  return { child, pid, ticks: (await startTicks(pid)) ?? '' }
}

export class Server {
  readonly dataDir: string
  readonly #home: string
  #child: ChildProcess | null = null

  private constructor(home: string) {
    this.#home = home
    this.dataDir = join(home, 'data')
  }

  static async create(): Promise<Server> {
    const home = await mkdtemp('/tmp/hactl-fencer-pg-')
    spawnSync('chown', ['postgres', home])
    const server = new Server(home)
    const args = ['-D', server.dataDir, '-A', 'trust', '-N', '-U', 'postgres', '--no-instructions']
    const made = spawnSync(`${BIN}/initdb`, args, { ...POSTGRES, cwd: home, encoding: 'utf8' })
    if (made.status !== 0) throw new Error(made.stderr)
    return server
  }

  async start(): Promise<PostmasterIdentity> {
    // A zombie keeps its pid, and by it the lock file that a killed postmaster left.
    await until('the former postmaster is reaped', () => this.#child === null || ended(this.#child))
    const args = ['-D', this.dataDir, '-p', `${PORT}`, '-k', this.#home]
    const child = spawn(`${BIN}/postgres`, [...args, '-c', 'listen_addresses=', '-c', 'fsync=off'], {
      ...POSTGRES,
      cwd: this.#home,
      detached: true,
      stdio: 'ignore',
    })
    const { pid } = child
    if (pid === undefined) throw new Error('postgres was not started')
    this.#child = child
    await until('PostgreSQL accepts connections', async () => {
      if (ended(child)) throw new Error('postgres has ended')
      const client = this.client()
      return client.connect().then(
        () => client.end().then(() => true),
        () => false,
      )
    })
    return { pid, startTicks: (await startTicks(pid)) ?? '' }
  }

  client(): pg.Client {
    const client = new pg.Client({ host: this.#home, port: PORT, user: 'postgres', database: 'postgres' })
    client.on('error', () => {})
    return client
  }

  async kill(): Promise<void> {
    for (const pid of await processesIn(this.dataDir)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch (error) {
        toleratesGone(error)
      }
    }
    await until('PostgreSQL is gone', async () => (await processesIn(this.dataDir)).length === 0)
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.#home, { recursive: true, force: true })
  }
}

/** Commits rows as fast as it can on several connections; knows when the last acknowledged commits ran. */
export class Writer {
  acknowledged = 0
  /**
   * By the server's own reading of the boot clock: this process may read an acknowledgement long after it was sent. Each
   * connection's next commit begins when the one before is acknowledged, so it is right to within one commit.
   */
  lastCommitMs = 0
  readonly #stalls = monitorEventLoopDelay({ resolution: 10 })
  #running: Promise<unknown> = Promise.resolve()

  static async start(server: Server, connections: number): Promise<Writer> {
    const writer = new Writer()
    writer.#stalls.enable()
    const clients = Array.from({ length: connections }, () => server.client())
    for (const client of clients) await client.connect()
    await clients[0]?.query('create table if not exists t (n int)')
    writer.#running = Promise.all(clients.map(client => writer.#write(client)))
    await until('the writer writes', () => writer.acknowledged > 20)
    return writer
  }

  /** Settles when every connection is broken. */
  stopped(): Promise<unknown> {
    return this.#running
  }

  /** The longest time that this process stood still since the start: what the machine may have done to the fencer too. */
  stallMs(): number {
    return this.#stalls.max / 1e6
  }

  async #write(client: pg.Client): Promise<void> {
    for (;;) {
      let uptime: string
      try {
        const { rows } = await client.query(
          "insert into t values (1) returning pg_read_file('/proc/uptime') as uptime",
        )
        uptime = rows[0].uptime
      } catch {
        await client.end().catch(() => {})
        return
      }
      this.acknowledged += 1
      this.lastCommitMs = Math.max(this.lastCommitMs, Number.parseFloat(uptime) * 1000)
    }
  }
}

interface ArmAnswer {
  readonly ok: boolean
  readonly deadlineMs: number
}

/** An agent in its own process, so that it can be stopped and killed. */
export class Agent {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(binary: string, dataDir: string, stateDirectory: string) {
    const script = join(import.meta.dirname, 'agent.ts')
    this.child = spawn(process.execPath, [script, binary, dataDir, stateDirectory], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH },
    })
    if (this.child.stdout === null) throw new Error('no stdout')
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  async order<T>(order: Readonly<Record<string, unknown>>): Promise<T> {
    this.child.stdin?.write(`${JSON.stringify(order)}\n`)
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('the agent ended')
    return JSON.parse(value) as T
  }

  /** Arms for a deadline that no test reaches: a first one needs the program's start, which takes what it takes. */
  arm(identity?: PostmasterIdentity): Promise<number> {
    return this.#arm(60_000, 1, identity)
  }

  /** For a deadline near ahead: asked again when a slow machine was past it before the fencer had read it. */
  armSoon(inMs: number, identity?: PostmasterIdentity): Promise<number> {
    return this.#arm(inMs, TRIES, identity)
  }

  async #arm(inMs: number, tries: number, identity?: PostmasterIdentity): Promise<number> {
    for (let tried = 0; tried < tries; tried++) {
      const { ok, deadlineMs } = await this.order<ArmAnswer>({ do: 'arm', inMs, ...identity })
      if (ok) return deadlineMs
    }
    throw new Error(`not armed for ${inMs} ms ahead, ${tries} times`)
  }

  async kill(): Promise<void> {
    if (ended(this.child)) return
    const exited = new Promise(resolve => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await exited
  }
}
