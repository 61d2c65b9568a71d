// Other data was put in place of this leader's directory. The server goes on in the old directory, but PostgreSQL opens
// its control file by name: if one session crashes, it would restart from the other control file, at the position in
// that one. So it stops in good order as soon as a standby can take over.

import { type ClusterFacts, isStandbyWithLease, server, tried } from '../../facts.ts'
import { askWhoTakesOver, stopForAnother } from '../../lead/making-way.ts'
import { whyOutside } from '../../rejoin/former-life.ts'
import { releaseUnpromoted, releasing, stopToFollow } from '../../rejoin/stopping-postgres.ts'
import { type Choice, type Rule, rule } from '../../rule.ts'

export const releaseOutside: Rule<ClusterFacts> = rule({
  id: 'leader.release-outside',
  why: 'what is written for a promotion, such as the timeline numbers that are taken, would go to the data that was put in place of its own',
  level: 'warning',
  match: f => isStandbyWithLease(f) && !tried(f.snap, 'release-lease') && whyOutside(f),
  choose: (f, outside) => ({
    reason: `${outside}: not promoting; ${releasing(f)}`,
    ...releaseUnpromoted(f),
  }),
})

export const outsideRules: readonly Rule<ClusterFacts>[] = [
  askWhoTakesOver({
    id: 'leader.outside-ask',
    why: 'a leader whose directory was replaced stops only if another member can take over',
    level: 'warning',
    ground: outsideAndStreamedFrom,
    tell: outside => outside,
  }),
  stopForAnother({
    id: 'leader.stop-outside',
    why: 'with a control file that is not its own, the next crash of a session would take the server back to the state in that file',
    level: 'error',
    ground: outsideAndStreamedFrom,
    choose: (f, { evidence: outside, able }) => ({
      reason: `${outside}; stopping it, so that ${able.join(', ')} can take over with all that it wrote`,
      ...stopToFollow(f, 'fast'),
    }),
  }),
]

/** The reason of a leader that goes on because no member can take over, with a warning. */
export function withOutsideWarning(facts: ClusterFacts, reason: string): Pick<Choice, 'reason' | 'level'> {
  const outside = whyOutside(facts)
  if (outside === null) return { reason }
  const hint =
    'Let a standby catch up, which then takes over; stopped before that, this node cannot lead again, and what no other member has is in that directory only'
  return { reason: `${reason}; ${outside}. HINT: ${hint}`, level: 'warning' }
}

function outsideAndStreamedFrom(facts: ClusterFacts): string | null {
  const receivers = server(facts.snap)?.replication ?? []
  return receivers.some(({ state }) => state === 'streaming') ? whyOutside(facts) : null
}
