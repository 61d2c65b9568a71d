// Whether the passwords of the configuration still let this node in where it will need them. Open sessions outlive a change of
// password: only a fresh login tells, and the next one may be that of a switchover.

import type { Seen } from '../seen.ts'
import type { MemberName } from '../units.ts'

type LoginAccount = 'superuser' | 'replication' | 'rewind'

export interface Login {
  readonly account: LoginAccount
  readonly user: string
  /** Whose PostgreSQL it is. */
  readonly server: MemberName
}

export interface LoginTry extends Login {
  /** null: let in; else the server's own words of refusal. Unknown: not reachable, or it said something else. */
  readonly refusal: Seen<string | null>
}

export interface LoginView extends LoginTry {
  /** What the server said last, and how many tries in a row were refused; tries that tell nothing do not count. null: let in. */
  readonly refused: { readonly why: string; readonly times: number } | null
}
