// Members that are gone while their slot is kept: without them, `list` would show two members where there were three.
// Their own keys are gone, so they are known from other keys: the slot from the `status` key, and since when and until
// when from the leader's key (hactl).

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { hactlPart } from '../../model/cluster/hactl-part.ts'
import { slotName } from '../../model/cluster/slot-name.ts'
import type { Failure } from '../../model/command/failure.ts'
import type { LostMember } from '../../model/command/report.ts'
import type { MemberName } from '../../model/units.ts'
import { parseGone } from '../../wire/gone-record.ts'
import { memberNotFound } from '../use-case.ts'

export function lostMembers(view: ClusterView): readonly LostMember[] {
  const there = new Set(view.members.map(({ name }) => slotName(name)))
  if (view.leader !== null) there.add(slotName(view.leader.name))
  const told = toldByLeader(view)
  return (view.status?.value.retainSlots ?? [])
    .filter(slot => !there.has(slot))
    .map(slot => told.find(lost => lost.slot === slot) ?? { name: null, slot, since: null, slotUntil: null })
}

/** `its member key is gone since 2026-11-29T17:13:50Z: its agent is dead, frozen or cut off` */
export function goneText({ since }: LostMember): string {
  return `its member key is gone${since === null ? '' : ` since ${since}`}: its agent is dead, frozen or cut off`
}

export function lostMember(view: ClusterView, name: MemberName): LostMember | null {
  return lostMembers(view).find(lost => lost.name === name || lost.slot === slotName(name)) ?? null
}

/** The failure for a name that no member has now, but a lost one may. `members`: the names that may be meant. */
export function memberMissing(
  cluster: string,
  member: MemberName,
  view: ClusterView,
  members: readonly Member[] = view.members,
): Failure {
  const lost = lostMember(view, member)
  if (lost === null) return memberNotFound(cluster, member, members)
  return { kind: 'member-unreachable', member, why: goneText(lost) }
}

function toldByLeader({ members, leader }: ClusterView): readonly LostMember[] {
  const leading = members.find(({ name }) => name === leader?.name)
  return leading === undefined ? [] : parseGone(hactlPart(leading.record).gone)
}
