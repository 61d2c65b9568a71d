// The Linux watchdog device, fed by the fencer at every arm: resets the machine when even the fencer is frozen.

import type { Millis } from '../model/units.ts'

export interface WatchdogView {
  readonly mode: 'off' | 'automatic' | 'required'
  /** The device is open and fed. */
  readonly active: boolean
  /** Time-out in force, as the device told it; null when not active. */
  readonly timeoutSeconds: number | null
  /** Why it is not active though it is wanted; null when all is as wanted. */
  readonly problem: string | null
}

export interface Watchdog {
  view(): WatchdogView
  /** New `ttl` and `loop_wait`: applied at the next arm. */
  retime(ttlMs: Millis, loopWaitMs: Millis): void
  /** May this node race for the lease? Always true unless `required` (then: time enough, device there and writable). */
  usable(budgetMs: Millis): Promise<boolean>
}
