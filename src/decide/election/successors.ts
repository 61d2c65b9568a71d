// To whom this node may leave the lease without naming one. In a synchronous mode only a voter wins the election that
// follows, in quorum mode only with the votes of others: released to anybody else, the lease would be taken by nobody
// (spec/ha.md 3.8.7).

import { hasName } from '../../judge/candidates.ts'
import { shortOfQuorum, votersOf } from '../../judge/synchronous.ts'
import type { ClusterView } from '../../model/cluster/cluster.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { MemberName } from '../../model/units.ts'

/** Of these members, each of which has everything, those that can win; empty: nobody can. */
export function electable(
  names: readonly MemberName[],
  { settings }: Snapshot,
  { sync }: ClusterView,
): readonly MemberName[] {
  const situation = { modes: settings, sync: sync?.value ?? null, isLed: true }
  const voters = votersOf(situation)
  const able = voters === null ? names : names.filter(name => hasName(voters, name))
  return shortOfQuorum(situation, able) === null ? able : []
}
