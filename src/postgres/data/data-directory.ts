// The data directory as files: empty, present or out of reach, its version, signal files and timeline history
// (spec/postgres.md 1.3, 1.11). Reads only; removal.ts deletes and renames.

import { access, lstat, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../model/error-text.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { TimelineSwitch, Unfinished } from '../../model/server/postgres.ts'
import { parseLsn, type Timeline } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { findMarks, type Mark, type Places } from './marks.ts'

export type DirectoryState =
  | { readonly kind: 'empty'; readonly obstacle?: string }
  | { readonly kind: 'inaccessible'; readonly why: string }
  | {
      readonly kind: 'present'
      readonly majorVersion: number | null
      readonly recoveryConfigured: boolean
      readonly backupLabel: boolean
      readonly unfinished: Unfinished | null
    }

/** In the root of a file system. initdb and pg_basebackup create nothing beside it. */
const LOST_AND_FOUND = 'lost+found'

/** Looks at global/pg_control first: listing a directory can take minutes on a sick disk. */
export async function readDirectoryState(places: Places): Promise<DirectoryState> {
  const { dataDir } = places
  const control = await exists(join(dataDir, 'global', 'pg_control'))
  if (control !== true) {
    const listed = await listDirectory(dataDir)
    if (!listed.ok) return { kind: 'inaccessible', why: listed.why }
    if (listed.names.every(name => name.startsWith('.') || name === LOST_AND_FOUND)) {
      return listed.names.includes(LOST_AND_FOUND)
        ? { kind: 'empty', obstacle: `${dataDir} holds ${LOST_AND_FOUND}` }
        : { kind: 'empty' }
    }
  }
  const [majorVersion, standby, recovery, label, marks] = await Promise.all([
    readMajorVersion(dataDir),
    exists(join(dataDir, 'standby.signal')),
    exists(join(dataDir, 'recovery.signal')),
    exists(join(dataDir, 'backup_label')),
    findMarks(places).catch(() => null),
  ])
  if (marks === null || (control === null && marks.includes('copy-unfinished')))
    return { kind: 'inaccessible', why: `what was left unfinished in ${dataDir} cannot be looked at` }
  const unfinished = unfinishedBy(marks, control === true)
  // initdb was killed before it had made anything that a server could start with.
  if (unfinished === 'bootstrap' && control === false) return { kind: 'empty' }
  // If its signal file is not seen, a standby is taken for a primary, and an unfinished copy for a complete one.
  if (standby === null || recovery === null || label === null)
    return {
      kind: 'inaccessible',
      why: `standby.signal, recovery.signal or backup_label in ${dataDir} cannot be looked at`,
    }
  const recoveryConfigured = standby === true || recovery === true
  return { kind: 'present', majorVersion, recoveryConfigured, backupLabel: label === true, unfinished }
}

/** pg_basebackup writes the control file last: with it the copy is whole, whatever the mark says. */
function unfinishedBy(marks: readonly Mark[], hasControl: boolean): Unfinished | null {
  if (marks.includes('bootstrap-unfinished')) return 'bootstrap'
  if (marks.includes('copy-unfinished') && !hasControl) return 'copy'
  return marks.includes('rewind-unfinished') ? 'rewind' : null
}

/** `150000` for 15; null when PG_VERSION is missing or unreadable: nothing may be written into PGDATA then. */
export async function readMajorVersion(dataDir: string): Promise<number | null> {
  const text = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => '')
  const match = /^(\d+)(?:\.(\d+))?\s*$/.exec(text)
  if (match === null) return null
  const major = Number(match[1])
  return major >= 10 ? major * 10_000 : major * 10_000 + Number(match[2] ?? 0) * 100
}

async function listDirectory(
  path: string,
): Promise<{ ok: true; names: string[] } | { ok: false; why: string }> {
  try {
    return { ok: true, names: await readdir(path) }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      // A dangling symbolic link (its disk is not mounted) is not an empty directory.
      const link = await lstat(path).catch(() => null)
      return link === null ? { ok: true, names: [] } : { ok: false, why: `${path} points to nothing` }
    }
    return { ok: false, why: (error as Error).message }
  }
}

/** Null: could not look. */
async function exists(path: string): Promise<boolean | null> {
  try {
    await access(path)
    return true
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? false : null
  }
}

export interface HistoryEntry extends TimelineSwitch {
  readonly reason: string
}

/** Lines of three tab-separated fields; blank lines and comments occur between them. */
export function parseHistory(text: string): readonly HistoryEntry[] {
  const entries: HistoryEntry[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)\s*(.*)$/.exec(line)
    if (match === null) continue
    const [, timeline = '', position = '', reason = ''] = match
    const lsn = parseLsn(position)
    if (lsn !== null) entries.push({ timeline: Number(timeline), lsn, reason: reason.trim() })
  }
  return entries
}

export function historyFileName(timeline: Timeline): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`
}

function historyFile(dataDir: string, timeline: Timeline): string {
  return join(dataDir, 'pg_wal', historyFileName(timeline))
}

/** `[]` on timeline 1, which has no file. */
export async function readHistoryFile(
  dataDir: string,
  timeline: Timeline,
  clock: Clock,
): Promise<Seen<readonly HistoryEntry[]>> {
  const atMs = clock.bootMs()
  if (timeline <= 1) return seen([], atMs)
  const path = historyFile(dataDir, timeline)
  try {
    return seen(parseHistory(await readFile(path, 'utf8')), atMs)
  } catch (error) {
    return unseen(`history of timeline ${timeline}: ${(error as Error).message}`)
  }
}

/** Every entry with the time at which its successor's history file was written; empty text when that is gone. */
export async function readDatedHistory(dataDir: string, timeline: Timeline, clock: Clock) {
  const history = await readHistoryFile(dataDir, timeline, clock)
  if (!history.known) return history
  const dated = await Promise.all(
    history.value.map(async entry => {
      const successor = history.value.find(other => other.timeline > entry.timeline)?.timeline ?? timeline
      return { ...entry, atIso: await modifiedAt(historyFile(dataDir, successor)) }
    }),
  )
  return seen(dated, history.atMs)
}

/** `2026-11-22T11:34:23.462464+00:00`, in the local time zone. */
async function modifiedAt(path: string): Promise<string> {
  const status = await stat(path, { bigint: true }).catch(() => null)
  if (status === null) return ''
  const micros = String((status.mtimeNs / 1000n) % 1_000_000n).padStart(6, '0')
  const offsetMinutes = -status.mtime.getTimezoneOffset()
  const local = new Date(status.mtime.getTime() + offsetMinutes * 60_000).toISOString().slice(0, 19)
  const two = (value: number) => String(Math.trunc(value)).padStart(2, '0')
  const distance = Math.abs(offsetMinutes)
  return `${local}.${micros}${offsetMinutes < 0 ? '-' : '+'}${two(distance / 60)}:${two(distance % 60)}`
}
