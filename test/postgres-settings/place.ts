// A data directory as initdb leaves it, as far as settings files matter, and the configuration of a node in it.

import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Upstream } from '../../src/model/cluster/peer.ts'
import type { ControlData } from '../../src/model/server/postgres.ts'
import type { EffectivePostgresql, PostgresqlConfig } from '../../src/model/settings/config.ts'
import { createSettings, type Settings, type WriteInput } from '../../src/postgres/settings/settings.ts'

export const LEADER: Upstream = { name: 'pg-0', host: '127.0.0.1', port: 54401, slot: 'pg_1' }

export function makeConfig(root: string, changes: Partial<PostgresqlConfig> = {}): PostgresqlConfig {
  const dataDir = join(root, 'data')
  return {
    listenAddresses: '127.0.0.1',
    port: 54402,
    connectAddress: { host: '127.0.0.1', port: 54402 },
    proxyAddress: null,
    dataDir,
    configDir: dataDir,
    configBaseName: 'postgresql',
    binDir: '/usr/lib/postgresql/15/bin',
    binNames: {},
    database: 'postgres',
    pgpass: join(root, 'pgpass_pg-1'),
    authentication: {
      superuser: { username: 'postgres', password: null, options: {} },
      replication: { username: 'replicator', password: "rep:pa'ss", options: {} },
      rewind: null,
    },
    parameters: {},
    pgHba: null,
    pgIdent: null,
    recoveryConf: {},
    customConf: null,
    useUnixSocket: false,
    useUnixSocketRepl: false,
    useRewind: true,
    removeDataDirectoryOnRewindFailure: false,
    removeDataDirectoryOnDivergedTimelines: false,
    pgCtlTimeoutMs: 60_000,
    basebackup: [],
    rewindOptions: [],
    callbacks: {},
    ...changes,
  }
}

export function effectiveOf(changes: Partial<EffectivePostgresql> = {}): EffectivePostgresql {
  return {
    parameters: {},
    pgHba: null,
    pgIdent: null,
    recoveryConf: {},
    useSlots: true,
    useRewind: true,
    removeDataDirectoryOnRewindFailure: false,
    removeDataDirectoryOnDivergedTimelines: false,
    pgCtlTimeoutMs: 60_000,
    basebackup: [],
    rewindOptions: [],
    ...changes,
  }
}

export function controlOf(settings: Partial<ControlData['settings']>): ControlData {
  return {
    systemIdentifier: '7',
    state: 'shut down',
    checkpointLsn: 1n,
    checkpointTimeline: 1,
    minRecoveryLsn: 0n,
    minRecoveryTimeline: 0,
    walLogHints: true,
    dataChecksums: false,
    settings: {
      maxConnections: 100,
      maxWorkerProcesses: 8,
      maxWalSenders: 10,
      maxPreparedTransactions: 0,
      maxLocksPerTransaction: 64,
      ...settings,
    },
  }
}

export interface Place {
  readonly root: string
  readonly config: PostgresqlConfig
  readonly settings: Settings
  readonly log: string[]
  write(changes?: Partial<WriteInput>): ReturnType<Settings['write']>
  /** Text of a file of the data directory. */
  read(name: string): Promise<string>
  /** Lines of the generated postgresql.conf. */
  conf(): Promise<readonly string[]>
  mode(name: string): Promise<number>
  remove(): Promise<void>
}

export async function makePlace(changes: Partial<PostgresqlConfig> = {}, at?: string): Promise<Place> {
  const root = at ?? (await mkdtemp(join(tmpdir(), 'hactl-settings-')))
  const config = makeConfig(root, changes)
  await mkdir(config.dataDir, { recursive: true })
  await chmod(config.dataDir, 0o700)
  await mkdir(config.configDir, { recursive: true })
  await writeFile(join(config.configDir, 'postgresql.conf'), "# the operator's own\n")
  const log: string[] = []
  const settings = createSettings({
    config,
    scope: 'batman',
    name: 'pg-1',
    clock: { bootMs: () => 1000 },
    log: (level, text) => void log.push(`${level}: ${text}`),
  })
  const read = (name: string) => readFile(join(config.dataDir, name), 'utf8')
  return {
    root,
    config,
    settings,
    log,
    read,
    write: input =>
      settings.write({
        effective: effectiveOf(),
        majorVersion: 150000,
        fullVersion: '15.20',
        role: 'primary',
        upstream: null,
        control: null,
        describeConfig: async () => new Set(['debug_deadlocks']),
        ...input,
      }),
    conf: async () => (await readFile(join(config.configDir, 'postgresql.conf'), 'utf8')).split('\n'),
    mode: async name => (await stat(join(config.dataDir, name))).mode & 0o777,
    remove: () => rm(root, { recursive: true, force: true }),
  }
}
