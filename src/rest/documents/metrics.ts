// GET /metrics in Prometheus text form. Names, order and types of the series are Patroni's, because dashboards rely on
// them; the last ones are hactl's own.

import { POSTGRES_STATES } from '../../model/cluster/cluster.ts'
import type { MemberName } from '../../model/units.ts'
import { PROTOCOL_VERSION } from '../../model/versions.ts'
import { epochSeconds } from '../../wire/times.ts'
import type { Facts } from './request-facts.ts'
import type { Identity } from './status-document.ts'

/** 4.1.5 as `040105`. */
const VERSION_NUMBER = PROTOCOL_VERSION.split('.')
  .map(part => part.padStart(2, '0'))
  .join('')

interface Series {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  /** Text: already in its final form, such as `040105`. */
  readonly value: number | bigint | string
  readonly values?: string
}

export function metricsText(facts: Facts, identity: Identity): string {
  const labels = `{scope="${labelValue(identity.scope)}",name="${labelValue(identity.name)}"}`
  return [
    ...serverSeries(facts),
    ...walSeries(facts),
    ...replicationSeries(facts),
    ...clusterSeries(facts, identity.name),
    ...agentSeries(facts),
    problemSeries(facts),
    ...livenessSeries(facts),
  ]
    .map(series => seriesText(series, labels))
    .join('')
}

/** The escapes of the text format; every other character is allowed in a label. */
function labelValue(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function seriesText(series: Series, labels: string): string {
  const values = series.values === undefined ? '' : `# Values: ${series.values}\n`
  return `# HELP ${series.name} ${series.help}\n${values}# TYPE ${series.name} ${series.type}\n${series.name}${labels} ${series.value}\n`
}

function gauge(name: string, help: string, value: number | string): Series {
  return { name: `patroni_${name}`, type: 'gauge', help, value }
}

function flag(name: string, meaning: string, holds: boolean): Series {
  return gauge(name, `Value is 1 if ${meaning}, 0 otherwise.`, holds ? 1 : 0)
}

function counter(name: string, help: string, value: bigint | null | undefined): Series {
  return { name: `patroni_${name}`, type: 'counter', help, value: value ?? 0n }
}

function serverSeries(facts: Facts): readonly Series[] {
  const started = epochSeconds(facts.server?.startTime ?? null)
  return [
    gauge('version', 'Version of the agent protocol without periods.', VERSION_NUMBER),
    flag('postgres_running', 'PostgreSQL is running', facts.state === 'running'),
    gauge('postmaster_start_time', 'Epoch seconds since PostgreSQL started.', started),
    flag('primary', 'this node is the primary', facts.role === 'primary'),
  ]
}

function walSeries(facts: Facts): readonly Series[] {
  const { server } = facts
  const standby = server?.inRecovery === true ? server : null
  return [
    counter(
      'xlog_location',
      'Current WAL position in bytes, 0 on a replica.',
      standby === null ? server?.position : 0n,
    ),
    flag('standby_leader', 'this node leads a standby cluster', facts.role === 'standby_leader'),
    flag('replica', 'this node is a replica', facts.role === 'replica'),
    flag('sync_standby', 'this node is a synchronous standby', facts.syncDuty === 'sync_standby'),
    flag('quorum_standby', 'this node is a quorum standby', facts.syncDuty === 'quorum_standby'),
    counter(
      'xlog_received_location',
      'Received WAL position in bytes, 0 on a primary.',
      standby?.receiveLsn ?? standby?.replayLsn,
    ),
    counter('xlog_replayed_location', 'Replayed WAL position in bytes, 0 on a primary.', standby?.replayLsn),
    gauge(
      'xlog_replayed_timestamp',
      'Epoch seconds of the last replayed transaction, 0 if none.',
      epochSeconds(standby?.replayTimestamp ?? null),
    ),
    flag('xlog_paused', 'WAL replay is paused', standby?.replayPaused === true),
  ]
}

/** The two flags vanish while PostgreSQL cannot be asked, as in Patroni. */
function replicationSeries(facts: Facts): readonly Series[] {
  const version = gauge(
    'postgres_server_version',
    'Version of PostgreSQL, 0 if unknown.',
    facts.server?.version ?? 0,
  )
  if (facts.server === null) return [version]
  return [
    flag('postgres_streaming', 'PostgreSQL is streaming', facts.replicationState === 'streaming'),
    flag(
      'postgres_in_archive_recovery',
      'PostgreSQL replays from the archive',
      facts.replicationState === 'in archive recovery',
    ),
    version,
  ]
}

function clusterSeries(facts: Facts, name: MemberName): readonly Series[] {
  const { failsafe } = facts
  const member = failsafe.members !== null && Object.hasOwn(failsafe.members, name)
  return [
    flag('cluster_unlocked', 'the cluster has no leader', facts.unlocked),
    flag('failsafe_mode_is_active', 'failsafe mode is active', facts.failsafeActive),
    flag('failsafe_mode_enabled', 'failsafe mode is enabled', facts.settings.failsafeMode),
    flag('failsafe_member', 'this node is named in the failsafe key', member),
    gauge('postgres_timeline', 'Timeline of PostgreSQL, 0 if unknown.', facts.server?.timeline ?? 0),
    gauge('dcs_last_seen', 'Epoch seconds of the last contact with the DCS.', facts.status.dcsLastSeen ?? 0),
  ]
}

function agentSeries(facts: Facts): readonly Series[] {
  const { status } = facts
  const index = (POSTGRES_STATES as readonly string[]).indexOf(facts.state)
  const priority = status.nofailover ? 0 : status.failoverPriority
  return [
    flag('pending_restart', 'PostgreSQL needs a restart', status.pendingRestartReason !== null),
    flag('is_paused', 'automatic failover is paused', status.paused),
    { ...gauge('postgres_state', 'State of PostgreSQL.', index), values: STATE_VALUES },
    gauge('failover_priority', 'Failover priority of this node.', priority),
  ]
}

/** hactl's own series, for alarms; GET /patroni has the problem itself. */
function problemSeries({ status }: Facts): Series {
  const value = status.problem === null ? 0 : 1
  const help = 'Value is 1 if the agent reports a problem of this node, 0 otherwise.'
  return { name: 'hactl_problem', type: 'gauge', help, value }
}

/** Counted since the agent started, so that an alarm sees what is over, too. */
function livenessSeries({ status }: Facts): readonly Series[] {
  const seconds = (name: string, what: string, ms: number): Series => {
    const help = `Seconds in which ${what}, since the agent started.`
    return { name: `hactl_${name}_seconds_total`, type: 'counter', help, value: (ms / 1000).toFixed(1) }
  }
  return [
    seconds('unanswered', 'PostgreSQL answered no new connection', status.unansweredMs),
    seconds('disk_failing', 'a disk of PostgreSQL could not be written', status.diskFailingMs),
    seconds(
      'own_disk_failing',
      'the state directory or the log could not be written',
      status.ownDiskFailingMs,
    ),
    seconds('agent_stalled', 'the agent itself stood still', status.standstillMs),
  ]
}

const STATE_NAMES = [
  'initdb',
  'initdb_failed',
  'custom_bootstrap',
  'custom_bootstrap_failed',
  'creating_replica',
  'running',
  'starting',
  'bootstrap_starting',
  'start_failed',
  'restarting',
  'restart_failed',
  'stopping',
  'stopped',
  'stop_failed',
  'crashed',
] as const
const STATE_VALUES = STATE_NAMES.map((name, index) => `${index}=${name}`).join(', ')
