// Whether a member can be copied from at all, checked before the old data is removed: a problem with the network, a
// password or pg_hba.conf must show while there is still something to lose.

import type { Upstream } from '../../model/cluster/peer.ts'
import type { Millis } from '../../model/units.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { type Context, DONE, failed } from '../context.ts'
import { identifySystem } from '../wal/replication-protocol.ts'
import { remedyOf } from './remedies.ts'

const ANSWER_LIMIT_MS: Millis = 5000

export async function reachSource({ access, config }: Context, from: Upstream): Promise<StepOutcome> {
  const answer = await identifySystem(access.leaderReplication(from), ANSWER_LIMIT_MS)
  if (answer.ok) return DONE
  const place = { source: from.name, user: config.authentication.replication.username }
  return failed(
    `nothing was removed: ${from.name} cannot be copied from: ${answer.why}`,
    remedyOf(answer.why, place),
  )
}
