// Real PostgreSQL servers for the adapter's tests: each node in a directory of its own under /tmp, on a free port, run
// as the user `postgres` when the tests run as root. Everything that was started is stopped again.

import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Upstream } from '../../../src/model/cluster/peer.ts'
import type { PostgresView, ServerView } from '../../../src/model/server/postgres.ts'
import type {
  BootstrapConfig,
  EffectivePostgresql,
  PostgresqlConfig,
} from '../../../src/model/settings/config.ts'
import type { StartOptions, StopOptions } from '../../../src/ports/postgres.ts'
import { createPostgres } from '../../../src/postgres/postgres.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { listProcesses, sendSignal, workingDirectoryOf } from '../../../src/system/proc.ts'
import { TimeLimit } from '../../time-limit.ts'
import { freePort } from '../free-port.ts'

export const BIN_DIR = '/usr/lib/postgresql/15/bin'
export const clock = systemClock()
/** Debian's postgres user; ourselves when the tests do not run as root. */
export const runAs = process.getuid?.() === 0 ? { uid: 101, gid: 104 } : undefined
export const SUPERUSER_PASSWORD = `su'per%s "pass\\word`
export const REPLICATION_PASSWORD = "rep:pa'ss%"
export const never = new AbortController().signal
/** After it a server is killed, and is another one than the test wants. An archiver that fails takes three seconds. */
const STOP_MS = 30_000

type Adapter = ReturnType<typeof createPostgres>

export interface Node {
  readonly name: string
  readonly directory: string
  readonly config: PostgresqlConfig
  readonly effective: EffectivePostgresql
  readonly postgres: Adapter
  readonly upstream: Upstream
  readonly messages: string[]
  /** A second adapter on the same directory: what a restarted agent is, perhaps with another file. */
  again(changed?: Partial<PostgresqlConfig>): Adapter
  start(options?: Partial<StartOptions>): Promise<void>
  stop(options?: Partial<StopOptions>): Promise<void>
  query(sql: string): Promise<readonly Record<string, unknown>[]>
  see(): Promise<PostgresView>
  /** The server's part of a look, which must have been answered. */
  server(): Promise<ServerView>
  pid(): Promise<number>
}

export interface NodeOptions {
  readonly parameters?: PostgresqlConfig['parameters']
  readonly recoveryConf?: PostgresqlConfig['recoveryConf']
  readonly bootstrap?: Partial<BootstrapConfig>
  readonly basebackup?: PostgresqlConfig['basebackup']
  readonly port?: number
  readonly pgHba?: readonly string[]
}

export interface Lab {
  readonly directory: string
  node(name: string, options?: NodeOptions): Promise<Node>
  /** A running primary. */
  primary(name: string, options?: NodeOptions): Promise<Node>
  /** A running standby of `from`. */
  standby(name: string, from: Node, options?: NodeOptions): Promise<Node>
  close(): Promise<void>
}

