// Members that are not there any more while their slot is: `list` would otherwise show two members where there were three.
// Their keys are gone, so that others tell of them: the leader's key when and until when (hactl), the `status` key the slot.

import type { ClusterView, Json } from '../model/cluster.ts'
import { isJsonObject } from '../model/patch.ts'
import type { LostMember } from '../model/report.ts'
import { slotName } from '../model/slot-name.ts'

export function lostMembers(view: ClusterView): readonly LostMember[] {
  const there = new Set(view.members.map(({ name }) => slotName(name)))
  if (view.leader !== null) there.add(slotName(view.leader.name))
  const told = toldByLeader(view)
  return (view.status?.value.retainSlots ?? [])
    .filter(slot => !there.has(slot))
    .map(slot => told.find(lost => lost.slot === slot) ?? { name: null, slot, since: null, slotUntil: null })
}

function toldByLeader({ members, leader }: ClusterView): readonly LostMember[] {
  const own = members.find(({ name }) => name === leader?.name)?.record.extra.hactl
  const gone = isJsonObject(own) ? own.gone : null
  return Array.isArray(gone) ? gone.flatMap(readLost) : []
}

function readLost(value: Json): readonly LostMember[] {
  if (!isJsonObject(value) || typeof value.slot !== 'string') return []
  const text = (item: Json | undefined): string | null => (typeof item === 'string' ? item : null)
  const { name, slot, since, until } = value
  return [{ name: text(name), slot, since: time(text(since)), slotUntil: time(text(until)) }]
}

function time(text: string | null): string | null {
  return text === null || Number.isNaN(Date.parse(text)) ? null : text
}
