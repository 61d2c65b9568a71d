// Do the passwords of the configuration still work where this node will need them? Open sessions outlive a change of
// password: only a new login shows it, and the next one may be in a switchover.

import type { Seen } from '../seen.ts'
import type { MemberName } from '../units.ts'

type LoginAccount = 'superuser' | 'replication' | 'rewind'

export interface Login {
  readonly account: LoginAccount
  readonly user: string
  /** The member whose PostgreSQL was tried. */
  readonly server: MemberName
}

export interface LoginTry extends Login {
  /** null: the login succeeded; otherwise the server's refusal. Unknown: not reachable, or another error. */
  readonly refusal: Seen<string | null>
}

export interface LoginView extends LoginTry {
  /** The last refusal, and how many tries in a row were refused, without those that had no result. null: let in. */
  readonly refused: { readonly why: string; readonly times: number } | null
}
