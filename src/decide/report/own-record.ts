// This node's member key (spec/ha.md 1.3), which the other members, patronictl and monitoring tools read.

import type { JsonObject, MemberRecord, PostgresState, Role } from '../../model/cluster/cluster.ts'
import { LEASE_TTL_FIELD } from '../../model/cluster/lease-ttl.ts'
import type { Self, Snapshot } from '../../model/decision/snapshot.ts'
import { HACTL_VERSION, PROTOCOL_VERSION } from '../../model/versions.ts'
import { goneRow } from '../../wire/gone-record.ts'
import { control, type Facts, holdsLease, isHalfCopied, isRunning, mayLead, server } from '../facts.ts'
import { tagsOfLeaving } from '../sync/leaving.ts'
import { goneMembers } from '../upkeep/member-slots.ts'
import { trouble } from './trouble.ts'

export function memberRecord(facts: Facts): MemberRecord {
  const { snap, memory } = facts
  const { self } = snap
  return {
    connUrl: self.connUrl,
    apiUrl: self.apiUrl,
    state: postgresState(facts),
    role: roleOf(facts),
    version: PROTOCOL_VERSION,
    ...(self.proxyUrl === null ? {} : { proxyUrl: self.proxyUrl }),
    ...(awaitsCheckpoint(facts) ? { checkpointAfterPromote: false as const } : {}),
    tags: tagsOfLeaving(self.tags.published, memory),
    ...pendingRestart(facts),
    ...positions(facts),
    ...scheduledRestart(facts),
    ...(snap.settings.paused ? { pause: true } : {}),
    extra: {
      hactl: {
        version: HACTL_VERSION,
        [LEASE_TTL_FIELD]: leaseTtlSeconds(snap),
        ...hostOf(self),
        ...problemOf(facts),
        ...(self.warnings === undefined ? {} : { warnings: self.warnings }),
        ...goneOf(facts),
        ...drained(facts),
      },
    },
  }
}

/** The ttl of the lease that this key hangs on: the `ttl` in force may differ. */
function leaseTtlSeconds({ lease, settings }: Snapshot): number {
  return Math.ceil((lease.leaseId === null ? settings.ttlMs : lease.ttlMs) / 1000)
}

function problemOf(facts: Facts): { readonly problem?: string; readonly problem_id?: string } {
  const found = trouble(facts)
  return found === null ? {} : { problem: found.text, problem_id: found.id }
}

/** Members whose own keys are gone: the leader, which keeps their slots, lists them. */
function goneOf(facts: Facts): JsonObject {
  if (!mayLead(facts.snap) || server(facts.snap)?.inRecovery !== false) return {}
  const gone = goneMembers(facts)
  return gone.length === 0 ? {} : { gone: gone.map(goneRow) }
}

/** A field of its own: the same tags may also be configured. */
function drained({ memory }: Facts): JsonObject {
  return memory.drained === null ? {} : { drained: true }
}

function hostOf({ host }: Self): JsonObject {
  return host === undefined ? {} : { host }
}

/** Until the checkpoint after a promotion is done, the control file still carries the old timeline. */
export function awaitsCheckpoint({ snap }: Facts): boolean {
  const seen = server(snap)
  return (
    holdsLease(snap) &&
    seen !== null &&
    !seen.inRecovery &&
    seen.timeline !== null &&
    seen.controlTimeline !== null &&
    seen.controlTimeline !== seen.timeline
  )
}

/** The state text that Patroni's tools know (spec/postgres.md 1.1). */
export function postgresState(facts: Facts): PostgresState {
  const { snap, memory } = facts
  const doing = stateOfWork(facts)
  if (doing !== null) return doing
  if (isRunning(snap)) return snap.postgres.server.known || !isStarting(facts) ? 'running' : 'starting'
  if (memory.lastFailure?.job === 'start') return 'start failed'
  if (memory.founding?.stage === 'failed') return 'initdb failed'
  return control(snap.postgres)?.state === 'in production' ? 'crashed' : 'stopped'
}

function stateOfWork({ snap }: Facts): PostgresState | null {
  switch (snap.work?.job.kind) {
    case 'bootstrap':
      return 'initializing new cluster'
    case 'clone':
      return 'creating replica'
    case 'start':
      return 'starting'
    case 'restart':
      return 'restarting'
    case 'stop':
      return 'stopping'
    default:
      return null
  }
}

function isStarting({ snap }: Facts): boolean {
  const { process } = snap.postgres
  return (
    process.kind === 'running' && (process.readiness === 'rejecting' || process.readiness === 'no-response')
  )
}

export function roleOf({ snap, memory }: Facts): Role {
  if (snap.postgres.dataDirectory.kind !== 'present' || isHalfCopied(snap)) return 'uninitialized'
  const seen = server(snap)
  if (seen !== null) return seen.inRecovery ? 'replica' : 'primary'
  // Peers in an election need not wait for the last processes of a server that has shut down.
  if (snap.work?.progress?.stoppedAt !== undefined) return 'demoted'
  if (isRunning(snap)) return memory.lastRole === 'primary' ? 'primary' : 'replica'
  const directory = snap.postgres.dataDirectory
  return memory.lastRole === 'primary' || !directory.recoveryConfigured ? 'demoted' : 'replica'
}

/** As Patroni writes it: the request, and the start time of the server that it is for. */
export function scheduledRestart({ memory }: Facts): Pick<MemberRecord, 'scheduledRestart'> {
  const scheduled = memory.scheduledRestart
  if (scheduled === null) return {}
  const start = scheduled.postmasterStart
  return {
    scheduledRestart: { ...scheduled.shown, ...(start === null ? {} : { postmaster_start_time: start }) },
  }
}

function pendingRestart({ snap }: Facts): Partial<MemberRecord> {
  const reasons = server(snap)?.pendingRestart ?? {}
  const entries = Object.entries(reasons)
  if (entries.length === 0) return {}
  return {
    pendingRestart: true,
    pendingRestartReason: Object.fromEntries(
      entries.map(([name, change]) => [name, { old_value: change.oldValue, new_value: change.newValue }]),
    ),
  }
}

function positions({ snap }: Facts): Partial<MemberRecord> {
  const seen = server(snap)
  if (seen === null) return {}
  const timeline = seen.timeline === null ? {} : { timeline: seen.timeline }
  if (!seen.inRecovery) return { xlogLocation: seen.position, ...timeline }
  return {
    xlogLocation: seen.position,
    ...(seen.receiveLsn === null || seen.receiveLsn === 0n ? {} : { receiveLsn: seen.receiveLsn }),
    ...(seen.replayLsn === null || seen.replayLsn === 0n ? {} : { replayLsn: seen.replayLsn }),
    ...replicationState(seen.walReceiver?.status ?? null, seen.restoreCommandSet),
    ...timeline,
  }
}

function replicationState(receiver: string | null, restoreCommandSet: boolean): Partial<MemberRecord> {
  if (receiver === 'streaming') return { replicationState: 'streaming' }
  return restoreCommandSet ? { replicationState: 'in archive recovery' } : {}
}

/** Same meaning on the wire: key order does not matter, an absent field differs from any value. */
export function sameRecord(a: MemberRecord, b: MemberRecord): boolean {
  return isSame(a, b)
}

function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [ofA, ofB] = [present(a), present(b)]
  return (
    ofA.length === ofB.length &&
    ofA.every(([key, value]) => Object.hasOwn(b, key) && isSame(value, b[key as never]))
  )
}

function present(value: object): readonly (readonly [string, unknown])[] {
  return Object.entries(value).filter(([, inner]) => inner !== undefined)
}
