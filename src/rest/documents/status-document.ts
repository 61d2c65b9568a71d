// The status document: what every health-check GET and GET /patroni return. Key order is Patroni's (spec/interfaces.md
// 1.3); hactl's own version and fields are in the one extra object `hactl`.

import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import type { ServerView } from '../../model/server/postgres.ts'
import type { MemberName, Scope } from '../../model/units.ts'
import { HACTL_VERSION, PROTOCOL_VERSION } from '../../model/versions.ts'
import { type Encodable, encodeJson } from '../../wire/python-json.ts'
import { documentStamp } from '../../wire/times.ts'
import type { LoggerView, NodeStatus } from '../node-view.ts'
import type { Facts } from './request-facts.ts'

export interface Identity {
  readonly scope: Scope
  readonly name: MemberName
}

/** Parts that change on their own: in an answer from the cache they are up to a second old. */
interface Aging {
  /** hactl's own fields. */
  readonly extra: JsonObject
  readonly logger: LoggerView
}

/** Any log has a queue of up to this length; the number is Patroni's. */
const USUAL_QUEUE = 2

/** The document as text. */
export function statusDocument(facts: Facts, identity: Identity, { extra, logger }: Aging): string {
  const { status, server } = facts
  return encodeJson({
    state: facts.state,
    ...(server === null ? { role: facts.role } : serverPart(facts, server)),
    pause: status.paused || undefined,
    cluster_unlocked: facts.unlocked || undefined,
    failsafe_mode_is_active: facts.failsafeActive || undefined,
    dcs_last_seen: status.dcsLastSeen ?? 0,
    tags: Object.keys(status.tags).length > 0 ? status.tags : undefined,
    database_system_identifier: status.systemIdentifier ?? undefined,
    ...restartPart(status),
    patroni: { version: PROTOCOL_VERSION, scope: identity.scope, name: identity.name },
    scheduled_restart: shownSchedule(status),
    watchdog_failed: status.watchdogFailed || undefined,
    ...loggerPart(logger),
    hactl: { ...extra, version: HACTL_VERSION, ...problemPart(status) },
  })
}

function serverPart(facts: Facts, server: ServerView): { readonly [key: string]: Encodable | undefined } {
  return {
    postmaster_start_time: documentStamp(server.startTime),
    role: facts.role,
    server_version: server.version,
    xlog: positions(server),
    sync_standby: facts.syncDuty === 'sync_standby' || undefined,
    quorum_standby: facts.syncDuty === 'quorum_standby' || undefined,
    timeline: server.timeline,
    replication_state: facts.replicationState ?? undefined,
    replication: server.replication.length > 0 ? walSenders(server) : undefined,
  }
}

function positions(server: ServerView): Encodable {
  if (!server.inRecovery) return { location: server.position }
  return {
    received_location: server.receiveLsn ?? server.replayLsn ?? 0n,
    replayed_location: server.replayLsn ?? 0n,
    replayed_timestamp: server.replayTimestamp === null ? null : documentStamp(server.replayTimestamp),
    paused: server.replayPaused,
  }
}

function walSenders(server: ServerView): Encodable {
  return server.replication.map(sender => ({
    usename: sender.user,
    application_name: sender.applicationName,
    client_addr: sender.clientAddress,
    state: sender.state,
    sync_state: sender.syncState,
    sync_priority: sender.syncPriority,
  }))
}

function restartPart(status: NodeStatus): { readonly [key: string]: Encodable | undefined } {
  const reason = status.pendingRestartReason
  if (reason === null) return {}
  return {
    pending_restart: true,
    pending_restart_reason: Object.keys(reason).length > 0 ? reason : undefined,
  }
}

/** As in the member key, and shown here even while etcd is unreachable and the key cannot be written. */
function problemPart({ problem }: NodeStatus): JsonObject {
  return problem === null ? {} : { problem: problem.text, problem_id: problem.id }
}

function loggerPart({ queued, lost }: LoggerView): { readonly [key: string]: Encodable | undefined } {
  if (queued <= USUAL_QUEUE) return {}
  return { logger_queue_size: queued, logger_records_lost: lost > 0 ? lost : undefined }
}

/** The stored request, `schedule` first, without the start time that only guards against a restart in between. */
function shownSchedule(status: NodeStatus): Encodable | undefined {
  if (status.scheduledRestart === null) return undefined
  const { schedule, postmaster_start_time: _guard, ...filters } = status.scheduledRestart
  return { schedule: schedule as Json, ...filters }
}
