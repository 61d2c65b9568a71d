// The documents of the API: status, cluster and history, byte by byte where clients depend on it
// (spec/interfaces.md 1.3, 1.7).

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Member, MemberRecord } from '../../src/model/cluster/cluster.ts'
import { revision } from '../../src/model/revision.ts'
import { seen, unseen } from '../../src/model/seen.ts'
import type { Store } from '../../src/ports/store.ts'
import {
  CLUSTER,
  clock,
  PRIMARY_SERVER,
  type Running,
  SETTINGS,
  STATUS,
  startServer,
  UNREACHABLE_STORE,
} from './node.ts'

let running: Running
let stored = CLUSTER
/** Reads succeed, writes do not: what these documents are made from. */
const store: Store = { ...UNREACHABLE_STORE, read: async () => seen(stored, clock.bootMs()) }

beforeAll(async () => {
  running = await startServer({ store })
})
afterAll(() => running.server.stop())
beforeEach(() => {
  running.node.dynamic = SETTINGS
  running.node.current = { ...STATUS, nextBeatDueMs: clock.bootMs() + 10_000 }
  running.node.leaseUntilMs = 0
  running.node.onFresh = undefined
  running.node.failsafeView = { activeUntilMs: 0, members: null }
  running.node.showCluster({})
  stored = CLUSTER
})

async function body(path: string): Promise<string> {
  const response = await fetch(running.base + path)
  return response.text()
}

const OURS = '"hactl": {"version": "0.1.0"}}'

