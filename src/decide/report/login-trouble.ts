// A password that was changed on one side only: nothing shows it while sessions are open, and a switchover opens new ones.

import type { LoginView } from '../../model/server/logins.ts'
import { type Facts, server, wantedUpstream } from '../facts.ts'

/** Once may be a rotation that goes on. */
const TIMES_MIN = 2

/** The first account that is not let in where this node needs it, and what comes of that; null: none, as far as was seen. */
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

/** Whom this node followed before is of no interest. */
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
