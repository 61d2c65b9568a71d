// Two questions to pg_waldump about the end of a former primary's WAL (spec/postgres.md 1.14): which record came
// before the shutdown checkpoint, and where the shutdown checkpoint ends.

import { join } from 'node:path'
import { formatLsn, type Lsn, parseLsn, type Timeline } from '../../model/units.ts'
import type { ShutdownPosition } from '../../ports/postgres.ts'
import type { Programs } from '../server/programs.ts'

/** pg_waldump tries for five seconds to open a missing WAL file; the records wanted here are in existing files. */
const WALDUMP_LIMIT_MS = 2000

interface WalRecord {
  readonly resourceManager: string
  readonly lsn: Lsn
  readonly previousLsn: Lsn
  readonly description: string
}

/** Null: the text is not one of pg_waldump's record lines. Positions may be padded with zeros or not. */
export function parseWalRecord(line: string): WalRecord | null {
  const match =
    /^rmgr: (\S+)\s+len .*, lsn: ([0-9A-F]+\/[0-9A-F]+), prev ([0-9A-F]+\/[0-9A-F]+), desc: (.*)$/.exec(line)
  const [, resourceManager = '', at = '', before = '', description = ''] = match ?? []
  const lsn = parseLsn(at)
  const previousLsn = parseLsn(before)
  return lsn === null || previousLsn === null ? null : { resourceManager, lsn, previousLsn, description }
}

/**
 * The shutdown checkpoint, and the record before it when that is a switch to a new WAL file (archiving does this):
 * a standby that has everything up to the switch has lost nothing. Null when there is no shutdown checkpoint there.
 */
export async function readShutdownPosition(
  programs: Programs,
  dataDir: string,
  timeline: Timeline,
  checkpointLsn: Lsn,
): Promise<ShutdownPosition | null> {
  const { stdout } = await dump(programs, dataDir, timeline, checkpointLsn, 1)
  const checkpoint = parseWalRecord(firstLine(stdout))
  if (checkpoint === null || checkpoint.lsn !== checkpointLsn) return null
  const isShutdown = /^checkpoint.*shutdown$/i.test(checkpoint.description.trim())
  if (checkpoint.resourceManager !== 'XLOG' || !isShutdown) return null
  const before = await dump(programs, dataDir, timeline, checkpoint.previousLsn, 1)
  const previous = parseWalRecord(firstLine(before.stdout))
  const isSwitch = /^(xlog )?switch\s*$/i.test(previous?.description ?? '')
  const found = isSwitch && previous?.lsn === checkpoint.previousLsn
  return { checkpointLsn, previousLsn: found ? previous.lsn : checkpointLsn }
}

/** Where the record at `lsn` ends, when it is the last one of this timeline; null when that cannot be read. */
export async function readEndOfLastRecord(
  programs: Programs,
  dataDir: string,
  timeline: Timeline,
  lsn: Lsn,
): Promise<Lsn | null> {
  const { stdout, stderr } = await dump(programs, dataDir, timeline, lsn, 2)
  return parseEndOfLastRecord(stdout, stderr, lsn)
}

/** Exactly one record, then the complaint about what follows it (its tail differs between versions). */
export function parseEndOfLastRecord(stdout: string, stderr: string, lsn: Lsn): Lsn | null {
  const records = stdout.split('\n').filter(line => line.trim() !== '')
  if (records.length !== 1 || parseWalRecord(records[0] ?? '')?.lsn !== lsn) return null
  const complaint =
    /error in WAL record at ([0-9A-F]+\/[0-9A-F]+): invalid record length at ([0-9A-F]+\/[0-9A-F]+)/i.exec(
      stderr,
    )
  if (complaint === null || parseLsn(complaint[1] ?? '') !== lsn) return null
  return parseLsn(complaint[2] ?? '')
}

function dump(programs: Programs, dataDir: string, timeline: Timeline, lsn: Lsn, count: number) {
  return programs.run(
    'pg_waldump',
    ['-p', join(dataDir, 'pg_wal'), '-t', String(timeline), '-s', formatLsn(lsn), '-n', String(count)],
    { timeoutMs: WALDUMP_LIMIT_MS, graceMs: 100 },
  )
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
