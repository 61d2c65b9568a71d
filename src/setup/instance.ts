// A PostgreSQL that runs, asked for everything that a configuration must say so that nothing of it is lost. Reads only.

import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { queryOnce } from '../postgres/session/connection.ts'
import type { ConnectTarget, Row } from '../postgres/session/sql-client.ts'
import { parseConninfo } from '../postgres/settings/conninfo.ts'
import { optionsOfEnvironment } from '../system/libpq-tls.ts'
import { isThere } from './own-place.ts'

export interface Instance {
  readonly version: number
  readonly user: string
  /** Only if it was given in the DSN or in PGPASSWORD. */
  readonly password: string | null
  readonly viaSocket: boolean
  readonly inRecovery: boolean
  readonly checksums: boolean
  readonly binDir: string
  /** A role that may replicate and is no superuser; null: there is none. */
  readonly replicationRole: string | null
  /** Where it keeps its files and listens: settings that every server has. */
  readonly places: Readonly<Record<(typeof PLACES)[number], string>>
  /** What was set by a file, the command line or the environment. */
  readonly settings: Readonly<Record<string, string>>
  readonly hba: string
  readonly ident: string
}

type Read = { readonly ok: true; readonly instance: Instance } | { readonly ok: false; readonly why: string }

const LIMIT_MS = 10_000
const PLACES = [
  'data_directory',
  'config_file',
  'hba_file',
  'ident_file',
  'listen_addresses',
  'port',
  'cluster_name',
] as const

const FACTS = `SELECT current_user::text AS "user", (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
  current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS recovery,
  current_setting('data_checksums') = 'on' AS checksums, ${PLACES.map(name => `current_setting('${name}') AS ${name}`).join(', ')},
  (SELECT rolname::text FROM pg_roles WHERE rolreplication AND rolcanlogin AND NOT rolsuper ORDER BY rolname LIMIT 1) AS replicator`

/** What only a superuser may read. A setting that our own session overlays is taken from the files. */
const CONTENTS = `SELECT (SELECT setting FROM pg_config WHERE name = 'BINDIR') AS bindir,
  pg_read_file(current_setting('hba_file')) AS hba, pg_read_file(current_setting('ident_file')) AS ident`
const SETTINGS = `SELECT name, current_setting(name) AS value FROM pg_settings WHERE context <> 'internal'
    AND source IN ('configuration file', 'command line', 'environment variable')
  UNION SELECT f.name, f.setting FROM pg_file_settings f JOIN pg_settings s USING (name)
    WHERE f.applied AND s.source IN ('client', 'session') ORDER BY name`

export async function readInstance(dsn: string | null, env: NodeJS.ProcessEnv): Promise<Read> {
  const target = await targetOf(dsn, env)
  if (target === null)
    return { ok: false, why: 'the DSN is neither a list of key=value nor a postgresql:// URI' }
  const where = `PostgreSQL at ${target.host}, port ${target.port}, as ${target.user}`
  const facts = await queryOnce(target, FACTS, LIMIT_MS)
  if (!facts.ok) return { ok: false, why: `${where}: ${facts.why}` }
  const [row = {}] = facts.rows
  if (row.superuser !== true) return { ok: false, why: `${where}: the role is not a superuser` }
  const [contents, settings] = [
    await queryOnce(target, CONTENTS, LIMIT_MS),
    await queryOnce(target, SETTINGS, LIMIT_MS),
  ]
  if (!contents.ok) return { ok: false, why: `${where}: ${contents.why}` }
  if (!settings.ok) return { ok: false, why: `${where}: ${settings.why}` }
  return { ok: true, instance: instanceOf(target, row, contents.rows[0] ?? {}, settings.rows) }
}

function instanceOf(target: ConnectTarget, facts: Row, contents: Row, settings: readonly Row[]): Instance {
  return {
    version: Number(facts.version),
    user: String(facts.user),
    password: target.password,
    viaSocket: target.host.startsWith('/'),
    inRecovery: facts.recovery === true,
    checksums: facts.checksums === true,
    binDir: String(contents.bindir),
    replicationRole: facts.replicator === null ? null : String(facts.replicator),
    places: placesOf(facts),
    settings: Object.fromEntries(settings.map(({ name, value }) => [String(name), String(value)])),
    hba: String(contents.hba),
    ident: String(contents.ident),
  }
}

function placesOf(facts: Row): Instance['places'] {
  return {
    data_directory: String(facts.data_directory),
    config_file: String(facts.config_file),
    hba_file: String(facts.hba_file),
    ident_file: String(facts.ident_file),
    listen_addresses: String(facts.listen_addresses),
    port: String(facts.port),
    cluster_name: String(facts.cluster_name),
  }
}

/** As libpq finds a server: the DSN, then PG* variables, then the socket, then this machine. */
async function targetOf(dsn: string | null, env: NodeJS.ProcessEnv): Promise<ConnectTarget | null> {
  const fields: Readonly<Partial<Record<string, string>>> | null = dsn === null ? {} : parseConninfo(dsn)
  if (fields === null) return null
  const port = Number(fields.port ?? env.PGPORT ?? 5432)
  const user = fields.user ?? env.PGUSER ?? userInfo().username
  const security = { ...optionsOfEnvironment(env), ...fields }
  return {
    host: fields.host ?? env.PGHOST ?? (await socketDirectory(port)) ?? '127.0.0.1',
    port,
    user,
    database: fields.dbname ?? env.PGDATABASE ?? 'postgres',
    password: fields.password ?? env.PGPASSWORD ?? null,
    security,
    applicationName: 'hactl generate-config',
  }
}

async function socketDirectory(port: number): Promise<string | null> {
  for (const directory of ['/var/run/postgresql', '/tmp', homedir()])
    if (await isThere(join(directory, `.s.PGSQL.${port}`))) return directory
  return null
}