describe('the status document', () => {
  it('a replica, key by key as Patroni prints it', async () => {
    running.node.onFresh = () => void running.node.replica()
    running.node.replica().set({
      scheduledRestart: {
        postmaster_start_time: '2026-11-22 11:26:35.031618+00:00',
        postgres_version: '16.0',
        role: 'replica',
        schedule: '2030-01-01T10:00:00+00:00',
      },
    })
    expect(await body('/patroni')).toBe(
      '{"state": "running", "postmaster_start_time": "2026-11-22 11:26:35.031618+00:00", "role": "replica", "server_version": 150020, ' +
        '"xlog": {"received_location": 67381760, "replayed_location": 67381760, "replayed_timestamp": "2026-11-22 11:27:30.152364+00:00", "paused": false}, ' +
        '"timeline": 1, "replication_state": "streaming", "dcs_last_seen": 1795346862, "database_system_identifier": "7710955613899059416", ' +
        '"patroni": {"version": "4.1.5", "scope": "demo", "name": "pg1"}, ' +
        `"scheduled_restart": {"schedule": "2030-01-01T10:00:00+00:00", "postgres_version": "16.0", "role": "replica"}, ${OURS}`,
    )
  })

  it('a primary with everything, a position beyond 2^53 exact, other alphabets escaped', async () => {
    const sender = {
      user: 'rep',
      applicationName: 'pgé',
      clientAddress: null,
      state: 'streaming',
      syncState: 'async',
      syncPriority: 0,
    }
    running.node.primary({ position: 9007199254740993n, replication: [sender] }).showCluster({ leader: null })
    running.node.set({
      paused: true,
      tags: { clonefrom: true },
      pendingRestartReason: { work_mem: { old_value: '4MB', new_value: '8MB' } },
      watchdogFailed: true,
    })
    running.node.failsafeView = { activeUntilMs: clock.bootMs() + 10_000, members: null }
    expect(await body('/primary')).toBe(
      '{"state": "running", "postmaster_start_time": "2026-11-22 11:26:35.031618+00:00", "role": "primary", "server_version": 150020, ' +
        '"xlog": {"location": 9007199254740993}, "timeline": 1, "replication": [{"usename": "rep", "application_name": "pg\\u00e9", ' +
        '"client_addr": null, "state": "streaming", "sync_state": "async", "sync_priority": 0}], "pause": true, "cluster_unlocked": true, ' +
        '"failsafe_mode_is_active": true, "dcs_last_seen": 1795346862, "tags": {"clonefrom": true}, "database_system_identifier": "7710955613899059416", ' +
        '"pending_restart": true, "pending_restart_reason": {"work_mem": {"old_value": "4MB", "new_value": "8MB"}}, ' +
        `"patroni": {"version": "4.1.5", "scope": "demo", "name": "pg1"}, "watchdog_failed": true, ${OURS}`,
    )
  })

  it('a log that lags behind is shown as soon as it is more than any log, with what was lost', async () => {
    const { node } = running
    const shown = async (queued: number, lost: number) => {
      node.backlog = { queued, lost }
      // Another status, so that the document is not the cached one.
      node.replica()
      const { logger_queue_size, logger_records_lost } = JSON.parse(await body('/replica'))
      return [logger_queue_size, logger_records_lost]
    }
    expect(await shown(2, 7)).toEqual([undefined, undefined])
    expect(await shown(3, 0)).toEqual([3, undefined])
    expect(await shown(1000, 7)).toEqual([1000, 7])
    node.backlog = { queued: 0, lost: 0 }
  })

  it('without an answer from PostgreSQL there is no xlog and the state is unknown', async () => {
    running.node.primary().set({ server: unseen('time-out') })
    const document = JSON.parse(await body('/primary'))
    expect(Object.keys(document)).toEqual([
      'state',
      'role',
      'dcs_last_seen',
      'database_system_identifier',
      'patroni',
      'hactl',
    ])
    expect([document.state, document.role]).toEqual(['unknown', 'primary'])
  })

  it('says what is wrong with the node, in the words of its member key', async () => {
    running.node.primary().set({ problem: { id: 'no-answer', text: 'PostgreSQL does not answer' } })
    const { hactl } = JSON.parse(await body('/patroni'))
    expect(hactl).toEqual({
      version: '0.1.0',
      problem: 'PostgreSQL does not answer',
      problem_id: 'no-answer',
    })
    expect(await body('/metrics')).toContain('\nhactl_problem{scope="demo",name="pg1"} 1\n')
  })

  it('GET /patroni looks anew, and an old look does not count', async () => {
    running.node.replica()
    running.node.set({ server: seen({ ...PRIMARY_SERVER, inRecovery: true }, clock.bootMs() - 5000) })
    expect(JSON.parse(await body('/replica'))).toHaveProperty('xlog')
    expect(JSON.parse(await body('/patroni'))).not.toHaveProperty('xlog')
    running.node.onFresh = () => void running.node.replica()
    expect(JSON.parse(await body('/patroni'))).toHaveProperty('xlog.replayed_location', 67381760)
  })

  it('shows sync duty, and a change at once', async () => {
    const sync = { value: { leader: 'pg0', quorum: 1, standbys: ['pg1'] }, modRevision: revision(9) }
    running.node.replica().showCluster({ sync })
    running.node.dynamic = { ...SETTINGS, synchronousMode: 'on' }
    expect(JSON.parse(await body('/x'))).toMatchObject({ sync_standby: true })
    running.node.dynamic = { ...SETTINGS, synchronousMode: 'quorum' }
    const document = JSON.parse(await body('/x'))
    expect([document.sync_standby, document.quorum_standby]).toEqual([undefined, true])
  })

  it('asks for fresh numbers on each GET, and not for a check of the leader', async () => {
    running.node.primary()
    const before = running.node.refreshes
    await fetch(`${running.base}/primary`, { method: 'OPTIONS' })
    expect(running.node.refreshes).toBe(before)
    await body('/primary')
    expect(running.node.refreshes).toBe(before + 1)
  })
})

