// Would something outside the agent stop this primary in time, and how does an unguarded primary ask to lead?

import type { Action } from '../../model/decision/action.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { fenceMarginMs, nextTermOf, termOf } from '../../model/timing.ts'
import type { Millis } from '../../model/units.ts'
import type { Facts } from '../facts.ts'

/** How long a primary may run with a fencer that cannot be armed anew, while its old deadline may still protect. */
export const UNFENCED_LIMIT_MS: Millis = 3000

/** How long before the end of the current lease the fencer acts. */
export function heldMarginMs({ lease, settings }: Pick<Snapshot, 'lease' | 'settings'>): Millis {
  return fenceMarginMs(termOf(lease, settings))
}

/** The same for a lease that is made, or made anew, now. */
export function nextMarginMs({ lease, settings }: Pick<Snapshot, 'lease' | 'settings'>): Millis {
  return fenceMarginMs(nextTermOf(lease, settings))
}

/** Armed for this postmaster, and its deadline has not passed. */
export function isFenced({ snap }: Facts): boolean {
  const until = snap.fencer.armedUntilMs
  if (!snap.fencer.alive || until === null || until <= snap.nowMs) return false
  const { process } = snap.postgres
  const guarded = snap.fencer.postmaster
  return (
    process.kind === 'running' &&
    guarded !== null &&
    guarded.pid === process.identity.pid &&
    guarded.startTicks === process.identity.startTicks
  )
}

export function unfencedForMs({ memory, snap }: Facts): Millis {
  return memory.unfencedSinceMs === null ? 0 : snap.nowMs - memory.unfencedSinceMs
}

/**
 * An unguarded primary arms its fencer before it asks to lead: other nodes may follow it, or take over from it, as soon
 * as it is the leader in etcd, even if the answer never arrives. The first action that fails ends the step.
 */
export function askGuarded({ snap }: Pick<Facts, 'snap'>, request: Action): readonly Action[] {
  return [...armAhead({ snap }), request, { kind: 'arm-fencer', marginMs: nextMarginMs(snap) }]
}

/** With the end of the node's own lease, before this node leads. */
export function armAhead({ snap }: Pick<Facts, 'snap'>): readonly Action[] {
  return [{ kind: 'keep-lease' }, { kind: 'arm-fencer', marginMs: nextMarginMs(snap), ahead: true }]
}
