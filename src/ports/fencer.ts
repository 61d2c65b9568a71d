// The fencer outside the agent: stops PostgreSQL when the lease deadline passes, whatever became of the agent.

import type { PostmasterIdentity } from '../model/server/postgres.ts'
import type { BootMillis, Millis } from '../model/units.ts'

export interface FencerView {
  /** The program runs and answered its last command. */
  readonly alive: boolean
  /** Deadline (CLOCK_BOOTTIME ms) it has confirmed; null when not armed. */
  readonly armedUntilMs: BootMillis | null
  /** Postmaster it will stop; null when armed before the postmaster exists. */
  readonly postmaster: PostmasterIdentity | null
  /** A fencer that a former agent armed may still stop PostgreSQL; also true while that is unknown. */
  readonly formerMayAct: boolean
  /** Why the next agent could not know of this fencer; null or absent: it could. */
  readonly unwritten?: string | null
}

export interface Fencer {
  view(): FencerView
  /**
   * Starts the program if need be, arms it or moves the deadline; true once it has confirmed, within `budgetMs`.
   * `ahead`: leadership is not proved yet, so a fencer that a former agent armed goes on beside it.
   */
  arm(
    deadlineMs: BootMillis,
    postmaster: PostmasterIdentity | null,
    budgetMs: Millis,
    ahead?: boolean,
  ): Promise<boolean>
  /** PostgreSQL no longer accepts writes, or is stopped: nothing to fence. */
  disarm(budgetMs: Millis): Promise<boolean>
  /** sd_notify text such as `READY=1`; does nothing without NOTIFY_SOCKET. */
  notify(state: string): void
  /** Lets the program go (it exits when disarmed). */
  close(): Promise<void>
}
