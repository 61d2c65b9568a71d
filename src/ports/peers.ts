// Other members, asked over their REST API.

import type { Member } from '../model/cluster/cluster.ts'
import type { FailsafeAcceptance, FailsafeMembers, FailsafePing } from '../model/cluster/failsafe.ts'
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

/** The question that only an agent asks. */
export interface AgentPeers extends Peers {
  /**
   * POST /failsafe to each of these api_urls in parallel: may this primary go on without the store? Unknown, with the
   * reason: the member refused or did not answer.
   */
  askFailsafe(
    members: FailsafeMembers,
    ping: FailsafePing,
    timeoutMs: Millis,
  ): Promise<ReadonlyMap<MemberName, Seen<FailsafeAcceptance>>>
}
