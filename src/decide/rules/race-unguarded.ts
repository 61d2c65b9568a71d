// A leader that fell silent in maintenance mode: nothing stops its server when its lease ends, so that its end proves nothing.
// That mode may have ended meanwhile, without the leader having heard of it.

import type { Member } from '../../model/cluster.ts'
import type { MemberName } from '../../model/units.ts'
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
    reason: `not promoting: ${mayRunUnguarded(f)} led last, ${lastSeen(f, mayRunUnguarded(f)) === null ? 'perhaps ' : ''}in maintenance mode, in which nothing stops its server, and does not say that it is down. HINT: When it is known to be down: hactl failover --candidate ${f.snap.self.name}`,
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
  const seen = lastSeen(facts, last)
  const wasPaused = seen === null ? isNewest && mayHavePaused(facts) : seen.record.pause === true
  if (!snap.settings.paused && !wasPaused) return null
  const answer = snap.peers?.get(last)
  if (answer?.known === true) return answer.value.formerMayWrite === true ? last : null
  const isMember = otherMembers(facts).some(({ name }) => name === last)
  return isMember || isNewest ? last : null
}

function lastSeen({ memory, view }: ClusterFacts, name: MemberName | null): Member | null {
  return [...view.members, ...memory.lastMembers].find(member => member.name === name) ?? null
}

/** The configuration was changed after it took the leader key: whether maintenance mode was on between is not known. */
function mayHavePaused({ view }: ClusterFacts): boolean {
  return (view.config?.modRevision ?? 0) > (view.lastLeader?.modRevision ?? 0)
}
