// The leader's note in etcd of whether something would stop its server (docs/adr/0017-note-of-the-guard.md): replaced before the fencer is disarmed in
// maintenance mode, and again once it is armed. A survivor of a leader that fell silent goes by it.

import { guardOf } from '../../model/cluster/guard.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { type ClusterFacts, type Facts, holdsLease, namedLeader, runsAsPrimary, tried } from '../facts.ts'
import { formerMayWrite } from '../rejoin/former-life.ts'
import { isFenced } from './fencing.ts'

/** A server of this node accepts writes, or may do so yet, as far as is known. */
function mayHaveWriter(facts: Facts): boolean {
  return runsAsPrimary(facts) || facts.memory.promotionAsked || formerMayWrite(facts)
}

/**
 * Etcd says that nothing guards this node, on the word of this process: a note that an earlier one sent may still be on its
 * way to replace that one's. While etcd is out of sight, what it took counts.
 */
function isNotedUnguarded({ memory }: Facts): boolean {
  return memory.notedUnguarded
}

/** Nobody is told that something guards a server, and nothing does. */
export function mayDisarm(facts: Facts): boolean {
  return !mayHaveWriter(facts) || isNotedUnguarded(facts)
}

/** Only the leader can: then nobody races on what stood there before. */
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

/** Of a leader with an armed fencer, outside of maintenance mode; null: it stands there. */
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

/** Whoever leads next replaces the note with his own, and so does this node when it takes the lead. */
export function rememberGuardNote(memory: Memory, snap: Snapshot): Memory {
  const done = snap.outcomes.findLast(({ action }) => NOTES.includes(action))
  const noted = done?.action === 'note-unguarded' && done.kind === 'done'
  const before = done === undefined && memory.notedUnguarded
  const { cluster, self } = snap
  const stands = !cluster.known || guardOf(cluster.value, self.name) === 'no'
  const notedUnguarded = (noted || before) && stands
  return notedUnguarded === memory.notedUnguarded ? memory : { ...memory, notedUnguarded }
}

const NOTES: readonly string[] = ['note-unguarded', 'note-guarded', 'acquire-lease', 'take-leader']
