// Questions about orders to this node: is a restart due, may this node be restarted, may its data be replaced by a new copy?
// Each objection is a clause for the person who asked.

import type { Order, RestartFilters, RestartRequest, ScheduledRestart } from '../model/decision/order.ts'
import { serverVersionText } from '../model/server/server-version.ts'
import type { Millis } from '../model/units.ts'
import { type Facts, holdsLease, isForeign, namedLeader, runsAsPrimary, server, storeName } from './facts.ts'
import { missingConfiguration, withoutConfiguration } from './known-configuration.ts'
import { isNotedGuarded } from './lead/maintenance.ts'
import { cloneSource } from './rejoin/clone-source.ts'
import { formerMayWrite, whyFormer, whyOtherData } from './rejoin/former-life.ts'
import { memberRecord, roleOf } from './report/own-record.ts'
import type { SituationName } from './situation.ts'

/** A schedule that was missed by more than this is dropped (spec/ha.md 3.15.2). */
const STALE_LOOPS = 1.5

/** A restart to begin now: ordered (`order` is the id), or scheduled and due (`scheduledFor` is the time as written). */
export interface WantedRestart extends RestartRequest {
  readonly order: string | null
  readonly scheduledFor: string | null
}

export type OrderOf<K extends Order['kind']> = Extract<Order, { kind: K }>

export function orderOf<K extends Order['kind']>({ snap }: Pick<Facts, 'snap'>, kind: K): OrderOf<K> | null {
  const order = snap.order ?? null
  return order?.kind === kind ? (order as OrderOf<K>) : null
}

export function wantedRestart(facts: Facts): WantedRestart | null {
  const ordered = orderedRestart(facts)
  if (ordered !== null) return ordered
  const due = dueRestart(facts)
  return due === null ? null : { ...due, order: null, scheduledFor: scheduleText(due) }
}

export function orderedRestart(facts: Facts): WantedRestart | null {
  const order = orderOf(facts, 'restart')
  return order === null ? null : { ...order, order: order.id, scheduledFor: null }
}

/** The scheduled restart that is due; null: there is none, or maintenance mode is on. */
export function dueRestart({ memory, snap }: Facts): ScheduledRestart | null {
  const { scheduledRestart } = memory
  if (scheduledRestart === null || snap.settings.paused) return null
  return snap.wallMs >= scheduledRestart.atMs ? scheduledRestart : null
}

/** The time as it was written in the request. */
export function scheduleText({ shown }: Pick<ScheduledRestart, 'shown'>): string {
  return String(shown.schedule)
}

/** How late the restart is, if it is too late to be done; null: it is in time. */
export function staleForMs({ atMs }: ScheduledRestart, { snap }: Facts): Millis | null {
  const lateMs = snap.wallMs - atMs
  return lateMs > STALE_LOOPS * snap.settings.loopWaitMs ? lateMs : null
}

/** When the server was started after the restart was scheduled; null: it was not, or that is not known. */
export function restartedSince({ postmasterStart }: ScheduledRestart, { snap }: Facts): string | null {
  const now = server(snap)?.startTime ?? null
  return postmasterStart !== null && now !== null && now !== postmasterStart ? now : null
}

/** Time until the scheduled restart is due; null: none waits for its time. */
export function untilScheduledMs({ memory, snap }: Facts): Millis | null {
  const { scheduledRestart } = memory
  if (scheduledRestart === null || snap.settings.paused) return null
  const leftMs = scheduledRestart.atMs - snap.wallMs
  return leftMs > 0 ? leftMs : null
}

/** The filter that is not met, in Patroni's words; null: all are met. An unknown value meets no filter. */
export function unmetFilter(facts: Facts, { role, olderThan, pendingOnly }: RestartFilters): string | null {
  const seen = server(facts.snap)
  const own = roleOf(facts)
  if (role !== undefined && role !== own) return `host role mismatch: this node is ${own}, not ${role}`
  if (olderThan !== undefined && (seen === null || olderThan.number <= seen.version))
    return `postgres version mismatch: ${seen === null ? 'it is not known' : `${serverVersionText(seen.version)} runs`}, older than ${olderThan.text} was asked for`
  if (pendingOnly === true && memberRecord(facts).pendingRestart !== true)
    return 'pending restart flag is not set'
  return null
}

