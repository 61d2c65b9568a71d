// PostgreSQL refuses to run as root. The agent normally runs as the database's own user; only when it is root (tests,
// the demo) does it need the name of another user, as whom it starts programs and to whom it gives every file that it
// writes.

import { chown, readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'

export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** Null: run as ourselves. Throws when that is root: a configuration error that must stop the program at start. */
export function checkRunAs(runAs: RunAs | undefined): RunAs | null {
  const uid = process.getuid?.() ?? -1
  if (runAs !== undefined) return runAs.uid === uid ? null : runAs
  if (uid === 0) {
    throw new Error('PostgreSQL does not run as root: start hactl as the user that owns the data directory')
  }
  return null
}

/** Name of the operating system user that PostgreSQL runs as: libpq's default user name. */
export async function systemUserName(runAs: RunAs | null): Promise<string> {
  if (runAs === null) return userInfo().username
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const line = passwd.split('\n').find(entry => entry.split(':')[2] === String(runAs.uid))
  return line?.split(':')[0] ?? 'postgres'
}

/**
 * Gives one file to the user that PostgreSQL runs as; does nothing when that is us. Throws, because a file with the
 * wrong owner would fail later for a less clear reason.
 */
export async function chownToServerUser(path: string, runAs: RunAs | null): Promise<void> {
  if (runAs === null) return
  await chown(path, runAs.uid, runAs.gid)
}
