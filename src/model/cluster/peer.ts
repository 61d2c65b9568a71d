// What another member's `GET /patroni` said, and who a standby streams from.

import type { Lsn, MemberName, Timeline } from '../units.ts'

/** An answer without `xlog` counts as not healthy: `position` is null then (spec/interfaces.md 1.3). */
export interface PeerView {
  readonly state: string
  readonly role: string
  /** It accepts writes, believes it does, or holds the lease (hactl says so) and may be promoted at any moment. */
  readonly runsAsPrimary: boolean
  readonly position: Lsn | null
  readonly timeline: Timeline | null
  readonly nofailover: boolean
  readonly failoverPriority: number
  readonly watchdogFailed: boolean
  /** It reports (hactl) that its data has left the cluster's history, or may have: it will not lead. */
  readonly offHistory: boolean
  /** It says itself (hactl) that it does not know how the cluster is configured: it will not lead. */
  readonly withoutConfiguration?: true
  /**
   * It says itself (hactl) that a server of a former life may write: that it sees none in its directory says nothing.
   */
  readonly formerMayWrite?: true
  readonly paused: boolean
  /** It says itself (hactl) that it has long received nothing, while somebody led. Absent: no. */
  readonly receivesNothing?: boolean
  /** Application names of those that get WAL from it, as hactl tells of its server. Absent: not known. */
  readonly receivers?: readonly string[]
}

/** Who a standby takes its WAL from. Never holds credentials: the adapter adds them. */
export interface Upstream {
  readonly name: MemberName
  readonly host: string
  readonly port: number
  /** Slot to use there; null when slots are off. */
  readonly slot: string | null
}

/** States of a WAL sender in which WAL flows; what is broken comes no further than `startup`. */
const SENDING: readonly string[] = ['streaming', 'catchup']

/** Application names of those that get WAL from a server, from its view of its WAL senders. */
export function receiversOf(
  senders: readonly { readonly applicationName: string; readonly state: string }[],
): readonly string[] {
  return senders.filter(({ state }) => SENDING.includes(state)).map(sender => sender.applicationName)
}
