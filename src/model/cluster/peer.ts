// The answer of another member's `GET /patroni`, and the member that a standby streams from.

import type { Lsn, MemberName, Timeline } from '../units.ts'

/** An answer without `xlog` counts as not healthy: `position` is null then (spec/interfaces.md 1.3). */
export interface PeerView {
  readonly state: string
  readonly role: string
  /**
   * It accepts writes, or believes it does, or holds the lease (hactl reports that) and may be promoted at any moment.
   */
  readonly runsAsPrimary: boolean
  readonly position: Lsn | null
  readonly timeline: Timeline | null
  readonly nofailover: boolean
  readonly failoverPriority: number
  readonly watchdogFailed: boolean
  /** It reports (hactl only) that its data left the cluster's history, or may have: it will not lead. */
  readonly offHistory: boolean
  /** It reports (hactl only) that it does not know how the cluster is configured: it will not lead. */
  readonly withoutConfiguration?: true
  /** It reports (hactl only) that a former server of it may write, even if none runs in its data directory. */
  readonly formerMayWrite?: true
  readonly paused: boolean
  /** It reports (hactl only) that it has received no WAL from the leader for long. Absent: no. */
  readonly receivesNothing?: boolean
  /** Why it could not serve clients if it led, by its own word (hactl only). Absent: nothing is known against it. */
  readonly unfit?: string
  /** Its agent stands still again and again, by its own word (hactl only). Absent: nothing is known of that. */
  readonly stalls?: true
  /** Application names of the standbys that receive WAL from it (hactl only). Absent: not known. */
  readonly receivers?: readonly string[]
}

/** The member that a standby streams from. It never holds credentials: the adapter adds them. */
export interface Upstream {
  readonly name: MemberName
  readonly host: string
  readonly port: number
  /** Slot to use there; null when slots are off. */
  readonly slot: string | null
}

/** States of a WAL sender in which WAL flows; a broken one stays in `startup`. */
const SENDING: readonly string[] = ['streaming', 'catchup']

/** Application names of the standbys that receive WAL from a server, from its WAL senders. */
export function receiversOf(
  senders: readonly { readonly applicationName: string; readonly state: string }[],
): readonly string[] {
  return senders.filter(({ state }) => SENDING.includes(state)).map(sender => sender.applicationName)
}
