// Creates or updates the roles that a cluster needs. Passwords go to the server as literals: the session therefore
// begins with every kind of statement logging off, so that they reach no log and no statistics.

import pg from 'pg'
import type { Credentials, PostgresqlConfig } from '../../model/settings/config.ts'
import type { Session } from './connection.ts'

interface WantedRole {
  readonly name: string
  readonly password: string | null
  /** `SUPERUSER`, `REPLICATION`, `CREATEDB`, …; LOGIN is added unless LOGIN or NOLOGIN is among them. */
  readonly options: readonly string[]
}

/** Session settings, given at connect: there is no statement before them. Only a superuser may set them. */
export const QUIET_SESSION: Readonly<Record<string, string>> = {
  log_statement: 'none',
  log_min_duration_statement: '-1',
  log_min_duration_sample: '-1',
  log_transaction_sample_rate: '0',
  log_min_error_statement: 'panic',
  log_parser_stats: 'off',
  debug_print_parse: 'off',
  track_activities: 'off',
  statement_timeout: '0',
  // A synchronous standby that is not there yet must not hold up the bootstrap.
  synchronous_commit: 'local',
  'pg_stat_statements.track': 'none',
  'pg_stat_statements.track_utility': 'off',
  'pgaudit.log': 'none',
  'auto_explain.log_min_duration': '-1',
}

/** Null: done. The text never contains the password, only the server's answer. */
export async function createOrAlterRole(session: Session, role: WantedRole): Promise<string | null> {
  const name = pg.escapeIdentifier(role.name)
  const existing = await session.query(
    `SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = ${pg.escapeLiteral(role.name)}`,
  )
  if (!existing.ok) return `role ${role.name}: ${existing.why}`
  const options = role.options.map(option => option.toUpperCase())
  if (options.some(option => /[;"\0]/.test(option)))
    return `role ${role.name}: an option is not a role option`
  const login = options.some(option => /^(NO)?LOGIN$/.test(option)) ? [] : ['LOGIN']
  const password = role.password === null ? [] : [`PASSWORD ${pg.escapeLiteral(role.password)}`]
  const verb = existing.rows.length === 0 ? 'CREATE' : 'ALTER'
  const done = await session.query([`${verb} ROLE ${name} WITH`, ...options, ...login, ...password].join(' '))
  return done.ok
    ? null
    : `role ${role.name} (SQLSTATE ${done.code || 'unknown'}): ${withoutSecret(done.why, role)}`
}

function withoutSecret(text: string, role: WantedRole): string {
  return role.password === null || role.password === '' ? text : text.replaceAll(role.password, '***')
}

/** The functions that pg_rewind calls on the source when it is not a superuser. */
const REWIND_FUNCTIONS = [
  'pg_ls_dir(text, boolean, boolean)',
  'pg_stat_file(text, boolean)',
  'pg_read_binary_file(text)',
  'pg_read_binary_file(text, bigint, bigint, boolean)',
]

export async function grantRewind(session: Session, role: string): Promise<string | null> {
  for (const name of REWIND_FUNCTIONS) {
    const sql = `GRANT EXECUTE ON FUNCTION pg_catalog.${name} TO ${pg.escapeIdentifier(role)}`
    const done = await session.query(sql)
    if (!done.ok) return `grant to ${role}: ${done.why}`
  }
  return null
}

/** Superuser first, because the post_bootstrap command uses it; the others after that command. */
export function wantedSuperuser(config: PostgresqlConfig): WantedRole | null {
  const { superuser } = config.authentication
  if (superuser === null || superuser.password === null) return null
  return { name: superuser.username, password: superuser.password, options: ['SUPERUSER'] }
}

export function otherWantedRoles(config: PostgresqlConfig): readonly WantedRole[] {
  const { replication } = config.authentication
  const rewind = separateRewindUser(config)
  return [
    { name: replication.username, password: replication.password, options: ['REPLICATION'] },
    ...(rewind === null ? [] : [{ name: rewind.username, password: rewind.password, options: [] }]),
  ]
}

/** Null: pg_rewind runs as the superuser and needs nothing. */
export function separateRewindUser(config: PostgresqlConfig): Credentials | null {
  const { rewind, superuser } = config.authentication
  return rewind === null || rewind.username === superuser?.username ? null : rewind
}
