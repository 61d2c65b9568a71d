// The password file that libpq reads (`passfile=`): keeps the replication password out of postgresql.conf,
// pg_settings and every argument list.

import { type FileOwner, replaceFile, SettingsError } from './durable-file.ts'

/** Absent or empty parts match anything. `host` and `port` may be lists, comma-separated, as in a conninfo. */
export interface PgpassEntry {
  readonly host?: string | null | undefined
  readonly port?: string | number | null | undefined
  readonly user?: string | null | undefined
  readonly password: string
}

/** One line, without its end. The database part is always `*`. */
export function formatPgpassLine(entry: PgpassEntry): string {
  const parts = [text(entry.host), text(entry.port), '*', text(entry.user), escapePart(entry.password)]
  return parts.join(':')
}

/** All lines that libpq needs for this entry: one a host, and `localhost` for a unix socket directory. */
export function pgpassLines(entry: PgpassEntry): readonly string[] {
  const hosts = String(entry.host ?? '').split(',')
  const ports = String(entry.port ?? '').split(',')
  const lines = hosts.flatMap((host, index) => {
    const port = ports.length === 1 ? ports[0] : ports[index]
    const line = (name: string) => formatPgpassLine({ ...entry, host: name, port })
    return host.startsWith('/') ? [line(host), line('localhost')] : [line(host)]
  })
  return [...new Set(lines)]
}

/**
 * Rewrites the whole file, mode 0600 before it has content. True when it changed. Throws SettingsError when the
 * path is not a file, when the disk is full, or when a part does not fit on one line.
 */
export async function writePgpass(
  path: string,
  entries: readonly PgpassEntry[],
  owner: FileOwner | null = null,
): Promise<boolean> {
  const lines = entries.flatMap(pgpassLines)
  return await replaceFile(path, lines.map(line => `${line}\n`).join(''), { mode: 0o600, owner })
}

function text(part: string | number | null | undefined): string {
  const value = String(part ?? '')
  return value === '' ? '*' : escapePart(value)
}

function escapePart(part: string): string {
  // The reader splits at line ends before it looks at escapes, so such a character cannot be written.
  if (/[\n\r\0]/.test(part)) {
    throw new SettingsError('refused', 'a password file entry holds a line break or a NUL character')
  }
  return part.replace(/[:\\]/g, character => `\\${character}`)
}
