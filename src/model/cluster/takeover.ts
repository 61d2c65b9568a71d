// Why the leadership changed hands, and what it cost: hactl's own notes beside Patroni's `history`, which knows the timeline only.

import type { Bytes, MemberName, Millis, Timeline } from '../units.ts'

export const TAKEOVER_CAUSES = [
  /** An operator asked for it. */
  'switchover',
  /** An operator named the next leader, whoever led. */
  'failover',
  /** The former leader was not heard of until its lease ended: its machine, its network or its agent was lost. */
  'lease-ended',
  /** The former leader's PostgreSQL ended or did not come up, and it gave the lead up. */
  'crash',
  /** The former leader gave the lead up in good order, e.g. because its agent was stopped. */
  'given-up',
  /** The leader key went away otherwise, e.g. by hand. */
  'unknown',
] as const
export type TakeoverCause = (typeof TAKEOVER_CAUSES)[number]

export interface Takeover {
  readonly cause: TakeoverCause
  /** Who asked for it, where the request says so. */
  readonly by: string | null
  readonly from: MemberName
  /** From the loss of the former leader to the first moment at which this one accepted writes. */
  readonly leaderlessMs: Millis
  /** Of what the former leader last published, missing here; null: not known. */
  readonly lostBytes: Bytes | null
}

/** One entry of `hactl/history`. */
export interface TakeoverNote extends Takeover {
  /** The timeline that ended by it, as in the line of `history`. */
  readonly timeline: Timeline
  readonly to: MemberName
  /** ISO, of the wall clock of the node that took over. */
  readonly at: string
}
