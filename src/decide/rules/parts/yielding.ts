// The server of this leader could not be used and was stopped, or ended because its disk is full, and the node still has the
// lease: it releases it to a member that can take over. If none can any more, it starts its own server again.

import { leadershipLeftMs } from '../../../model/timing.ts'
import type { Millis } from '../../../model/units.ts'
import { otherMembers, someCandidate } from '../../election/election.ts'
import { type ClusterFacts, holdsLease, mayLead, tried } from '../../facts.ts'
import { failingDisk, tellDisk } from '../../failing-disk.ts'
import { leaseLeft } from '../../lead/lease-rules.ts'
import { formerMayWrite } from '../../rejoin/former-life.ts'
import { survivesKill } from '../../rejoin/survives-kill.ts'
import { type Rule, rule } from '../../rule.ts'

const LOOK_AGAIN_MS: Millis = 1000

export const yieldingRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'down.yield-ask',
    why: 'the lease is released only if another member can lead now',
    level: 'warning',
    match: f => f.snap.peers === null && yielding(f),
    choose: (f, { why }) => ({
      reason: `PostgreSQL is down: ${why}; asking who can take over`,
      actions: [{ kind: 'ask-peers', members: otherMembers(f) }],
    }),
  }),
  rule({
    id: 'down.yield',
    why: 'the server of this node could not be used and is dead: another member leads',
    level: 'warning',
    match: f => {
      const yields = tried(f.snap, 'release-lease') ? null : yielding(f)
      const candidates = someCandidate(f)
      return yields !== null && candidates !== null && { why: yields.why, candidates }
    },
    choose: (_, { why, candidates }) => ({
      reason: `PostgreSQL is down: ${why}; releasing the lease, ${candidates.join(', ')} can take over`,
      actions: [{ kind: 'release-lease', status: null }],
      remember: { yields: null, lastRole: null, rejoin: 'check', agreesWith: null },
    }),
  }),
]

/** A leader whose server was killed and is still there: renewals end, and the lease with them. */
export function letLeaseEnd(situation: 'leader' | 'starting'): Rule<ClusterFacts> {
  return rule({
    id: `${situation}.let-lease-end`,
    why: 'a server that survives SIGKILL waits for a disk: it serves nobody any more, but is not known to be dead, so the lease is neither renewed nor released',
    level: 'error',
    match: f => mayLead(f.snap) && survivesKill(f),
    choose: (f, why) => ({
      reason: `PostgreSQL was killed (${f.memory.yields?.why}) and is still there: ${why}; another member may lead when the lease has ended, in ${leaseLeft(f)}`,
      wakeInMs: Math.min(LOOK_AGAIN_MS, leadershipLeftMs(f.snap.lease, f.snap.nowMs)),
    }),
  })
}

/** Also a server that ended because its disk is full: a start in place would end the same way. */
function yielding(facts: ClusterFacts) {
  if (!holdsLease(facts.snap) || formerMayWrite(facts)) return null
  const disk = failingDisk(facts)
  return facts.memory.yields ?? (disk === null ? null : { why: tellDisk(disk) })
}
