// Whether the end of this node's WAL is also the leader's. Number, position and history of a timeline do not prove it:
// two nodes that promoted themselves at the same position share all three, and PostgreSQL lets one follow the other, so
// that their data is mixed silently. Only the WAL that they wrote differs.

import type { Lsn, Millis, Timeline } from '../../model/units.ts'
import type { ConnectTarget } from '../session/connection.ts'
import { readLocalWal } from './local-wal.ts'
import { readSentWal, type WalPart } from './sent-wal.ts'

/** The first records hold the time of the promotion and the sums of all before them: a page is plenty. */
const BEGINNING_MAX = 8192n
/** The header of the first record, with its checksum, also behind or around the header of a page. */
const FIRST_RECORD = 64n
const RECORD_HEADER = 24
const LONG_PAGE_HEADER = 40
const PAGE = 8192n
/** Many records, each with a checksum and commits with their time; as much as one message brings. */
const END_MAX = 65_536n
const END_MIN = 8192n
/** Less may be equal by chance: zeros follow a switch to a new file, and two idle servers write the same. */
const SUBSTANCE = 4096

interface OwnWal {
  readonly timeline: Timeline
  /** Where this timeline began on the leader; null: with the cluster. */
  readonly beginning: Lsn | null
  readonly end: Lsn
  /** A checkpoint that the local WAL has for certain; its record holds its time. null: none on this timeline. */
  readonly checkpoint: Lsn | null
  /** False: the local WAL up to `end` may have been copied before its source wrote the last of it. */
  readonly isWhole: boolean
}

/** `gone`: the WAL to compare no longer exists; `unknown`: the leader could not be asked now. */
type Shared =
  | { readonly kind: 'shared' | 'other' }
  | { readonly kind: 'gone' | 'unknown'; readonly why: string }

/**
 * Compares the beginning of the node's timeline and the end of its WAL. Must run before the node streams from that
 * leader: a WAL receiver begins with the segment and overwrites the node's own.
 */
export async function isShared(
  dataDir: string,
  leader: ConnectTarget,
  own: OwnWal,
  left: () => Millis,
): Promise<Shared> {
  const parts = [beginningOf(own), checkpointOf(own), endOf(own, END_MAX), endOf(own, END_MIN)]
  const found: Shared[] = []
  for (const part of parts.filter(each => each !== null)) {
    const each = await compare(part)
    if (each.kind === 'other' || each.kind === 'unknown') return each
    found.push(each)
  }
  const proof = found.find(each => each.kind === 'shared')
  return proof ?? found.at(-1) ?? { kind: 'gone', why: 'there is no local WAL to compare' }

  async function compare(part: WalPart): Promise<Shared> {
    const ours = await readLocalWal(dataDir, part)
    if (own.end <= part.from && (ours === null || ours.every(byte => byte === 0))) return { kind: 'shared' }
    if (ours === null) return { kind: 'gone', why: `the local WAL of timeline ${part.timeline} is gone` }
    const theirs = await readSentWal(leader, part, left())
    if (theirs.kind !== 'sent') return theirs
    if (!ours.equals(theirs.bytes)) return { kind: 'other' }
    return part.from === own.beginning || part.from === own.checkpoint || hasSubstance(ours)
      ? { kind: 'shared' }
      : { kind: 'gone', why: 'too little of the WAL is left to compare' }
  }
}

/** Null: nothing to compare. A node that replayed nothing of the timeline may still have written on it. */
function beginningOf({ timeline, beginning, end, isWhole }: OwnWal): WalPart | null {
  if (beginning === null) return null
  if (end <= beginning) {
    const pageHeader = beginning % PAGE === 0n ? LONG_PAGE_HEADER : 0
    return isWhole ? { timeline, from: beginning, length: pageHeader + RECORD_HEADER } : null
  }
  const most = isWhole ? BEGINNING_MAX : FIRST_RECORD
  const length = end - beginning < most ? end - beginning : most
  return { timeline, from: beginning, length: Number(length) }
}

function endOf({ timeline, beginning, end, isWhole }: OwnWal, most: Lsn): WalPart | null {
  if (!isWhole) return null
  const first = beginning ?? 0n
  const from = end - first > most ? end - most : first
  return end > from && from > 0n ? { timeline, from, length: Number(end - from) } : null
}

/** The beginning of the record, with its checksum. */
function checkpointOf({ timeline, beginning, end, checkpoint, isWhole }: OwnWal): WalPart | null {
  if (checkpoint === null || checkpoint < (beginning ?? 0n)) return null
  const isThere = !isWhole || checkpoint + FIRST_RECORD <= end
  return isThere ? { timeline, from: checkpoint, length: Number(FIRST_RECORD) } : null
}

function hasSubstance(bytes: Buffer): boolean {
  return bytes.reduce((count, byte) => (byte === 0 ? count : count + 1), 0) >= SUBSTANCE
}
