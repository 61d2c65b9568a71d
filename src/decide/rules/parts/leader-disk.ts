// The leader cannot write to its disk: every client that writes gets an error, or waits. A member that can take over does.
// A full disk still lets PostgreSQL stop in good order, so that its standbys get the rest; one that hangs does not.

import { nobodyTakesOver, otherMembers, someCandidate } from '../../election/election.ts'
import type { ClusterFacts } from '../../facts.ts'
import { failedDisk, tellDisk } from '../../failing-disk.ts'
import { mayStopUnusable, stopAndYield } from '../../rejoin/stopping-postgres.ts'
import { type Choice, type Rule, rule } from '../../rule.ts'

export const diskRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'leader.disk-ask',
    why: 'a leader that cannot write to its disk looks for a member that can take over',
    level: 'warning',
    match: f => f.snap.peers === null && mayStopUnusable(f) && failedDisk(f),
    choose: (f, disk) => ({
      reason: `${tellDisk(disk)}; asking who can take over`,
      actions: [{ kind: 'ask-peers', members: otherMembers(f) }],
    }),
  }),
  rule({
    id: 'leader.disk-stop',
    why: 'a primary that cannot write serves nobody who writes; the lease is released when its server is down',
    level: 'error',
    match: f => {
      const disk = mayStopUnusable(f) ? failedDisk(f) : null
      const candidates = someCandidate(f)
      return disk !== null && candidates !== null && { disk, candidates }
    },
    choose: (_, { disk, candidates }) => ({
      reason: `${tellDisk(disk)}; stopping PostgreSQL: ${candidates.join(', ')} can take over`,
      ...stopAndYield(disk.state === 'hangs' ? 'at once' : 'fast', tellDisk(disk)),
    }),
  }),
]

/** A leader that goes on because no member can take over: some of what it serves needs no room. */
export function withDiskWarning(facts: ClusterFacts, choice: Choice): Choice {
  const disk = failedDisk(facts)
  if (disk === null) return choice
  const hint = disk.state === 'full' ? '. HINT: Make room on it; hactl then goes on by itself' : ''
  const told = `${choice.reason}; ${tellDisk(disk)}, and ${nobodyTakesOver(facts)}${hint}`
  return { ...choice, reason: told, level: 'warning' }
}
