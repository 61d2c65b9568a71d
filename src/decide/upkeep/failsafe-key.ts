// The `failsafe` key (spec/ha.md 5.1): in failsafe mode the leader keeps it equal to the members that it would ask. It is
// never deleted, and ignored while the mode is off.

import { type FailsafeMembers, sameMembers } from '../../model/cluster/failsafe.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Memory } from '../../model/decision/memory.ts'
import { type ClusterFacts, holdsLease, namedLeader, server } from '../facts.ts'

interface FailsafeUpkeep {
  readonly actions: readonly Action[]
  readonly remember: Partial<Memory>
}

const NOTHING: FailsafeUpkeep = { actions: [], remember: {} }

export function failsafeUpkeep(facts: ClusterFacts): FailsafeUpkeep {
  const { snap, view, memory } = facts
  const leads = holdsLease(snap) && namedLeader(facts) && server(snap)?.inRecovery === false
  if (!leads || !snap.settings.failsafeMode) return NOTHING
  const members = membersOf(facts)
  // What was sent and not seen is written again: only a new revision ends it.
  if (sameMembers(members, view.failsafe?.value ?? null) && memory.failsafe.sent === null) return NOTHING
  const ifRevision = view.failsafe?.modRevision ?? null
  const sent = { members: { ...memory.failsafe.sent?.members, ...members }, ifRevision }
  return {
    actions: [{ kind: 'write-failsafe', members, ifRevision }],
    remember: { failsafe: { ...memory.failsafe, sent } },
  }
}

function membersOf({ snap, view }: ClusterFacts): FailsafeMembers {
  const { name, apiUrl } = snap.self
  const listed = view.members.flatMap(member =>
    member.record.apiUrl === null ? [] : [[member.name, member.record.apiUrl] as const],
  )
  return Object.fromEntries([...listed, [name, apiUrl]])
}
