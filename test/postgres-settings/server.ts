// A real PostgreSQL 15 in a directory of its own, started from the settings files that are under test. The programs
// run as the user postgres, because they refuse root.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, chown, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import type { Json } from '../../src/model/cluster/cluster.ts'
import type { FileOwner, Query, Settings, WriteInput } from '../../src/postgres/settings/settings.ts'
import { createSettings } from '../../src/postgres/settings/settings.ts'
import { freePort } from '../adapters/free-port.ts'
import { TimeLimit } from '../time-limit.ts'
import { effectiveOf, makeConfig } from './place.ts'

const BIN = '/usr/lib/postgresql/15/bin'
const execute = promisify(execFile)

export interface Server {
  readonly root: string
  readonly dataDir: string
  readonly port: number
  readonly settings: Settings
  readonly log: string[]
  write(
    changes: Partial<WriteInput> & { readonly parameters?: Record<string, Json> },
  ): ReturnType<Settings['write']>
  start(commandLine: readonly string[]): Promise<void>
  stop(): Promise<void>
  /** Stops it and removes its directory. */
  remove(): Promise<void>
  query: Query
}

/** Hostile texts stand among the parameters of both servers all the time. */
export const HOSTILE = "x'\narchive_command = 'touch /tmp/injected'\r\n\\' # é\\"
export const HBA = [
  'local all all trust',
  'local replication postgres trust',
  'host replication replicator 127.0.0.1/32 scram-sha-256',
]

export function commonParameters(root: string): Record<string, Json> {
  return {
    unix_socket_directories: root,
    fsync: false,
    shared_buffers: '16MB',
    'hostile.value': HOSTILE,
    'hostile.name = 1\nwork_mem': '1GB',
  }
}

export async function findOwner(): Promise<FileOwner> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async flag => Number((await execute('id', [flag, 'postgres'])).stdout)),
  )
  return { uid: uid ?? -1, gid: gid ?? -1 }
}

export async function runProgram(owner: FileOwner, program: string, args: readonly string[]): Promise<void> {
  await execute(`${BIN}/${program}`, args, owner)
}

export async function makeServer(name: string, owner: FileOwner): Promise<Server> {
  const root = await mkdtemp(join(tmpdir(), 'hactl-pg-settings-'))
  await chown(root, owner.uid, owner.gid)
  await chmod(root, 0o700)
  const port = await freePort()
  const config = makeConfig(root, { port })
  const log: string[] = []
  const settings = createSettings({
    config,
    scope: 'batman',
    name,
    clock: { bootMs: () => performance.now() },
    log: (level, text) => void log.push(`${level}: ${text}`),
    runAs: owner,
  })
  let server: ChildProcess | null = null
  const node: Server = {
    root,
    dataDir: config.dataDir,
    port,
    settings,
    log,
    write: ({ parameters, ...changes }) =>
      settings.write({
        effective: effectiveOf({
          parameters: { ...commonParameters(root), ...parameters },
          pgHba: HBA,
        }),
        majorVersion: 150000,
        fullVersion: '15.18',
        role: 'primary',
        upstream: null,
        control: null,
        describeConfig: () => describeConfig(owner),
        ...changes,
      }),
    start: async commandLine => {
      const output = await open(join(root, 'server.log'), 'a')
      const stdio = ['ignore', output.fd, output.fd] as const
      const file = `--config_file=${join(config.dataDir, 'postgresql.conf')}`
      server = spawn(`${BIN}/postgres`, ['-D', config.dataDir, file, ...commandLine], {
        ...owner,
        stdio: [...stdio],
      })
      await output.close()
      await until(() => node.query('SELECT 1').then(() => true), root)
    },
    stop: async () => {
      const running = server
      server = null
      if (running === null || running.exitCode !== null) return
      const gone = new Promise(resolve => running.once('exit', resolve))
      running.kill('SIGQUIT')
      await Promise.race([gone, pause(10_000, null, { ref: false })])
    },
    remove: async () => {
      await node.stop()
      await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
    query: async (sql, values = []) => {
      const client = new pg.Client({
        host: root,
        port,
        user: 'postgres',
        database: 'postgres',
        connectionTimeoutMillis: 3000,
        query_timeout: 5000,
      })
      client.on('error', () => {})
      await client.connect()
      try {
        return (await client.query(sql, [...values])).rows
      } finally {
        await client.end()
      }
    },
  }
  return node
}

export async function describeConfig(owner: FileOwner): Promise<ReadonlySet<string>> {
  const { stdout } = await execute(`${BIN}/postgres`, ['--describe-config'], owner)
  return new Set(stdout.split('\n').map(line => line.split('\t')[0] ?? ''))
}

/** Waits for `what` to become true; errors count as not yet. The server's last words explain a failure. */
export async function until(what: () => Promise<boolean>, root: string): Promise<void> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const reached = await what().catch(error => error as Error)
    if (reached === true) return
    if (performance.now() > deadline) {
      const log = await readFile(join(root, 'server.log'), 'utf8').catch(() => '')
      throw new TimeLimit(`not reached in time: ${String(reached)}\n${log.slice(-2000)}`)
    }
    await pause(50)
  }
}

export async function show(node: Server, name: string): Promise<unknown> {
  return (await node.query('SELECT pg_catalog.current_setting($1) AS value', [name]))[0]?.value
}

export async function reload(node: Server): Promise<void> {
  const [before] = await node.query('SELECT pg_conf_load_time()::text AS at')
  await node.query('SELECT pg_reload_conf()')
  await until(async () => {
    const [now] = await node.query('SELECT pg_conf_load_time()::text AS at')
    return now?.at !== before?.at
  }, node.root)
}
