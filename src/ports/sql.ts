// What `hactl query` needs from PostgreSQL: a client's session, bounded, and answers as values.

import type { Json } from '../model/cluster/cluster.ts'
import type { Millis } from '../model/units.ts'

/** null: as libpq takes it from the environment, the password file and the user's name. */
export interface SqlLogin {
  readonly user: string | null
  readonly password: string | null
  readonly database: string | null
}

export interface SqlTarget extends SqlLogin {
  readonly host: string
  readonly port: number
}

export interface SqlTable {
  /** null: the last statement gives no rows. */
  readonly columns: readonly string[] | null
  readonly rows: readonly (readonly Json[])[]
  /** `SELECT 3`, `INSERT 0 1`. */
  readonly tag: string
}

export type SqlAnswer =
  | { readonly kind: 'done'; readonly inRecovery: boolean; readonly table: SqlTable }
  /** The server does not have the role that was asked for; nothing was run. */
  | { readonly kind: 'other-role'; readonly inRecovery: boolean }
  /** PostgreSQL rejects the statement; nothing else is tried. */
  | { readonly kind: 'error'; readonly sqlstate: string; readonly why: string }
  | { readonly kind: 'unreachable'; readonly why: string }
  | { readonly kind: 'timed-out'; readonly why: string }
  /** Ctrl-C while it ran. `cancelled`: PostgreSQL confirmed that it cancelled the statement. */
  | { readonly kind: 'interrupted'; readonly cancelled: boolean }

export interface SqlPort {
  /** `recovery`: run it only on a server that is, or is not, in recovery; null: on any. */
  run(
    target: SqlTarget,
    sql: string,
    recovery: boolean | null,
    limitMs: Millis,
    interrupted: AbortSignal,
  ): Promise<SqlAnswer>
}