/** Why PostgreSQL cannot be restarted in this situation; null: the rules of the situation do it. */
export function restartObjection(facts: Facts, place: SituationName): string | null {
  const { memory, snap } = facts
  if (place === 'blind' || !snap.cluster.known)
    return `${storeName(snap)} cannot be seen, and so neither who leads nor whom to follow (${snap.cluster.known ? '' : snap.cluster.why})`
  const unable = UNABLE[place]
  if (unable !== undefined) return unable
  if (memory.handover !== null) return 'a switchover is under way'
  if (memory.promotionAsked) return 'a promotion is under way'
  if (place === 'race' && (runsAsPrimary(facts) || leaderlessMs(facts) < snap.settings.ttlMs))
    return 'nobody leads: an election is under way'
  const doubt = doubtfulRole(facts)
  if (doubt !== null) return doubt
  const isPrimary = runsAsPrimary(facts)
  if (place === 'starting' && (isPrimary || holdsLease(snap))) return 'PostgreSQL is starting up as primary'
  if (place === 'paused' && snap.postgres.process.kind !== 'running') return objectionToStart(facts)
  if (!isPrimary) return null
  // With the lease the note is written first (paused.note-unguarded), and then it is restarted.
  if (place === 'paused' && isNotedGuarded(facts) && !holdsLease(snap))
    return `${storeName(snap)} still says that something guards this primary, and without the lease that cannot be changed: its fencer may act while it is down`
  const missing = missingConfiguration(snap, snap.cluster.value)
  if (missing !== null) return withoutConfiguration(missing, snap)
  return whyOtherData(facts)
}

const UNABLE: Partial<Readonly<Record<SituationName, string>>> = {
  founding: 'the cluster is being created',
  orphaned: 'a former server of this node still runs',
  empty: 'there is no data directory to start PostgreSQL in',
  namesake: 'the name of this node belongs to another one',
  stranger: 'the data of this node belongs to another cluster',
}

/** A restart keeps the role, so the role must be known. */
function doubtfulRole({ memory, snap }: Facts): string | null {
  const { dataDirectory: directory, process } = snap.postgres
  if (process.kind !== 'running' || server(snap) !== null) return null
  if (directory.kind !== 'present' || memory.lastRole === null) return null
  return (memory.lastRole === 'primary') === directory.recoveryConfigured
    ? `PostgreSQL does not answer: it was a ${memory.lastRole} when last seen, its data directory says otherwise`
    : null
}

/** In maintenance mode an order may start a standby. A primary needs the leader key, and nothing asks for that key then. */
function objectionToStart(facts: Facts): string | null {
  const directory = facts.snap.postgres.dataDirectory
  if (directory.kind !== 'present') return 'there is no data directory to start PostgreSQL in'
  if (formerMayWrite(facts)) return whyFormer(facts)
  return directory.recoveryConfigured
    ? null
    : 'PostgreSQL is down, its data is of a primary, and maintenance mode is on: end it, and this node starts by itself'
}

function leaderlessMs({ memory, snap }: Facts): Millis {
  return memory.leaderlessSinceMs === null ? 0 : snap.nowMs - memory.leaderlessSinceMs
}

/** Why the data of this node must not be replaced; null: nothing objects so far, and the leader is asked next. */
export function reinitObjection(facts: Facts, place: SituationName): string | null {
  const { snap } = facts
  if (!snap.cluster.known)
    return `${storeName(snap)} cannot be seen, and so not who leads (${snap.cluster.why})`
  if (place === 'founding') return 'the cluster is being created'
  if (place === 'race') return 'nobody leads'
  if (place === 'namesake') return 'the name of this node belongs to another one'
  if (place === 'stranger' || isForeign({ ...facts, view: snap.cluster.value }))
    return 'the data of this node belongs to another cluster'
  if (formerMayWrite(facts)) return whyFormer(facts)
  if (place === 'orphaned') return 'a former server of this node still runs'
  if (runsAsPrimary(facts)) return 'PostgreSQL runs as a primary here'
  if (facts.memory.promotionAsked) return 'a promotion is under way here'
  const directory = snap.postgres.dataDirectory
  if (directory.kind === 'inaccessible') return `the data directory is not accessible: ${directory.why}`
  return cloneSource({ ...facts, view: snap.cluster.value }) === null
    ? `neither ${snap.cluster.value.leader?.name} nor another member can be copied from: no usable conn_url is in ${storeName(snap)}`
    : null
}

/** This node leads, or etcd says so: there is no other leader to copy from. */
export function isLeader(facts: Facts): boolean {
  return holdsLease(facts.snap) || namedLeader(facts)
}

export function nobodyLeads({ snap }: Facts): boolean {
  return snap.cluster.known && snap.cluster.value.leader === null
}
