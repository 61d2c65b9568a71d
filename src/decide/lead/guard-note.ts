// The leader's note in etcd that says whether something would stop its server (docs/adr/0017-note-of-the-guard.md). It
// changes before the fencer is disarmed in maintenance mode, and again after the fencer is armed. When a leader falls
// silent, the survivors rely on it.

import { guardOf } from '../../model/cluster/guard.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { type ClusterFacts, type Facts, holdsLease, namedLeader, runsAsPrimary, tried } from '../facts.ts'
import { formerMayWrite } from '../rejoin/former-life.ts'
import { isFenced } from './fencing.ts'

/** A server of this node accepts writes, or may come to do so, as far as is known. */
function mayHaveWriter(facts: Facts): boolean {
  return runsAsPrimary(facts) || facts.memory.promotionAsked || formerMayWrite(facts)
}

/**
 * This process has noted in etcd that nothing guards this node. A note by an earlier process does not count: that
 * process may have sent a later one. While etcd cannot be reached, the last note that it confirmed counts.
 */
function isNotedUnguarded({ memory }: Facts): boolean {
  return memory.notedUnguarded
}

/** The fencer may go only if no server may write, or etcd already says that nothing guards this one. */
export function mayDisarm(facts: Facts): boolean {
  return !mayHaveWriter(facts) || isNotedUnguarded(facts)
}

/** Only the leader writes the note, so that no other node races on the old one. */
export function canNoteUnguarded(facts: Facts): boolean {
  return (
    mayHaveWriter(facts) &&
    holdsLease(facts.snap) &&
    namedLeader(facts) &&
    !isNotedUnguarded(facts) &&
    !tried(facts.snap, 'note-unguarded')
  )
}

export function noteUnguarded({ snap }: Facts): readonly Action[] {
  return noteOf('note-unguarded', snap)
}

/** The note of a leader with an armed fencer, outside maintenance mode; none, if etcd has it already. */
export function noteGuarded(facts: ClusterFacts): readonly Action[] {
  const { snap, view } = facts
  const isDue =
    !snap.settings.paused &&
    isFenced(facts) &&
    view.leader?.name === snap.self.name &&
    view.lastLeader?.value === snap.self.name &&
    guardOf(view, snap.self.name) !== 'yes'
  return isDue ? noteOf('note-guarded', snap) : []
}

function noteOf(kind: 'note-guarded' | 'note-unguarded', { cluster }: Snapshot): readonly Action[] {
  if (!cluster.known || cluster.value.leader === null) return []
  const { guard, leader } = cluster.value
  return [{ kind, ifRevision: guard?.modRevision ?? null, leaderRevision: leader.modRevision }]
}

/** Each new leader replaces the note with its own, and so does this node when it takes the lease. */
export function rememberGuardNote(memory: Memory, snap: Snapshot): Memory {
  const done = snap.outcomes.findLast(({ action }) => NOTES.includes(action))
  const noted = done?.action === 'note-unguarded' && done.kind === 'done'
  const before = done === undefined && memory.notedUnguarded
  const { cluster, self } = snap
  const isCurrent = !cluster.known || guardOf(cluster.value, self.name) === 'no'
  const notedUnguarded = (noted || before) && isCurrent
  return notedUnguarded === memory.notedUnguarded ? memory : { ...memory, notedUnguarded }
}

const NOTES: readonly string[] = ['note-unguarded', 'note-guarded', 'acquire-lease', 'take-leader']
