// Failsafe mode on the side of a member that agrees: what it has promised, and the one lock between a promise and a
// claim to lead. A question may come at any moment, also between a decision and its action.

import type { FailsafePing, Promises } from '../model/cluster/failsafe.ts'
import type { BootMillis, Millis } from '../model/units.ts'

/** Either this node promises, or it claims: each of the calls is made in one turn of the event loop. */
export interface ClaimLock {
  /**
   * Before this node asks for the leader key or begins to be the primary. false: it has promised since, and must not.
   * `despitePromiseAtMs`: the promise that the decision found not to bind this node any more; it is forgotten.
   */
  mayClaim(despitePromiseAtMs: BootMillis | null): boolean
  /** While the request for the leader key is under way, nothing is promised. Returns what ends that. */
  claiming(): () => void
}

export interface PromiseDesk extends ClaimLock {
  view(): Promises
  /** Called before the settings may change: what was promised under the old ones binds an agent that has forgotten it. */
  noteSettings(): void
  /** `why`: this node leads, or is about to. */
  promise(
    ping: FailsafePing,
  ):
    | { readonly kind: 'accepted'; readonly holdsMs: Millis }
    | { readonly kind: 'refused'; readonly why: string }
}
