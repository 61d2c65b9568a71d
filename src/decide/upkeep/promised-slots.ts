// The slots of a standby while a primary goes on in failsafe mode: it sends the positions of its slots with its question,
// as nothing in the store shows them. Otherwise the slots that this standby keeps for the other members would hold back
// WAL for as long as the outage lasts (8.W3).

import type { Action } from '../../model/decision/action.ts'
import { type Facts, server } from '../facts.ts'

export function advancePromisedSlots({ snap, memory }: Facts): readonly Action[] {
  const promise = snap.promises?.last ?? null
  const seen = server(snap)
  if (promise === null || promise.untilMs <= snap.nowMs) return []
  if (seen === null || !seen.inRecovery || !snap.settings.useSlots) return []
  const ofMembers = new Set(memory.retainedSlots.map(({ slot }) => slot))
  const advance = seen.slots.flatMap(({ name, kind, active, restartLsn }) => {
    const to = Object.hasOwn(promise.slots, name) ? (promise.slots[name] ?? null) : null
    const isBehind = to !== null && restartLsn !== null && restartLsn < to
    return kind === 'physical' && !active && isBehind && ofMembers.has(name) ? [{ name, to }] : []
  })
  return advance.length === 0 ? [] : [{ kind: 'change-slots', create: [], drop: [], advance }]
}
