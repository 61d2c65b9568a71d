// Where it is tried whether a disk can be written, and under which name: `pgsql_tmp` at the beginning is PostgreSQL's mark of
// a temporary file, which pg_basebackup, pg_rewind and pg_checksums leave out in every directory. Readers of pg_wal take
// files by the form of their names, and this has none of them. It exists for a moment only.

import { join } from 'node:path'
import type { DiskAnswer, ServerPlace } from '../../model/server/vitals.ts'
import { probeDisk } from '../../system/disk-probe.ts'
import type { Context } from '../context.ts'

const NAME = 'pgsql_tmp_hactl_probe'

/** A new segment of WAL is written whole; without room for it PostgreSQL ends. A table grows by pages. */
const NEEDED: Readonly<Record<ServerPlace, number>> = { data: 1_048_576, wal: 16_777_216 }

/** One that hangs is not asked again before it has answered: there is one child process at most. */
export function probePlace({ dataDir, programs }: Context, place: ServerPlace): Promise<DiskAnswer> {
  return probeDisk(join(dataDir, place === 'wal' ? 'pg_wal' : '', NAME), programs.runAs, NEEDED[place])
}
