// Where and as which user we connect: to the local server, which has to prove that it is ours, and to the leader, over SQL and
// over the replication protocol; and the connection strings for pg_basebackup and pg_rewind (never with a password in them).

import { join } from 'node:path'
import { formatAddress } from '../../model/address.ts'
import type { Upstream } from '../../model/cluster/peer.ts'
import type { Credentials, PostgresqlConfig } from '../../model/settings/config.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LoginSocket } from '../../system/libpq-login.ts'
import { tlsAttempts } from '../../system/libpq-tls.ts'
import type { Log } from '../context.ts'
import { withPrivateFolder } from '../server/private-folder.ts'
import { type RunAs, systemUserName } from '../server/run-as.ts'
import type { LocalAddress } from '../settings/addresses.ts'
import { formatConninfo } from '../settings/conninfo.ts'
import { type PgpassEntry, writePgpass } from '../settings/pgpass.ts'
import type { Settings } from '../settings/settings.ts'
import { type ConnectTarget, queryOnce, STATEMENT_LIMIT_MS } from './connection.ts'
import { type LocalPlace, localPlaces } from './local-places.ts'
import { OwnServer, type OwnServerParts } from './own-server.ts'
import { writeService } from './service-file.ts'

export interface Access {
  /** The superuser on the local server; `settings` are added to the session. */
  local(applicationName: string, settings?: Readonly<Record<string, string>>): Promise<ConnectTarget>
  localReplication(): Promise<ConnectTarget>
  /** The user that pg_rewind uses, on the leader. */
  leader(upstream: Upstream): Promise<ConnectTarget>
  leaderReplication(upstream: Upstream): ConnectTarget
  /** Runs `task` with a connection string, and an environment whose files with passwords exist only meanwhile. */
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

interface AccessParts {
  readonly config: PostgresqlConfig
  readonly settings: Settings
  /** For the password files of programs, while they run. */
  readonly stateDirectory: string
  readonly runAs: RunAs | null
  readonly clock: Clock
  readonly log: Log
  readonly findPostmaster: OwnServerParts['findPostmaster']
}

export function createAccess(parts: AccessParts): Access {
  const { config, settings, stateDirectory, runAs, clock, log, findPostmaster } = parts
  const ownServer = new OwnServer({ uid: runAs?.uid ?? process.getuid?.() ?? -1, findPostmaster, clock, log })
  const database = config.database === '' ? 'postgres' : config.database
  // Read each time: passwords are rotated while the agent runs.
  const accounts = () => {
    const { superuser, replication, rewind } = config.authentication
    return { superuser, replication, rewind: rewind ?? superuser }
  }
  const onMd5 = md5Teller(log)
  const target = async (
    credentials: Credentials | null,
    { host, port }: LocalPlace,
    name: string,
  ): Promise<ConnectTarget> => {
    const user = credentials?.username ?? (await systemUserName(runAs))
    const password = credentials?.password ?? null
    const account = { user, password, security: credentials?.options ?? {}, applicationName: name }
    return { host, port, database, ...account, onMd5: () => onMd5(user, { host, port }) }
  }
  const own = async (credentials: Credentials | null, usual: LocalAddress, name: string) => {
    const places = await localPlaces(config, usual, credentials?.options.sslmode === 'verify-full')
    const chosen = ownServer.choose(places)
    const place = typeof chosen === 'string' ? (places[0] ?? { host: 'localhost', port: usual.port }) : chosen
    const prove = (socket: LoginSocket) => ownServer.prove(place, socket)
    const refused = typeof chosen === 'string' ? { refused: chosen } : {}
    return { ...(await target(credentials, place, name)), prove, ...refused }
  }
  const local = () => own(accounts().superuser, settings.localAddress(), 'hactl')
  return {
    local: async (applicationName, extra = LOOKING) => ({
      ...(await local()),
      applicationName,
      settings: extra,
    }),
    localReplication: async () => ({
      ...(await own(accounts().replication, settings.localReplicationAddress(), 'hactl')),
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
        ...{ user: username, password, security: options },
        applicationName: 'hactl',
        replication: true,
        onMd5: () => onMd5(username, upstream),
      }
    },
    withConninfo: async (use, task) => {
      const address = use.to === null ? await local() : await target(accounts()[use.as], use.to, 'hactl')
      // libpq cannot ask who answers: that is done before, over a connection of our own.
      const proof = use.to === null ? await queryOnce(address, 'SELECT 1', STATEMENT_LIMIT_MS) : null
      if (proof?.ok === false && proof.kind === 'stranger') throw new Error(proof.why)
      const requireAuth = address.security.require_auth || (await usualRequireAuth(address))
      return await withSecrets(programAddress(address, use.as, requireAuth), stateDirectory, runAs, task)
    },
  }
}

/** Once for each account and server. */
function md5Teller(log: Log): (user: string, place: LocalPlace) => void {
  const told = new Set<string>()
  return (user, { host, port }) => {
    const who = `${formatAddress({ host, port })} asks for the password of ${user} with MD5`
    if (told.has(who)) return
    told.add(who)
    log(
      'warning',
      `${who}, and who it is was not verified: whoever is on the path can use the answer, or find the password ` +
        'out. SCRAM passwords, sslmode verify-full or require_auth prevent that',
    )
  }
}

/** Newer than any: the operator's settings for the programs of this machine are passed on unchanged. */
const CONNINFO_VERSION = 990000

interface ProgramAddress {
  /** Without a secret: it stands in an argument list. */
  readonly conninfo: string
  readonly env: Readonly<Record<string, string>>
  readonly passLine: PgpassEntry | null
  readonly sslPassword: string | null
}

/** No clear text to who is not known, as in our own sessions. null: libpq's default. Rejects when the options are wrong. */
async function usualRequireAuth({ host, security, prove }: ConnectTarget): Promise<string | null> {
  const attempts = await tlsAttempts(host, security)
  return prove !== undefined || attempts.every(({ verified }) => verified) ? null : '!password'
}

function programAddress(
  target: ConnectTarget,
  use: ConninfoUse['as'],
  requireAuth: string | null,
): ProgramAddress {
  const { host, password, user, database } = target
  const port = String(target.port)
  const writable = use === 'rewind' ? { target_session_attrs: 'read-write' } : {}
  const { require_auth: _, sslpassword, ...security } = target.security
  const fields = { ...security, dbname: database, user, host, port, ...writable }
  return {
    conninfo: formatConninfo(fields, CONNINFO_VERSION),
    // libpq before version 16 does not know it: as a variable it does no harm there.
    env: requireAuth === null ? {} : { PGREQUIREAUTH: requireAuth },
    passLine: password === null ? null : { host, port, user, password },
    sslPassword: sslpassword || null,
  }
}

/** A program has no other way to get the password of a key than a service file. */
async function withSecrets<T>(
  { conninfo, env, passLine, sslPassword }: ProgramAddress,
  stateDirectory: string,
  runAs: RunAs | null,
  task: (conninfo: string, env: Record<string, string>) => Promise<T>,
): Promise<T> {
  if (passLine === null && sslPassword === null) return await task(conninfo, env)
  return await withPrivateFolder(stateDirectory, runAs, async folder => {
    const files: Record<string, string> = {}
    if (passLine !== null) {
      files.PGPASSFILE = join(folder, 'pgpass')
      await writePgpass(files.PGPASSFILE, [passLine], runAs)
    }
    if (sslPassword !== null) {
      files.PGSERVICEFILE = join(folder, 'service')
      files.PGSERVICE = await writeService(files.PGSERVICEFILE, { sslpassword: sslPassword }, runAs)
    }
    return await task(conninfo, { ...env, ...files })
  })
}
