// Signs of life of the local PostgreSQL that are looked for beside the beats: a session that is kept open may answer while
// nobody else gets in.

import type { BootMillis, Millis } from '../units.ts'

export interface VitalsView {
  readonly knocks: KnocksView
}

/** Fresh connections to the local server, one at a time. Any answer counts, also a refusal: a slow server is alive. */
export interface KnocksView {
  /** Since when no fresh connection has got any answer; null: the last one got one, or none is tried now. */
  readonly unansweredSinceMs: BootMillis | null
  /** What was tried when the silence began: a login only if the beat's own query gets no answer. */
  readonly asked: Knock
  /** For how long altogether, since this agent started. */
  readonly unansweredTotalMs: Millis
}

export type Knock = 'connection' | 'login'
