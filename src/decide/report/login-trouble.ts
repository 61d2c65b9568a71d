// A password that was changed on one side only does not show while old sessions are open, but a switchover opens new
// ones.

import type { LoginView } from '../../model/server/logins.ts'
import { type Facts, server, wantedUpstream } from '../facts.ts'

/** A single refusal may be a password rotation in progress. */
const TIMES_MIN = 2

/** The first account that is refused where this node needs it, with the consequence; null: none was seen. */
export function refusedLogin(facts: Facts): string | null {
  const found = (facts.snap.logins ?? []).find(
    login =>
      (login.refused?.times ?? 0) >= TIMES_MIN && server(facts.snap) !== null && isNeeded(login, facts),
  )
  if (found === undefined) return null
  const { account, user, refused } = found
  const what = `the ${account} account ${user} cannot log in at ${found.server} (${refused?.why})`
  return `${what}: ${CONSEQUENCE[account]}. HINT: ${remedy(refused?.why ?? '')}`
}

/** A refusal by a former upstream does not matter. */
function isNeeded({ account, server: where }: LoginView, { snap }: Facts): boolean {
  const isStandby = server(snap)?.inRecovery === true
  if (account === 'superuser' || !isStandby) return where === snap.self.name
  return snap.cluster.known && where === wantedUpstream(snap.cluster.value, snap)?.name
}

const CONSEQUENCE = {
  superuser: 'the next session of the agent would be refused',
  replication: 'after a switchover this node could not follow',
  rewind: 'a rewind would fail',
} as const

function remedy(why: string): string {
  return /pg_hba/.test(why)
    ? 'Let it in with a line in pg_hba.conf there'
    : 'Put the new password into its YAML file and reload'
}
