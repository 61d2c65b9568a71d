// Where and as which user we connect: to the local server and to the leader, over SQL and over the replication
// protocol; and the connection strings for pg_basebackup and pg_rewind (never with a password in them).

import { join } from 'node:path'
import type { Upstream } from '../../model/cluster/peer.ts'
import type { Credentials, PostgresqlConfig } from '../../model/settings/config.ts'
import { readPidFile } from '../server/postmaster.ts'
import { withPrivateFolder } from '../server/private-folder.ts'
import { type RunAs, systemUserName } from '../server/run-as.ts'
import { formatConninfo } from '../settings/conninfo.ts'
import { writePgpass } from '../settings/pgpass.ts'
import type { Settings } from '../settings/settings.ts'
import { type ConnectTarget, STATEMENT_LIMIT_MS } from './connection.ts'

export interface Access {
  /** The superuser on the local server; `settings` are added to the session. */
  local(applicationName: string, settings?: Readonly<Record<string, string>>): Promise<ConnectTarget>
  localReplication(): Promise<ConnectTarget>
  /** The user that pg_rewind uses, on the leader. */
  leader(upstream: Upstream): Promise<ConnectTarget>
  leaderReplication(upstream: Upstream): ConnectTarget
  /** Runs `task` with a connection string and an environment whose PGPASSFILE exists only meanwhile. */
  withConninfo<T>(
    use: ConninfoUse,
    task: (conninfo: string, env: Record<string, string>) => Promise<T>,
  ): Promise<T>
}

interface ConninfoUse {
  readonly as: 'replication' | 'rewind' | 'superuser'
  /** null: the local server. */
  readonly to: Upstream | null
}

/** Settings of every session that looks at the server: a hung query ends by itself, and is not counted as load. */
const LOOKING = {
  statement_timeout: String(STATEMENT_LIMIT_MS),
  'pg_stat_statements.track': 'none',
} as const

/** `stateDirectory`: for the password files of programs, while they run. */
export function createAccess(
  config: PostgresqlConfig,
  settings: Settings,
  stateDirectory: string,
  runAs: RunAs | null,
): Access {
  const database = config.database === '' ? 'postgres' : config.database
  // Read each time: passwords are rotated while the agent runs.
  const accounts = () => {
    const { superuser, replication, rewind } = config.authentication
    return { superuser, replication, rewind: rewind ?? superuser }
  }
  const target = async (
    credentials: Credentials | null,
    place: { host: string; port: number },
    name: string,
  ) => ({
    host: place.host,
    port: place.port,
    database,
    user: credentials?.username ?? (await systemUserName(runAs)),
    password: credentials?.password ?? null,
    security: credentials?.options ?? {},
    applicationName: name,
  })
  const isNumeric = () =>
    accounts().superuser?.options.sslmode !== 'verify-full' && listensOnLoopback(config.listenAddresses)
  const localPlace = () => placeOf(config.dataDir, settings.localAddress(), isNumeric())
  const replicationPlace = () => placeOf(config.dataDir, settings.localReplicationAddress(), isNumeric())
  return {
    local: async (applicationName, extra = LOOKING) => ({
      ...(await target(accounts().superuser, await localPlace(), applicationName)),
      settings: extra,
    }),
    localReplication: async () => ({
      ...(await target(accounts().replication, await replicationPlace(), 'hactl')),
      replication: true,
    }),
    leader: async upstream => ({
      ...(await target(accounts().rewind, upstream, 'hactl')),
      settings: LOOKING,
    }),
    leaderReplication: upstream => {
      const { username, password, options } = accounts().replication
      return {
        host: upstream.host,
        port: upstream.port,
        database,
        user: username,
        password,
        security: options,
        applicationName: 'hactl',
        replication: true,
      }
    },
    withConninfo: async (use, task) => {
      const credentials = accounts()[use.as]
      const place = use.to ?? (await localPlace())
      const address = await target(credentials, place, 'hactl')
      const { conninfo, passLine } = programAddress(address, use.as)
      if (passLine === null) return await task(conninfo, {})
      return await withPrivateFolder(stateDirectory, runAs, async folder => {
        const PGPASSFILE = join(folder, 'pgpass')
        await writePgpass(PGPASSFILE, [passLine], runAs)
        return await task(conninfo, { PGPASSFILE })
      })
    },
  }
}

/**
 * The port in postmaster.pid counts, because the file may now say another one: a healthy primary would look like one
 * that never finishes starting. No host means libpq's default socket directory, which is also there.
 */
async function placeOf(dataDir: string, address: { host: string | null; port: number }, numeric: boolean) {
  const file = await readPidFile(dataDir)
  const port = file?.port ?? address.port
  // Looking up a name takes a thread of the pool, in which reads of a hung disk may already be waiting.
  if (address.host === 'localhost' && numeric) return { host: '127.0.0.1', port }
  return { host: address.host ?? file?.socketDirectory ?? 'localhost', port }
}

function listensOnLoopback(listenAddresses: string): boolean {
  return listenAddresses.split(',').some(address => ['127.0.0.1', '0.0.0.0', '*'].includes(address.trim()))
}

/** Newer than any: the operator's settings for the programs of this machine are passed on unchanged. */
const CONNINFO_VERSION = 990000

/** The connection string without the password, and the line of a password file that holds it. */
function programAddress(target: ConnectTarget, use: ConninfoUse['as']) {
  const { host, password, user, database } = target
  const port = String(target.port)
  const writable = use === 'rewind' ? { target_session_attrs: 'read-write' } : {}
  const fields = { ...target.security, dbname: database, user, host, port, ...writable }
  return {
    conninfo: formatConninfo(fields, CONNINFO_VERSION),
    passLine: password === null ? null : { host, port, user, password },
  }
}