export async function openLab(): Promise<Lab> {
  const directory = await mkdtemp(join(tmpdir(), 'hactl-pg-'))
  if (runAs !== undefined) await chown(directory, runAs.uid, runAs.gid)
  const nodes: Node[] = []
  const node = async (name: string, options: NodeOptions = {}) => {
    const made = await makeNode(directory, name, options)
    nodes.push(made)
    return made
  }
  return {
    directory,
    node,
    primary: async (name, options) => {
      const made = await node(name, options)
      ok(await made.postgres.initdb(never, () => {}))
      await made.start()
      ok(await made.postgres.finishBootstrap(never, () => {}))
      return made
    },
    standby: async (name, from, options) => {
      const made = await node(name, options)
      ok(await made.postgres.basebackup(from.upstream, never, () => {}))
      await made.start({ as: 'standby', upstream: { ...from.upstream, slot: null } })
      return made
    },
    close: async () => {
      for (const made of nodes) await made.postgres.close()
      await killServersBelow(directory)
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
}

async function makeNode(directory: string, name: string, options: NodeOptions): Promise<Node> {
  const config = await makeConfig(directory, name, options)
  const effective: EffectivePostgresql = {
    parameters: config.parameters,
    pgHba: options.pgHba ?? null,
    pgIdent: null,
    recoveryConf: config.recoveryConf,
    useSlots: true,
    useRewind: true,
    removeDataDirectoryOnRewindFailure: false,
    removeDataDirectoryOnDivergedTimelines: false,
    pgCtlTimeoutMs: 20_000,
    basebackup: config.basebackup,
    rewindOptions: [],
  }
  const messages: string[] = []
  const bootstrap: BootstrapConfig = {
    dcs: {},
    initdb: [
      { name: 'data-checksums', value: null },
      { name: 'encoding', value: 'UTF8' },
      { name: 'locale', value: 'C' },
    ],
    pgHba: [
      'host all all 127.0.0.1/32 scram-sha-256',
      'host replication replicator 127.0.0.1/32 scram-sha-256',
    ],
    postBootstrap: null,
    ...options.bootstrap,
  }
  const again = (changed: Partial<PostgresqlConfig> = {}) =>
    createPostgres({
      config: { ...config, ...changed },
      scope: 'lab',
      name,
      bootstrap,
      clock,
      log: (level, text) => messages.push(`${level} ${text}`),
      effective,
      ...(runAs === undefined ? {} : { runAs }),
    })
  const postgres = again()
  const see = () => postgres.look(5000)
  const server = async () => {
    const view = await see()
    if (!view.server.known) throw new Error(`${name}: ${view.server.why}`)
    return view.server.value
  }
  return {
    name,
    directory: config.dataDir,
    config,
    effective,
    postgres,
    messages,
    upstream: { name, host: '127.0.0.1', port: config.port, slot: null },
    again,
    see,
    server,
    start: async given =>
      ok(await postgres.start({ as: 'primary', upstream: null, timeoutMs: 20_000, ...given }, never)),
    stop: async given =>
      ok(await postgres.stop({ mode: 'fast', checkpoint: true, timeoutMs: STOP_MS, ...given }, never)),
    query: sql => queryAt(config.port, sql),
    pid: async () => {
      const { process } = await see()
      if (process.kind !== 'running') throw new Error(`${name} does not run`)
      return process.identity.pid
    },
  }
}

async function makeConfig(directory: string, name: string, options: NodeOptions): Promise<PostgresqlConfig> {
  const port = options.port ?? (await freePort())
  const dataDir = join(directory, name)
  await mkdir(join(directory, 'sockets'), { recursive: true })
  if (runAs !== undefined) await chown(join(directory, 'sockets'), runAs.uid, runAs.gid)
  return {
    listenAddresses: '127.0.0.1',
    port,
    connectAddress: { host: '127.0.0.1', port },
    proxyAddress: null,
    dataDir,
    configDir: dataDir,
    configBaseName: 'postgresql',
    binDir: BIN_DIR,
    binNames: {},
    database: 'postgres',
    pgpass: join(directory, `pgpass-${name}`),
    authentication: {
      superuser: { username: 'admin', password: SUPERUSER_PASSWORD, options: {} },
      replication: { username: 'replicator', password: REPLICATION_PASSWORD, options: {} },
      rewind: null,
    },
    parameters: {
      shared_buffers: '16MB',
      fsync: 'off',
      wal_level: 'replica',
      max_connections: 20,
      wal_keep_size: '64MB',
      wal_log_hints: 'on',
      unix_socket_directories: join(directory, 'sockets'),
      ...options.parameters,
    },
    pgHba: null,
    pgIdent: null,
    recoveryConf: options.recoveryConf ?? {},
    customConf: null,
    useUnixSocket: false,
    useUnixSocketRepl: false,
    useRewind: true,
    removeDataDirectoryOnRewindFailure: false,
    removeDataDirectoryOnDivergedTimelines: false,
    pgCtlTimeoutMs: 20_000,
    basebackup: options.basebackup ?? [],
    rewindOptions: [],
    callbacks: {},
  }
}

/** Throws with the reason when a step failed. */
export function ok<T extends { readonly ok: boolean }>(outcome: T): void {
  if (!outcome.ok) throw new Error((outcome as { why?: string }).why ?? 'a step failed')
}

/** A session that the caller ends. */
export async function sessionAt(port: number): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'admin',
    password: SUPERUSER_PASSWORD,
    database: 'postgres',
    connectionTimeoutMillis: 10_000,
    query_timeout: 20_000,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

export async function queryAt(port: number, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = await sessionAt(port)
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/**
 * Asks until the answer is true; fails, saying what it waited for, after `limitMs`. A question that fails is not yet: one
 * look may be late. The default is several times the five seconds after which a WAL receiver tries again.
 */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  limitMs = 30_000,
): Promise<void> {
  const startMs = clock.bootMs()
  for (;;) {
    const answer = await condition().catch((error: unknown) => `${error}`)
    if (answer === true) return
    if (clock.bootMs() - startMs > limitMs) {
      const last = answer === false ? '' : ` (${answer})`
      throw new TimeLimit(`waited ${limitMs} ms in vain: ${what}${last}`)
    }
    await clock.sleep(20)
  }
}

/** Resolves to true at the exit of the postmaster, to false after `limitMs`. */
export async function exitOf(postgres: Pick<Adapter, 'onExit'>, limitMs = 20_000): Promise<boolean> {
  const exited = new AbortController()
  const stop = postgres.onExit(() => exited.abort())
  await clock.sleep(limitMs, exited.signal)
  stop()
  return exited.signal.aborted
}

export function signalIdle(): AbortSignal {
  return never
}

/** Returns when the last one is gone: what still ends may yet make a file in a directory that is being removed. */
async function killServersBelow(directory: string): Promise<void> {
  await until(`nothing works below ${directory}`, async () => {
    const places = (await listProcesses()).map(async ({ pid }) => ({
      pid,
      at: await workingDirectoryOf(pid),
    }))
    const left = (await Promise.all(places)).filter(({ at }) => at?.startsWith(`${directory}/`) === true)
    for (const { pid } of left) sendSignal(pid, 'SIGKILL')
    return left.length === 0
  })
}