describe('GET /cluster and /history', () => {
  const record: MemberRecord = {
    connUrl: 'postgres://127.0.0.1:5434/postgres',
    apiUrl: 'http://127.0.0.1:8010/patroni',
    state: 'running',
    role: 'replica',
    version: '4.1.4',
    tags: {},
    extra: {},
  }
  const member = (name: string, change: Partial<MemberRecord> = {}): Member => ({
    name,
    leaseId: '1',
    modRevision: revision(5),
    record: { ...record, ...change },
  })
  const positions = {
    xlogLocation: 67108960n,
    receiveLsn: 67108960n,
    replayLsn: 67108860n,
    replicationState: 'streaming',
    timeline: 1,
  }

  it('leader, replica and member without positions', async () => {
    stored = {
      ...CLUSTER,
      status: { value: { optime: 67108960n, slots: null, retainSlots: null }, modRevision: revision(1) },
      members: [
        member('pg0', { role: 'primary', timeline: 1, replicationState: 'streaming' }),
        member('pg2', { ...positions, tags: { custom: 'x' }, connUrl: 'postgres://[::1]/postgres' }),
        member('pg3', { state: 'stopped', connUrl: null, pendingRestart: true }),
      ],
      failover: {
        value: {
          leader: 'pg0',
          candidate: null,
          scheduledAt: { text: '2030-01-01T10:00:00+00:00', wallMs: 1 },
        },
        modRevision: revision(8),
      },
    }
    const api = '"api_url": "http://127.0.0.1:8010/patroni"'
    expect(await body('/cluster')).toBe(
      `{"members": [{"name": "pg0", "role": "leader", "state": "running", ${api}, "host": "127.0.0.1", "port": 5434, "timeline": 1}, ` +
        `{"name": "pg2", "role": "replica", "state": "streaming", ${api}, "host": "::1", "port": 5432, "timeline": 1, "tags": {"custom": "x"}, ` +
        '"receive_lag": 0, "receive_lsn": "0/4000060", "replay_lag": 100, "replay_lsn": "0/3FFFFFC", "lag": 0, "lsn": "0/4000060"}, ' +
        `{"name": "pg3", "role": "replica", "state": "stopped", ${api}, "pending_restart": true, "receive_lsn": "unknown", "receive_lag": "unknown", ` +
        '"replay_lsn": "unknown", "replay_lag": "unknown", "lsn": "unknown", "lag": "unknown"}], ' +
        '"scheduled_switchover": {"at": "2030-01-01T10:00:00+00:00", "from": "pg0"}, "scope": "demo"}',
    )
  })

  it('roles in synchronous mode and in a standby cluster come from what etcd holds now', async () => {
    const sync = { value: { leader: 'pg0', quorum: 0, standbys: ['pg2'] }, modRevision: revision(9) }
    const members = [member('pg0'), member('pg2'), member('pg3')]
    const roles = async (document: { [key: string]: string | boolean | object }) => {
      stored = {
        ...CLUSTER,
        sync,
        members,
        config: { value: { valid: true, document: document as never }, modRevision: revision(2) },
      }
      const found = JSON.parse(await body('/cluster'))
      return [...found.members.map((one: { role: string }) => one.role), found.pause]
    }
    expect(await roles({ synchronous_mode: true })).toEqual(['leader', 'sync_standby', 'replica', undefined])
    expect(await roles({ synchronous_mode: 'Quorum', pause: 'on' })).toEqual([
      'leader',
      'quorum_standby',
      'replica',
      true,
    ])
    expect(await roles({ synchronous_mode: true, standby_cluster: { host: 'x' } })).toEqual([
      'standby_leader',
      'replica',
      'replica',
      undefined,
    ])
  })

  it('history from the view in memory; short lines stay short', async () => {
    expect(await body('/history')).toBe('[]')
    running.node.showCluster({
      history: {
        value: [
          { timeline: 1, lsn: 67108960n, reason: 'no recovery target specified' },
          {
            timeline: 2,
            lsn: 9007199254740993n,
            reason: 'x',
            timestamp: '2026-11-22T11:00:00+00:00',
            leader: 'pg1',
          },
        ],
        modRevision: revision(3),
      },
    })
    expect(await body('/history')).toBe(
      '[[1, 67108960, "no recovery target specified"], [2, 9007199254740993, "x", "2026-11-22T11:00:00+00:00", "pg1"]]',
    )
  })
})
