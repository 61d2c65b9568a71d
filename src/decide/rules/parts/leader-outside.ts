// Somebody put other data in the place of what this leader works on. It goes on in the old directory, but PostgreSQL opens its
// control file by name: restarted by itself after the crash of one session, it would go by the other one, and begin where
// that ended. So it leaves in good order as soon as somebody can take over.

import { otherMembers, someCandidate } from '../../election/election.ts'
import { type ClusterFacts, failedLately, runsAsPrimary, server } from '../../facts.ts'
import { whyOutside } from '../../rejoin/former-life.ts'
import { stopToFollow } from '../../rejoin/stopping-postgres.ts'
import { type Choice, type Rule, rule } from '../../rule.ts'

const STOP_AGAIN_MS = 5000

export const outsideRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'leader.outside-ask',
    why: 'a leader whose directory was replaced goes only if somebody can take over',
    level: 'warning',
    match: f =>
      f.snap.peers === null &&
      isStreamedFrom(f) &&
      !failedLately(f, ['stop'], STOP_AGAIN_MS) &&
      whyOutside(f),
    choose: (f, outside) => ({
      reason: `${outside}; asking who can take over`,
      actions: [{ kind: 'ask-peers', members: otherMembers(f) }],
    }),
  }),
  rule({
    id: 'leader.stop-outside',
    why: 'with a control file that is not its own the next crash of a session would take it back to what that says',
    level: 'error',
    match: f => {
      const outside = isStreamedFrom(f) && !failedLately(f, ['stop'], STOP_AGAIN_MS) ? whyOutside(f) : null
      const candidates = someCandidate(f)
      return outside !== null && candidates !== null && { outside, candidates }
    },
    choose: (f, { outside, candidates }) => ({
      reason: `${outside}; stopping it, so that ${candidates.join(', ')} can take over with all that it wrote`,
      ...stopToFollow(f, 'fast'),
    }),
  }),
]

/** For a leader that goes on, since nobody can take over. */
export function tellingOutside(facts: ClusterFacts, reason: string): Pick<Choice, 'reason' | 'level'> {
  const outside = whyOutside(facts)
  if (outside === null) return { reason }
  const hint =
    'Let a standby catch up, which then takes over; stopped before that, this node cannot lead again, and what no other member has is in that directory only'
  return { reason: `${reason}; ${outside}. HINT: ${hint}`, level: 'warning' }
}

function isStreamedFrom(facts: ClusterFacts): boolean {
  return (
    runsAsPrimary(facts) && (server(facts.snap)?.replication ?? []).some(({ state }) => state === 'streaming')
  )
}
