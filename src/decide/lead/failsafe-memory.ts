// What a node remembers of failsafe mode: the `failsafe` key as it was last seen, what it has written there, and its last
// question to the members.

import type { FailsafeMemory } from '../../model/cluster/failsafe.ts'
import type { ActionKind } from '../../model/decision/action.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { someOutcome } from '../facts.ts'

const CONFIRMS: readonly ActionKind[] = ['renew-lease', 'acquire-lease', 'adopt-lease', 'take-leader']

export function rememberFailsafe(memory: Memory, snap: Snapshot): Memory {
  const failsafe: FailsafeMemory = {
    ...key(memory.failsafe, snap),
    asked: asked(memory.failsafe, snap),
  }
  return { ...memory, failsafe }
}

/** The outage is over when the store has confirmed the lease. */
function asked(before: FailsafeMemory, snap: Snapshot): FailsafeMemory['asked'] {
  if (someOutcome(snap, CONFIRMS, 'done')) return null
  return snap.consent ?? before.asked
}

/** A key that cannot be read counts as absent. */
function key(
  { members, sent }: FailsafeMemory,
  { cluster }: Snapshot,
): Pick<FailsafeMemory, 'members' | 'sent'> {
  if (!cluster.known) return { members, sent }
  const seen = cluster.value.failsafe
  // At another revision the store refuses what was sent, however late it comes.
  const isOpen = sent !== null && (seen?.modRevision ?? null) === sent.ifRevision
  return { members: seen?.value ?? null, sent: isOpen ? sent : null }
}
