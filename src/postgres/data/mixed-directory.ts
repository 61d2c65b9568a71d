// A server whose data directory was renamed, and another put in its place, goes on in the old one. But it opens its
// control file by name (PostgreSQL's update_controlfile; measured with 15): at its next checkpoint it writes that into
// the other data. Started, PostgreSQL would replay from a checkpoint that those files never saw, as a standby with WAL
// of its leader, and nothing would notice what is missing in them.

import { join } from 'node:path'
import { formatLsn } from '../../model/units.ts'
import type { Context } from '../context.ts'
import { isThere } from '../rewind/archive-ready.ts'
import { localTimelines, readLocalWal } from '../wal/local-wal.ts'
import { readControlData } from './control-data.ts'

export const MIXED_REMEDY = 'make a new copy with hactl reinit, or put the backup in its place once more'

/** xl_tot_len, xl_xid, xl_prev, xl_info, xl_rmid: the head of each record in the WAL. */
const HEAD = 18
const INFO_AT = 16
const RESOURCE_MANAGER_AT = 17
const PAGE = 8192n
/** Of the resource manager with number 0, XLOG. */
const CHECKPOINTS = [0x00, 0x10]

/**
 * Why data that replaced the last server's directory does not match its control file; null: it matches, or nothing was
 * replaced. Without backup_label a data directory always has the WAL of its last checkpoint.
 */
export async function whyMixed(context: Context): Promise<string | null> {
  const { clock, dataDir, former, programs } = context
  if (!(await former.isOtherData(null)) || (await isThere(join(dataDir, 'backup_label')))) return null
  const control = await readControlData(programs, clock, dataDir)
  if (!control.known) return null
  const { checkpointLsn, checkpointTimeline } = control.value
  // The rest of its head is behind the header of the next page.
  if (PAGE - (checkpointLsn % PAGE) < HEAD) return null
  // After a switch of timelines the same part of the WAL may be here under the next one's name only.
  const timelines = await localTimelines(dataDir).catch(() => null)
  // PostgreSQL itself reports problems with pg_wal.
  if (timelines === null) return null
  for (const timeline of timelines.filter(each => each >= checkpointTimeline))
    if (isCheckpoint(await readLocalWal(dataDir, { timeline, from: checkpointLsn, length: HEAD })))
      return null
  return (
    `the control file names a checkpoint at ${formatLsn(checkpointLsn)} that the WAL in this directory does ` +
    'not have: a server that worked in another directory of this name has written it'
  )
}

function isCheckpoint(head: Buffer | null): boolean {
  if (head === null || head[RESOURCE_MANAGER_AT] !== 0) return false
  return CHECKPOINTS.includes((head[INFO_AT] ?? 0) & 0xf0) && head.readUInt32LE(0) > HEAD
}
