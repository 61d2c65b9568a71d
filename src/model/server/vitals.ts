// Signs of life of the local PostgreSQL that are looked for beside the beats: a session that is kept open may answer while
// nobody else gets in.

import type { BootMillis, Millis } from '../units.ts'

export interface VitalsView {
  readonly knocks: KnocksView
  /** Those that do not work. */
  readonly disks: readonly DiskView[]
  /** For how long altogether, since this agent started. */
  readonly failingTotalMs: Millis
  /** Those of the agent's own directories that do not work. Absent: not known. */
  readonly ownDisks?: readonly DiskView[]
  readonly ownFailingTotalMs?: Millis
  /** Absent: not known. */
  readonly standstills?: StandstillsView
}

/** Times in which this agent did not go on: its event loop did not turn, or a step of a beat did not come back. */
export interface StandstillsView {
  readonly times: number
  readonly totalMs: Millis
  readonly longestMs: Millis
  readonly lastMs: Millis
  /** Those of the last ten minutes. */
  readonly recentTimes: number
  readonly recentMs: Millis
}

export const NO_STANDSTILLS: StandstillsView = {
  times: 0,
  totalMs: 0,
  longestMs: 0,
  lastMs: 0,
  recentTimes: 0,
  recentMs: 0,
}

export type ServerPlace = 'data' | 'wal'
/** What only the agent needs. */
export type OwnPlace = 'state' | 'log'
export type DiskPlace = ServerPlace | OwnPlace

/** A directory into which a page cannot be written and flushed. */
export interface DiskView {
  readonly place: DiskPlace
  readonly state: 'full' | 'broken' | 'hangs'
  /** What the system says. */
  readonly why: string
  readonly forMs: Millis
  /** Of the state directory while it hangs: PostgreSQL's log is there. Absent: that is not known. */
  readonly serverLogs?: boolean
}

/** Fresh connections to the local server, one at a time. Any answer counts, also a refusal: a slow server is alive. */
export interface KnocksView {
  /** Since when no fresh connection has got any answer; null: the last one got one, or none is tried now. */
  readonly unansweredSinceMs: BootMillis | null
  /** What was tried when the silence began: a login only if the beat's own query gets no answer. */
  readonly asked: Knock
  /** For how long altogether, since this agent started. */
  readonly unansweredTotalMs: Millis
}

export type Knock = 'connection' | 'login'

export type DiskAnswer =
  | { readonly state: 'works' }
  /** `ENOSPC` and `EDQUOT`. */
  | { readonly state: 'full'; readonly why: string }
  | { readonly state: 'broken'; readonly why: string }
  /** Nothing is known: the directory is not there, or there is no such program. */
  | { readonly state: 'unknown'; readonly why: string }
