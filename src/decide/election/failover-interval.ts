// Anti-flapping, off by default (`automatic_failover_interval`): after an automatic failover the next one waits, so that a load
// that brings down each primary does not bring down one node after the other. The last leader itself may lead again, and an
// operator's word ends the wait.
//
// The shared fact is the note of the takeover in etcd (`hactl/history`). No two wall clocks are compared: each node counts from
// when it saw the note first, on its own boot clock, and a node that has just started counts from its start. So that a note
// of last year holds nobody back after a restart, the leader marks it in etcd once the interval is over by its own clock.

import type { ClusterView } from '../../model/cluster/cluster.ts'
import type { TakeoverCause, TakeoverNote } from '../../model/cluster/takeover.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { Millis } from '../../model/units.ts'
import { type ClusterFacts, runsAsPrimary, seconds, server } from '../facts.ts'
import { causeOf } from '../lead/how-it-leads.ts'
import { isForced } from '../lead/request-meaning.ts'
import { type Rule, rule } from '../rule.ts'

/** The operator's word may come at any moment. */
const LOOK_AGAIN_MS: Millis = 1000

/** A cause that is not known counts as one that nobody wanted. */
const AUTOMATIC: readonly TakeoverCause[] = ['lease-ended', 'crash', 'unusable', 'unknown']

/** The last takeover if it was automatic and holds the next one back; null: there is none, or an operator has acted since. */
function lastFailover(view: ClusterView): TakeoverNote | null {
  // A leader that gives up in good order (its agent is stopped) is no failover, and nobody's word either.
  const last = view.takeovers?.value.findLast(({ cause }) => cause !== 'given-up')
  return last !== undefined && AUTOMATIC.includes(last.cause) && last.settled !== true ? last : null
}

export function rememberFailover(memory: Memory, { cluster, nowMs, wallMs }: Snapshot): Memory {
  if (!cluster.known) return memory
  const last = lastFailover(cluster.value)
  if (last === null) return memory.lastFailover === null ? memory : { ...memory, lastFailover: null }
  const { from, to, at } = last
  const { lastFailover: before } = memory
  if (before?.from === from && before.to === to && before.at === at) return memory
  return { ...memory, lastFailover: { from, to, at, sinceMs: nowMs, sinceWall: wallMs } }
}

interface Wait {
  readonly from: string
  readonly to: string
  readonly leftMs: Millis
  /** By this node's wall clock, for people. */
  readonly until: string
}

/** The interval after the last automatic failover is not over, as far as this node knows; null: it is, or it is off. */
function waitOf({ memory: { lastFailover }, snap }: ClusterFacts): Wait | null {
  const intervalMs = snap.settings.failoverIntervalMs
  if (intervalMs === 0 || lastFailover === null) return null
  const { from, to, sinceMs, sinceWall } = lastFailover
  const leftMs = sinceMs + intervalMs - snap.nowMs
  const until = `${new Date(sinceWall + intervalMs).toISOString().slice(0, 19)}Z`
  return leftMs > 0 ? { from, to, leftMs, until } : null
}

/** A leader whose PostgreSQL cannot be used need not make way: nobody would take over by itself. */
export function failoversWait(facts: ClusterFacts): boolean {
  return waitOf(facts) !== null
}

/** This node may not take over by itself yet. */
function heldBack(facts: ClusterFacts): Wait | null {
  const { memory, snap } = facts
  if (runsAsPrimary(facts) || memory.lastLeader === snap.self.name || isForced(facts)) return null
  const { outage } = memory
  // An operator's failover to another node is not the word for this one.
  const isAutomatic =
    outage === null || outage.request?.kind === 'failover' || AUTOMATIC.includes(causeOf(outage))
  return isAutomatic ? waitOf(facts) : null
}

export const awaitInterval: Rule<ClusterFacts> = rule({
  id: 'race.failover-interval',
  why: 'after an automatic failover the next one waits for the interval that the operator has set, or for the word of the operator',
  level: 'warning',
  match: heldBack,
  choose: (f, { from, to, leftMs, until }) => ({
    reason: `not promoting: ${to} took over from ${from}, and the next automatic failover waits until ${until} (${seconds(leftMs)}, automatic_failover_interval is ${seconds(f.snap.settings.failoverIntervalMs)}). ${f.memory.lastLeader ?? to} itself may lead again. HINT: Look why it is gone, or give your word: hactl failover --candidate ${f.snap.self.name}`,
    wakeInMs: Math.min(LOOK_AGAIN_MS, leftMs),
  }),
})

/** For `hactl list` and GET /patroni; null: nothing waits. */
export function whyHeldBack(facts: ClusterFacts): string | null {
  if (facts.view.leader !== null || server(facts.snap)?.inRecovery !== true) return null
  const wait = heldBack(facts)
  if (wait === null) return null
  return `nobody leads: after the failover from ${wait.from} to ${wait.to} the next one waits until ${wait.until} (automatic_failover_interval). HINT: hactl failover --candidate ${facts.snap.self.name}`
}

/** The leader notes that the interval is over; null: it is not, or that is noted. */
export function noteIntervalOver({ memory, snap, view }: ClusterFacts): Action | null {
  const intervalMs = snap.settings.failoverIntervalMs
  const sinceMs = memory.lastFailover?.sinceMs ?? null
  if (intervalMs === 0 || sinceMs === null || snap.nowMs - sinceMs < intervalMs || view.takeovers == null)
    return null
  const { value, modRevision } = view.takeovers
  const held = lastFailover(view)
  const notes = value.map(note => (note === held ? { ...note, settled: true as const } : note))
  return held === null ? null : { kind: 'note-takeover', notes, ifRevision: modRevision }
}
