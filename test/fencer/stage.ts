// The things that fencer tests need from the real world: a PostgreSQL, a writer that counts acknowledgements, an
// agent in a process of its own, and waiting with a limit.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { PostmasterIdentity } from '../../src/model/postgres.ts'
import { systemClock } from '../../src/system/clock.ts'

export const clock = systemClock()
const BIN = '/usr/lib/postgresql/15/bin'
const POSTGRES = { uid: Number(idOf('-u')), gid: Number(idOf('-g')) }

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

export async function until(
  what: string,
  limitMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const limit = clock.bootMs() + limitMs
  while (!(await holds())) {
    if (clock.bootMs() > limit) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(5)
  }
}

export async function startTicks(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === undefined || fields[0] === '' || fields[0] === 'Z' ? null : (fields[19] ?? null)
}

export async function lives(pid: number): Promise<boolean> {
  return (await startTicks(pid)) !== null
}

/** Processes that work in `directory`. */
export async function processesIn(directory: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).map(Number).filter(pid => pid > 0)
  const places = await Promise.all(pids.map(pid => readlink(`/proc/${pid}/cwd`).catch(() => '')))
  return pids.filter((_, index) => places[index] === directory)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

export class Server {
  readonly dataDir: string
  readonly port: number
  readonly #home: string

  private constructor(home: string, port: number) {
    this.#home = home
    this.dataDir = join(home, 'data')
    this.port = port
  }

  static async create(): Promise<Server> {
    const home = await mkdtemp('/tmp/hactl-fencer-pg-')
    spawnSync('chown', ['postgres', home])
    const server = new Server(home, await freePort())
    const args = ['-D', server.dataDir, '-A', 'trust', '-N', '-U', 'postgres', '--no-instructions']
    const made = spawnSync(`${BIN}/initdb`, args, { ...POSTGRES, cwd: home, encoding: 'utf8' })
    if (made.status !== 0) throw new Error(made.stderr)
    return server
  }

  async start(): Promise<PostmasterIdentity> {
    const args = [
      '-D',
      this.dataDir,
      '-p',
      `${this.port}`,
      '-k',
      this.#home,
      '-c',
      'listen_addresses=127.0.0.1',
    ]
    const child = spawn(`${BIN}/postgres`, [...args, '-c', 'fsync=off'], {
      ...POSTGRES,
      cwd: this.#home,
      detached: true,
      stdio: 'ignore',
    })
    const { pid } = child
    if (pid === undefined) throw new Error('postgres was not started')
    await until('PostgreSQL accepts connections', 15_000, async () => {
      const client = this.client()
      return client.connect().then(
        () => client.end().then(() => true),
        () => false,
      )
    })
    return { pid, startTicks: (await startTicks(pid)) ?? '' }
  }

  client(): pg.Client {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.port,
      user: 'postgres',
      database: 'postgres',
    })
    client.on('error', () => {})
    return client
  }

  async remove(): Promise<void> {
    for (const pid of await processesIn(this.dataDir)) process.kill(pid, 'SIGKILL')
    await until('PostgreSQL is gone', 5000, async () => (await processesIn(this.dataDir)).length === 0)
    await rm(this.#home, { recursive: true, force: true })
  }
}

/** Commits rows as fast as it can on several connections; knows when the last one was acknowledged. */
export class Writer {
  acknowledged = 0
  lastAckMs = 0
  #running: Promise<unknown> = Promise.resolve()

  static async start(server: Server, connections: number): Promise<Writer> {
    const writer = new Writer()
    const clients = Array.from({ length: connections }, () => server.client())
    for (const client of clients) await client.connect()
    await clients[0]?.query('create table if not exists t (n int)')
    writer.#running = Promise.all(clients.map(client => writer.#write(client)))
    await until('the writer writes', 5000, () => writer.acknowledged > 20)
    return writer
  }

  /** Settles when every connection is broken. */
  stopped(): Promise<unknown> {
    return this.#running
  }

  async #write(client: pg.Client): Promise<void> {
    for (;;) {
      try {
        await client.query('insert into t values (1)')
      } catch {
        await client.end().catch(() => {})
        return
      }
      this.acknowledged += 1
      this.lastAckMs = clock.bootMs()
    }
  }
}

export interface ArmAnswer {
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

  arm(inMs: number, identity?: PostmasterIdentity): Promise<ArmAnswer> {
    return this.order<ArmAnswer>({ do: 'arm', inMs, ...identity })
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise(resolve => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }
}
