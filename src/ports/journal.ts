// Where every decision is written down before it is acted on, and read back by `hactl why` and `hactl replay`.

import type { JsonObject } from '../model/cluster/cluster.ts'
import type { Seen } from '../model/seen.ts'
import type { BootMillis, MemberName } from '../model/units.ts'

/** Nested values may be any data, bigint and Map included (positions are written as `X/X`, amounts as numbers). */
export interface JournalEntry {
  /** ISO 8601 with milliseconds. */
  readonly at: string
  readonly bootMs: BootMillis
  readonly member: MemberName
  readonly rule: string
  readonly reason: string
  readonly considered: readonly string[]
  /** Reported along with the decision: that an outage begins, or is over. */
  readonly news?: readonly unknown[]
  readonly actions: readonly unknown[]
  readonly outcomes: readonly unknown[]
  /** What woke the agent, and which step of that beat this is. */
  readonly cause?: string
  readonly step?: number
  readonly snapshot?: unknown
  readonly memory?: unknown
}

/** An entry as it was written, with `v`, the version of its schema. */
export type StoredEntry = JsonObject

export interface JournalView {
  /** Entries lost since the start: queue full, or never written before the end. */
  readonly dropped: number
  /** Why the last write failed; null when it succeeded. */
  readonly problem: string | null
}

export interface Journal {
  /** Never blocks, never throws; what the disk does not take is dropped, oldest first, and counted. */
  append(entry: JournalEntry): void
  /** The last `count` entries, oldest first. Bounded; unknown when the disk does not answer. */
  recent(count: number): Promise<Seen<readonly StoredEntry[]>>
  view(): JournalView
  /** Writes what is queued, bounded, and closes. */
  close(): Promise<void>
}
