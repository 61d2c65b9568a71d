// Does the local PostgreSQL hang? That needs more than slowness: for a whole while nothing answers a fresh connection, not
// even with "too many clients" or "starting up". The query of each beat on the open session is the second witness.
//
//   fresh connection            the beat's query   hangs after
//   unanswered                  unanswered         hung_server_timeout
//   unanswered                  answered           twice that: the postmaster hangs, open sessions go on
//   answered, but not a login   unanswered         twice that: the postmaster lives, its processes hang
//   answered                    unanswered         never: a query may wait for a lock that no client needs

import type { Millis } from '../model/units.ts'
import { type Facts, seconds } from './facts.ts'

interface HungServer {
  /** A clause with the numbers, for a reason. */
  readonly why: string
  /** It has hung for twice as long as it takes to be sure. */
  readonly isLasting: boolean
}

/** null: it answers, it does not run, or it has not been silent for long enough. */
export function hungServer(facts: Facts): HungServer | null {
  const silence = silenceOf(facts)
  if (silence === null || silence.forMs < silence.boundMs) return null
  const { forMs, boundMs, what } = silence
  return { why: `PostgreSQL ${what} for ${seconds(forMs)}`, isLasting: forMs >= 2 * boundMs }
}

/** How soon a server that is silent now will count as hung; null: it is not silent, or hangs already. */
export function untilHungMs(facts: Facts): Millis | null {
  const silence = silenceOf(facts)
  if (silence === null || silence.forMs >= silence.boundMs) return null
  return Math.max(SOONEST_MS, silence.boundMs - silence.forMs)
}

const SOONEST_MS: Millis = 50

interface Silence {
  readonly what: string
  readonly forMs: Millis
  readonly boundMs: Millis
}

function silenceOf({ snap: { nowMs, postgres, settings, vitals, work } }: Facts): Silence | null {
  const limitMs = settings.hungServerTimeoutMs
  const { unansweredSinceMs: sinceMs = null, asked = 'connection' } = vitals?.knocks ?? {}
  // Work that starts or stops the server has a limit of its own.
  const isLeftAlone = work === null || work.job.kind === 'follow'
  if (limitMs === 0 || sinceMs === null || !isLeftAlone || postgres.process.kind !== 'running') return null
  const forMs = nowMs - sinceMs
  const isQueried = postgres.server.known
  if (asked === 'login')
    return isQueried ? null : { what: 'has let nobody log in', forMs, boundMs: 2 * limitMs }
  return isQueried
    ? { what: 'has answered no new connection', forMs, boundMs: 2 * limitMs }
    : { what: 'has answered no session, old or new,', forMs, boundMs: limitMs }
}
