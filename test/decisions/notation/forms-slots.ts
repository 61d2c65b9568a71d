// The notation of replication slots: those on this node, and those that it remembers.

import type { Memory } from '../../../src/model/decision/memory.ts'
import type { PostgresDraft } from './draft.ts'
import { type Form, readDuration } from './units.ts'

export const slotForms: readonly Form<PostgresDraft>[] = [
  [/^no slots of (.+)$/, ([names = '']) => ({ withoutSlots: names.split(/\s+/) })],
  [/^room for (\d+) slots$/, ([max = '']) => ({ slotsMax: Number(max) })],
  [/^used slots (.+)$/, ([names = '']) => ({ usedSlots: names.split(/\s+/) })],
  [/^idle slots (.+)$/, ([names = '']) => ({ idleSlots: names.split(/\s+/) })],
]

/** `pg2 0s ago pg3 31m ago (new 40m)`: slots, when their members were last there, and for how long as newcomers. */
export function readRetained(text: string, now: number): Memory['retainedSlots'] {
  return [...text.matchAll(/(\S+) (\S+) ago(?: \(new (\S+)\))?/g)].map(([, slot = '', time = '', fresh]) => ({
    slot,
    lastNeededMs: now - readDuration(time),
    lastNeededWall: 1_700_000_000_000 - readDuration(time),
    member: slot,
    ...(fresh === undefined ? {} : { newcomerSinceMs: now - readDuration(fresh) }),
  }))
}
