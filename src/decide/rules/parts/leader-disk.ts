// The leader cannot write to its disk: every client that writes gets an error, or waits. A member that can take over does.
// A full disk still lets PostgreSQL stop in good order, so that its standbys get the rest; one that hangs does not.

import type { Millis } from '../../../model/units.ts'
import { otherMembers, someCandidate } from '../../election/election.ts'
import { type ClusterFacts, failedLately, runsAsPrimary } from '../../facts.ts'
import { failedDisk, tellDisk } from '../../failing-disk.ts'
import { hasTimeLeft } from '../../lead/lease-rules.ts'
import { type Choice, type Rule, rule } from '../../rule.ts'

/** After this the stop is enforced: a checkpoint on a full disk may wait for room. */
const FAST_STOP_MS: Millis = 5000
const KILL_AFTER_MS: Millis = 200
/** A failed stop is tried again after this. */
const STOP_AGAIN_MS: Millis = 5000

export const diskRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'leader.disk-ask',
    why: 'a leader that cannot write to its disk looks for a member that can take over',
    level: 'warning',
    match: f => f.snap.peers === null && mayStop(f) && failedDisk(f),
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
      const disk = mayStop(f) ? failedDisk(f) : null
      const candidates = someCandidate(f)
      return disk !== null && candidates !== null && { disk, candidates }
    },
    choose: (_, { disk, candidates }) => ({
      reason: `${tellDisk(disk)}; stopping PostgreSQL: ${candidates.join(', ')} can take over`,
      ...stop(disk.state === 'hangs', tellDisk(disk)),
    }),
  }),
]

/** A leader that goes on because no member can take over: some of what it serves needs no room. */
export function withDiskWarning(facts: ClusterFacts, choice: Choice): Choice {
  const disk = failedDisk(facts)
  if (disk === null) return choice
  const hint = disk.state === 'full' ? '. HINT: Make room on it; hactl then goes on by itself' : ''
  const told = `${choice.reason}; ${tellDisk(disk)}, and nobody can take over${hint}`
  return { ...choice, reason: told, level: 'warning' }
}

function mayStop(facts: ClusterFacts): boolean {
  return runsAsPrimary(facts) && hasTimeLeft(facts) && !failedLately(facts, ['stop'], STOP_AGAIN_MS)
}

function stop(atOnce: boolean, why: string): Pick<Choice, 'actions' | 'remember' | 'next'> {
  const mode = atOnce ? 'immediate' : 'fast'
  const timeoutMs = atOnce ? KILL_AFTER_MS : FAST_STOP_MS
  return {
    actions: [{ kind: 'begin', job: { kind: 'stop', mode, checkpoint: false, timeoutMs } }],
    remember: { rejoin: 'check', agreesWith: null, yields: { why } },
    next: 'settled',
  }
}
