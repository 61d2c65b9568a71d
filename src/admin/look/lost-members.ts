// Members that are not there any more while their slot is: `list` would otherwise show two members where there were
// three. Their own keys are gone, so others report them: the leader's key since when and until when (hactl), the
// `status` key the slot.

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { hactlPart } from '../../model/cluster/hactl-part.ts'
import { slotName } from '../../model/cluster/slot-name.ts'
import type { Failure } from '../../model/command/failure.ts'
import type { LostMember } from '../../model/command/report.ts'
import type { MemberName } from '../../model/units.ts'
import { parseGone } from '../../wire/gone-record.ts'
import { memberNotFound } from '../operator.ts'

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

/** A name that is no member's: of one that is gone, or of none. `members`: whose names may be meant. */
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
  const teller = members.find(({ name }) => name === leader?.name)
  return teller === undefined ? [] : parseGone(hactlPart(teller.record).gone)
}
