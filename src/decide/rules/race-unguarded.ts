// A leader that fell silent in maintenance mode: nothing stops its server when its lease ends, so that its end proves nothing.
// That mode may have ended meanwhile, without the leader having heard of it.

import { otherMembers } from '../election.ts'
import type { ClusterFacts } from '../facts.ts'
import { runsAsPrimary } from '../facts.ts'
import { dueRequest, isForced } from '../request.ts'
import type { Rule } from '../rule.ts'
import { LOOK_AGAIN_MS } from './race-order.ts'

export const unguardedPrimary: Rule<ClusterFacts> = {
  id: 'race.unguarded-primary',
  why: 'in maintenance mode a primary goes on without a lease and without a fencer: beside one that does not say that its server is down nobody is promoted, unless an operator who knows names somebody',
  level: 'warning',
  when: f => !runsAsPrimary(f) && !isForced(f) && mayRunUnguarded(f) !== null,
  choose: f => ({
    reason: `not promoting: ${mayRunUnguarded(f)} led last, in maintenance mode, in which nothing stops its server, and does not say that it is down. HINT: When it is known to be down: hactl failover --candidate ${f.snap.self.name}`,
    wakeInMs: LOOK_AGAIN_MS,
  }),
}

/** null: it gave the lease up in good order, says that it is no primary, or was guarded since it began this handover. */
export function mayRunUnguarded(facts: ClusterFacts): string | null {
  const { memory, snap, view } = facts
  const recorded = view.lastLeader
  const isNewest = recorded !== null && recorded.modRevision >= memory.lastLeaderRevision
  const last = isNewest ? recorded.value : memory.lastLeader
  if (last === null || last === snap.self.name || dueRequest(facts)?.note?.begunBy === last) return null
  const lastSeen = [...view.members, ...memory.lastMembers].find(({ name }) => name === last)
  if (!snap.settings.paused && lastSeen?.record.pause !== true) return null
  const answer = snap.peers?.get(last)
  if (answer?.known === true) return answer.value.formerMayWrite === true ? last : null
  const isMember = otherMembers(facts).some(({ name }) => name === last)
  return isMember || isNewest ? last : null
}
