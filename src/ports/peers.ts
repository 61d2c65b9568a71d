// Other members, asked over their REST API.

import type { Member } from '../model/cluster/cluster.ts'
import type { PeerView } from '../model/cluster/peer.ts'
import type { Seen } from '../model/seen.ts'
import type { MemberName, Millis } from '../model/units.ts'

export interface Peers {
  /**
   * GET each member's api_url (`…/patroni`) in parallel; late, refused and odd answers are unknown, with the reason.
   */
  ask(members: readonly Member[], timeoutMs: Millis): Promise<ReadonlyMap<MemberName, Seen<PeerView>>>
  /** Does any HTTP server answer on `apiUrl`'s `/liveness`? Used once at start to find a node of the same name. */
  answers(apiUrl: string, timeoutMs: Millis): Promise<boolean>
}
