// Connection strings as libpq reads and writes them: the `primary_conninfo` of a standby, and what a running WAL
// receiver says about itself. A wrong reading here would restart or reload every standby in every beat.

import type { Upstream } from '../../model/cluster/peer.ts'
import type { PostgresqlConfig } from '../../model/settings/config.ts'
import { parseConninfoUri } from './conninfo-uri.ts'

export type ConninfoFields = Readonly<Record<string, string>>

/** The order in which Patroni writes them, and the first server version (server_version_num) that knows each. */
const KEYWORDS: readonly (readonly [keyword: string, since: number])[] = [
  ['dbname', 0],
  ['user', 0],
  ['passfile', 100000],
  ['password', 0],
  ['host', 0],
  ['port', 0],
  ['sslmode', 0],
  ['sslcompression', 0],
  ['sslcert', 0],
  ['sslkey', 0],
  ['sslpassword', 130000],
  ['sslrootcert', 0],
  ['sslcrl', 0],
  ['sslcrldir', 140000],
  ['application_name', 0],
  ['krbsrvname', 0],
  ['gssencmode', 120000],
  ['channel_binding', 130000],
  ['require_auth', 160000],
  ['target_session_attrs', 100000],
  ['sslnegotiation', 170000],
]

/** libpq's defaults for absent keys; both sides of a comparison get them. */
export const CONNINFO_DEFAULTS: ConninfoFields = {
  sslmode: 'prefer',
  gssencmode: 'prefer',
  channel_binding: 'prefer',
  sslnegotiation: 'postgres',
}

/**
 * `key=value` text in the fixed keyword order. Skipped: keys that the server does not know yet, unknown keys, and
 * empty values (libpq would take the next word for the value). A passfile replaces the password.
 */
export function formatConninfo(fields: Readonly<Partial<ConninfoFields>>, majorVersion: number): string {
  const hasPassfile = majorVersion >= 100000 && Boolean(fields.passfile)
  return KEYWORDS.flatMap(([keyword, since]) => {
    const value = fields[keyword]
    if (value === undefined || value === '' || majorVersion < since) return []
    if (keyword === 'password' && hasPassfile) return []
    return [`${keyword}=${escapeValue(value)}`]
  }).join(' ')
}

/** An unquoted value ends at white space; a backslash takes any character as it is. */
function escapeValue(value: string): string {
  return value.replace(/['\\\s]/g, character => `\\${character}`)
}

/** The keys of `fields` that a server of this version understands, without empty ones. */
function supportedFields(fields: ConninfoFields, majorVersion: number): ConninfoFields {
  const since = new Map(KEYWORDS)
  return Object.fromEntries(
    Object.entries(fields).filter(([keyword, value]) => {
      const from = since.get(keyword)
      return value !== '' && from !== undefined && from <= majorVersion
    }),
  )
}

/**
 * The fields of a standby's `primary_conninfo` to stream from `upstream`: with the password itself, never a
 * passfile (writing that file is the caller's part). Several hosts mean a remote cluster: only its writable
 * member will do when a slot is used there.
 */
export function primaryConninfo(
  upstream: Upstream,
  config: PostgresqlConfig,
  applicationName: string,
  majorVersion: number,
): ConninfoFields {
  const { username, password, options } = config.authentication.replication
  const fields: Record<string, string> = {
    ...CONNINFO_DEFAULTS,
    ...options,
    dbname: config.database === '' ? 'postgres' : config.database,
    user: username,
    host: upstream.host,
    port: String(upstream.port),
    application_name: applicationName,
  }
  if (password !== null) fields.password = password
  if (upstream.host.includes(',') && upstream.slot !== null) fields.target_session_attrs = 'read-write'
  return supportedFields(fields, majorVersion)
}

/** Reads both forms that libpq accepts. null: libpq would refuse it. Unknown keys are kept, so that they compare. */
export function parseConninfo(text: string): Record<string, string> | null {
  if (/^postgres(ql)?:\/\//.test(text)) return parseConninfoUri(text)
  return parseKeyValue(text)
}

const WHITE_SPACE = ' \t\n\v\f\r'

/** libpq's own loop: blanks around `=` are allowed, and an empty value swallows the next word. */
function parseKeyValue(text: string): Record<string, string> | null {
  const fields: Record<string, string> = {}
  let at = skipBlanks(text, 0)
  while (at < text.length) {
    const name = /^[^=\s]+/.exec(text.slice(at))?.[0] ?? ''
    at = skipBlanks(text, at + name.length)
    if (name === '' || text[at] !== '=') return null
    at = skipBlanks(text, at + 1)
    const value = text[at] === "'" ? readQuoted(text, at + 1) : readPlain(text, at)
    if (value === null) return null
    store(fields, name, value.text)
    at = skipBlanks(text, value.end)
  }
  return fields
}

function store(fields: Record<string, string>, name: string, value: string): void {
  // The old spelling of sslmode that libpq still understands.
  if (name === 'requiressl') fields.sslmode = value.startsWith('1') ? 'require' : 'prefer'
  else fields[name] = value
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && WHITE_SPACE.includes(text[at] ?? '')) at += 1
  return at
}

interface ReadValue {
  readonly text: string
  readonly end: number
}

function readPlain(text: string, from: number): ReadValue {
  let at = from
  let value = ''
  while (at < text.length && !WHITE_SPACE.includes(text[at] ?? '')) {
    if (text[at] === '\\') at += 1
    value += text[at] ?? ''
    at += 1
  }
  return { text: value, end: at }
}

function readQuoted(text: string, from: number): ReadValue | null {
  let at = from
  let value = ''
  while (at < text.length) {
    if (text[at] === "'") return { text: value, end: at + 1 }
    if (text[at] === '\\') at += 1
    value += text[at] ?? ''
    at += 1
  }
  return null
}
