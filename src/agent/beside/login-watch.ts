// Once a minute, beside the beats: do the passwords still work? No beat waits for this check. Its result is a fact of
// the next snapshot.

import { rewindPossible } from '../../decide/facts.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { errorText } from '../../model/error-text.ts'
import type { LoginTry, LoginView } from '../../model/server/logins.ts'
import type { BootMillis, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LoginQuestion, Postgres } from '../../ports/postgres.ts'
import { upstreamFor } from '../../wire/upstream.ts'

export interface LoginWatch {
  view(): readonly LoginView[]
  /** Gets each beat's snapshot and may begin a check. Never waited for. */
  consider(snapshot: Snapshot): void
  /** Passwords may have changed. */
  reloaded(): void
}

interface LoginWatchPorts {
  readonly postgres: Pick<Postgres, 'tryLogins'>
  readonly clock: Pick<Clock, 'bootMs'>
  readonly wake: (cause: string) => void
  readonly failed: (why: string) => void
}

const EVERY_MS: Millis = 60_000
/** A refusal is tried once more after this, and only once. */
const CONFIRM_MS: Millis = 10_000
/** Several reloads may follow each other. */
const REST_MS: Millis = 2000
/** The members of a cluster do not all try at once. */
const SPREAD_MS: Millis = 5000

export function createLoginWatch(ports: LoginWatchPorts): LoginWatch {
  const { clock, postgres } = ports
  let logins: readonly LoginView[] = []
  let triedAtMs: BootMillis | null = null
  let asking = false
  let again = false

  async function ask(question: LoginQuestion): Promise<void> {
    const before = refusals(logins)
    logins = (await postgres.tryLogins(question)).map(answer => counted(answer, logins))
    if (refusals(logins) !== before) ports.wake('logins were tried')
  }

  return {
    view: () => logins,
    reloaded() {
      again = true
    },
    consider(snapshot) {
      const question = questionOf(snapshot)
      if (asking || question === null || !isTime(snapshot.self.name)) return
      asking = true
      again = false
      triedAtMs = clock.bootMs()
      ask(question)
        .catch((error: unknown) => ports.failed(errorText(error)))
        .finally(() => {
          asking = false
        })
    },
  }

  function isTime(name: string): boolean {
    if (triedAtMs === null) return true
    const sinceMs = clock.bootMs() - triedAtMs
    if (again) return sinceMs >= REST_MS
    const unconfirmed = logins.some(({ refused }) => refused?.times === 1)
    return sinceMs >= (unconfirmed ? CONFIRM_MS : EVERY_MS + spread(name))
  }
}

/** null: not now; PostgreSQL starts, stops or does not answer, or something else goes on. */
function questionOf(snapshot: Snapshot): LoginQuestion | null {
  const { cluster, postgres, self, settings, stopRequested, work } = snapshot
  if (work !== null || stopRequested || !cluster.known || !postgres.server.known) return null
  const { inRecovery } = postgres.server.value
  const upstream = inRecovery ? upstreamFor(cluster.value, self, settings) : null
  return { inRecovery, upstream, rewind: rewindPossible(snapshot) }
}

function counted(answer: LoginTry, before: readonly LoginView[]): LoginView {
  const { account, refusal, server, user } = answer
  const last = before.find(
    other => other.account === account && other.server === server && other.user === user,
  )
  const known = last?.refused ?? null
  // Without an answer, an earlier refusal still counts.
  if (!refusal.known) return { ...answer, refused: known }
  if (refusal.value === null) return { ...answer, refused: null }
  return { ...answer, refused: { why: refusal.value, times: Math.min(2, (known?.times ?? 0) + 1) } }
}

/** The part that a decision depends on: the accounts that were refused more than once. */
function refusals(logins: readonly LoginView[]): string {
  return logins
    .filter(({ refused }) => (refused?.times ?? 0) > 1)
    .map(({ account, refused, server }) => `${account} ${server} ${refused?.why}`)
    .join()
}

function spread(name: string): Millis {
  let sum = 0
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % SPREAD_MS
  return sum
}
