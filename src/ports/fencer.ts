// The fencer outside the agent: stops PostgreSQL when the lease deadline passes, whatever became of the agent. It also
// has the watchdog device open, which resets the machine when the fencer itself is frozen.

import type { Seen } from '../model/seen.ts'
import type { PostmasterIdentity } from '../model/server/postgres.ts'
import type { BootMillis, Millis } from '../model/units.ts'
import type { OpenWatchdog, WatchdogRequest } from '../model/watchdog.ts'

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
  /** null or absent: the device is not open. */
  readonly watchdog?: OpenWatchdog | null
}

export interface ArmOptions {
  /** Leadership is not proved yet, so a fencer that a former agent armed goes on beside it. */
  readonly ahead?: boolean
  /**
   * The end of the lease, after which another node may lead: the watchdog device fires before it. Default: the end that
   * came with the same deadline before, else the deadline.
   */
  readonly leaseEndMs?: BootMillis
  /** Opened at once, if a former agent's fencer has it open: that one leaves it running. */
  readonly watchdog?: WatchdogRequest | null
}

export interface Fencer {
  view(): FencerView
  /** Starts the program if need be, arms it or moves the deadline. Why not, within `budgetMs`; null: it has confirmed. */
  arm(
    deadlineMs: BootMillis,
    postmaster: PostmasterIdentity | null,
    budgetMs: Millis,
    options?: ArmOptions,
  ): Promise<string | null>
  /** PostgreSQL no longer accepts writes, or is stopped: nothing to fence. The watchdog device is switched off. */
  disarm(budgetMs: Millis): Promise<boolean>
  /** Opens the watchdog device, or sets what is asked for now; only while armed. Why not; null: it is open. */
  openWatchdog(request: WatchdogRequest, budgetMs: Millis): Promise<string | null>
  /** Switches the watchdog device off; true once that is confirmed. */
  closeWatchdog(budgetMs: Millis): Promise<boolean>
  /** Why the device could not be opened, as far as can be seen from outside; null: it could. */
  lookAtWatchdog(device: string, budgetMs: Millis): Promise<Seen<string | null>>
  /** sd_notify text such as `READY=1`; does nothing without NOTIFY_SOCKET. */
  notify(state: string): void
  /** Lets the program go (it exits when disarmed). */
  close(): Promise<void>
}
