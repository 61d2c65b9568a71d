// The dynamic configuration: one JSON document for the whole cluster, in etcd. Local values of these keys are ignored.

import type { Json } from '../../model/cluster/cluster.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import { isJsonArray, parseBoolean } from '../../model/settings/values.ts'
import { boolean, integer, type Leaf, mapping, read, refuse } from './leaf.ts'
import { SHARED_POSTGRESQL } from './postgresql-section.ts'
import { later, optional, setting } from './setting.ts'

// The lower bounds are those that hactl and etcd can keep, not Patroni's 20, 1 and 3, so that an operator can have a
// fast failover. ttl: etcd grants no lease shorter than one and a half of its election time-outs (1 s by default), so
// less than 2 s cannot be had, and one more second is needed to notice and to stop PostgreSQL. loop_wait and
// retry_timeout: one second is the least in which a beat, or one request and its repetition, is finished on a busy
// machine.
const TTL_MIN = 3
const LOOP_WAIT_MIN = 1
const RETRY_TIMEOUT_MIN = 1

// A Node timer takes at most 2^31 - 1 ms and fires at once when asked for more.
const SECONDS_MAX = 2_147_483

const dynamic = { where: 'dynamic' } as const

export const DYNAMIC = {
  ttl: setting(integer({ min: TTL_MIN, max: SECONDS_MAX, truncated: true }), 30, {
    ...dynamic,
    about:
      'Seconds that the leader key lives without renewal. Patroni nodes use at least 20. A profile sets it together ' +
      'with the next two: edit-config --profile.',
  }),
  loop_wait: setting(integer({ min: LOOP_WAIT_MIN, max: SECONDS_MAX, truncated: true }), 10, {
    ...dynamic,
    about:
      'Longest time in seconds between two looks at the cluster. loop_wait + 2 × retry_timeout must not exceed ttl.',
  }),
  retry_timeout: setting(integer({ min: RETRY_TIMEOUT_MIN, max: SECONDS_MAX, truncated: true }), 10, {
    ...dynamic,
    about:
      'Seconds that one operation on etcd or PostgreSQL may take with its repetitions. Patroni nodes use at least 3.',
  }),
  maximum_lag_on_failover: setting(integer({ min: 0 }), 1_048_576, {
    ...dynamic,
    about:
      'Bytes of WAL that may be lost by an automatic failover: a replica further behind is no candidate.',
  }),
  maximum_lag_on_syncnode: setting(integer({ min: -1 }), -1, {
    ...dynamic,
    about:
      'Bytes behind the foremost standby after which a standby is not chosen as synchronous, or no longer; 0 or less: never.',
  }),
  check_timeline: setting(boolean(), false, {
    ...dynamic,
    support: later('check_timeline', 'it is not looked at'),
    about: 'A candidate must be on the latest timeline.',
  }),
  max_timelines_history: setting(integer({ min: 0 }), 0, {
    ...dynamic,
    about: 'Lines kept in the history key; 0: all.',
  }),
  automatic_failover_interval: setting(integer({ min: 0, max: SECONDS_MAX }), 0, {
    ...dynamic,
    about:
      'Seconds for which an automatic failover holds the next one back, unless an operator asks for it; 0: not at all. Patroni ignores it.',
  }),
  primary_start_timeout: setting(integer({ min: 0, max: SECONDS_MAX }), 300, {
    ...dynamic,
    about: 'Seconds in which a crashed primary may come back before another node takes over; 0: at once.',
  }),
  master_start_timeout: optional(integer({ min: 0, max: SECONDS_MAX }), {
    ...dynamic,
    about: 'Old name of primary_start_timeout, used when that is absent.',
  }),
  primary_stop_timeout: setting(integer({ min: 0, max: SECONDS_MAX }), 0, {
    ...dynamic,
    about:
      'Seconds that the stop of a primary may take before it becomes an immediate one, in synchronous mode only; ' +
      '0: no limit.',
  }),
  master_stop_timeout: optional(integer({ min: 0, max: SECONDS_MAX }), {
    ...dynamic,
    about: 'Old name of primary_stop_timeout, used when that is absent.',
  }),
  primary_race_backoff: setting(integer({ min: 0, max: SECONDS_MAX }), 0, {
    ...dynamic,
    about:
      'Seconds for which a replica that still receives WAL gives the primary time to take its lease back, at ' +
      'least one loop_wait; 0: the race begins at once.',
  }),
  synchronous_mode: setting(synchronousMode(), 'off', {
    ...dynamic,
    about:
      'Synchronous replication under the control of hactl. on: commits wait for chosen standbys, and only those may take over. quorum: commits wait for any of all standbys, and an election needs as many votes as make sure that nothing is lost. off: postgresql.parameters decides.',
  }),
  synchronous_mode_strict: setting(boolean(), false, {
    ...dynamic,
    about:
      'With a synchronous mode: when no standby can be synchronous, every commit waits, instead of none.',
  }),
  synchronous_node_count: setting(integer({ min: 1 }), 1, {
    ...dynamic,
    about: 'Number of standbys that each commit waits for, as far as there are so many.',
  }),
  failsafe_mode: setting(boolean(), false, {
    ...dynamic,
    about: 'A primary that loses etcd goes on while all members answer and agree.',
  }),
  failsafe_timeout: setting(integer({ min: 1, max: SECONDS_MAX }), 2, {
    ...dynamic,
    about:
      'Seconds that a member may take to agree in failsafe mode. Of hactl only: Patroni nodes always use 2.',
  }),
  pause: setting(boolean(), false, {
    ...dynamic,
    about: 'Maintenance mode: hactl keeps its hands off.',
  }),
  member_slots_ttl: setting(integer({ min: 0, max: SECONDS_MAX, unit: 's' }), 1800, {
    ...dynamic,
    shown: '30min',
    about: 'How long the replication slot of an absent member is kept.',
  }),
  hung_server_timeout: setting(integer({ min: 0, max: SECONDS_MAX, unit: 's' }), 5, {
    ...dynamic,
    shown: '5s',
    about:
      'Seconds without any answer from PostgreSQL, also to a new connection, after which a primary is no longer healthy and hands over; 0: never.',
  }),
  failed_disk_timeout: setting(integer({ min: 0, max: SECONDS_MAX, unit: 's' }), 30, {
    ...dynamic,
    shown: '30s',
    about:
      'Seconds in which nothing can be written to the disk of the data directory or of pg_wal, because it is full, broken or hangs, after which a primary hands over; 0: nobody looks.',
  }),
  stalled_agent_timeout: setting(integer({ min: 0, max: SECONDS_MAX, unit: 's' }), 10, {
    ...dynamic,
    shown: '10s',
    about:
      'Seconds for which the agent may stand still: in one step of a beat (at most half a ttl), after which no health check says yes; or in at least three pieces within ten minutes (at most a ttl), after which a primary hands over. 0: for ever.',
  }),
  slots: setting(
    mapping(),
    {},
    {
      ...dynamic,
      support: later('slots', 'no permanent slots are made'),
      about: 'Permanent replication slots.',
    },
  ),
  permanent_slots: setting(
    mapping(),
    {},
    { ...dynamic, support: later('slots', 'no permanent slots are made'), about: 'Old name of slots.' },
  ),
  permanent_replication_slots: setting(
    mapping(),
    {},
    {
      ...dynamic,
      support: later('slots', 'no permanent slots are made'),
      about: 'Old name of slots.',
    },
  ),
  ignore_slots: setting(slotPatterns(), [], {
    ...dynamic,
    support: later('ignore_slots', 'slots that hactl did not make are left alone'),
    about: 'Slots to leave alone.',
  }),
  standby_cluster: optional(mapping(), {
    ...dynamic,
    support: later('standby_cluster', 'a node of this version neither creates nor leads a standby cluster'),
    about: 'Follow a primary outside this cluster.',
  }),
  'postgresql.use_slots': setting(boolean(), true, {
    ...dynamic,
    about: 'Replication slots for the members.',
  }),
  ...SHARED_POSTGRESQL,
} as const

function synchronousMode(): Leaf<'off' | 'on' | 'quorum'> {
  return {
    type: 'boolean | quorum',
    fromEnvironment: 'text',
    parse: (raw: Json) => {
      if (typeof raw === 'string' && raw.toLowerCase() === 'quorum') return read('quorum')
      const value = parseBoolean(raw)
      return value === null ? refuse('is neither a boolean nor quorum') : read(value ? 'on' : 'off')
    },
  }
}

function slotPatterns(): Leaf<readonly Json[]> {
  return {
    type: 'list of mappings',
    fromEnvironment: 'list',
    parse: raw =>
      isJsonArray(raw) && raw.every(item => isJsonObject(item))
        ? read(raw)
        : refuse('is not a list of mappings'),
  }
}
