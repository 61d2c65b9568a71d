// The leader cannot write to its disk: every client that writes gets an error, or waits. A member that can take over does.
// A full disk still lets PostgreSQL stop in good order, so that its standbys get the rest; one that hangs does not.

import { type ClusterFacts, isStandbyWithLease, tried } from '../../facts.ts'
import { failedDisk, hungDisk, tellDisk } from '../../failing-disk.ts'
import { askWhoTakesOver, stopAndYield, stopForAnother, whyNotStopped } from '../../lead/making-way.ts'
import { releaseUnpromoted, releasing } from '../../rejoin/stopping-postgres.ts'
import { type Choice, type Rule, rule } from '../../rule.ts'

/** A promotion writes on every disk, and lines into PostgreSQL's log. */
export const releaseHungDisk: Rule<ClusterFacts> = rule({
  id: 'leader.release-hung-disk',
  why: 'a promotion on a disk that hangs would not end, and would keep the lease for nobody',
  level: 'warning',
  match: f => isStandbyWithLease(f) && !tried(f.snap, 'release-lease') && hungDisk(f),
  choose: (f, disk) => {
    const why = tellDisk(disk)
    return {
      reason: `${why}: not promoting; ${releasing(f)}`,
      ...(f.memory.promotionAsked ? stopAndYield('at once', why) : releaseUnpromoted(f)),
    }
  },
})

export const diskRules: readonly Rule<ClusterFacts>[] = [
  askWhoTakesOver({
    id: 'leader.disk-ask',
    why: 'a leader that cannot write to its disk looks for a member that can take over',
    level: 'warning',
    ground: failedDisk,
    tell: tellDisk,
  }),
  stopForAnother({
    id: 'leader.disk-stop',
    why: 'a primary that cannot write serves nobody who writes; the lease is released when its server is down',
    level: 'error',
    ground: failedDisk,
    choose: (_, { evidence: disk, able }) => ({
      reason: `${tellDisk(disk)}; stopping PostgreSQL: ${able.join(', ')} can take over`,
      ...stopAndYield(disk.state === 'hangs' ? 'at once' : 'fast', tellDisk(disk)),
    }),
  }),
]

/** A leader that goes on because no member can take over: some of what it serves needs no room. */
export function withDiskWarning(facts: ClusterFacts, choice: Choice): Choice {
  const disk = failedDisk(facts)
  if (disk === null) return choice
  const hint = disk.state === 'full' ? '. HINT: Make room on it; hactl then goes on by itself' : ''
  const told = `${choice.reason}; ${tellDisk(disk)}, and ${whyNotStopped(facts)}${hint}`
  return { ...choice, reason: told, level: 'warning' }
}
