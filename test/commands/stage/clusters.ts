// Keys of clusters as agents write them: a healthy one, a paused synchronous one with everything that a listing can
// show, and one that has just begun.

import type { Stage } from './stage.ts'

export async function writeDemo(stage: Stage): Promise<void> {
  await stage.put('demo/initialize', '7710955613899059416')
  await stage.put('demo/leader', 'pg0')
  await stage.put('demo/config', {
    ttl: 30,
    loop_wait: 10,
    retry_timeout: 10,
    maximum_lag_on_failover: 1048576,
    postgresql: {
      parameters: { max_connections: 150 },
      pg_hba: ['host all all 0.0.0.0/0 md5'],
      use_slots: true,
    },
  })
  await stage.put('demo/status', { optime: 67109888, slots: { pg1: 67108960 } })
  await stage.put('demo/history', [
    [1, 67109000, 'no recovery target specified', '2026-11-22T11:35:16.446110+00:00', 'pg1'],
    [2, 83886080, 'no recovery target specified'],
  ])
  await stage.put('demo/hactl/history', [
    {
      ...{ timeline: 1, cause: 'switchover', by: 'hactl on db1 through pg0', from: 'pg0', to: 'pg1' },
      ...{ at: '2026-11-22T11:35:16.446Z', leaderless_ms: 812, lost_bytes: 0 },
    },
    'not a note',
  ])
  const running = { state: 'running', version: '4.1.5', timeline: 3 }
  await stage.put('demo/members/pg0', {
    ...{ conn_url: 'postgres://127.0.0.1:5432/postgres', api_url: 'http://127.0.0.1:1/patroni', ...running },
    ...{ role: 'primary', xlog_location: 67109888 },
  })
  await stage.put('demo/members/pg1', {
    ...{ conn_url: 'postgres://127.0.0.1:5433/postgres', api_url: 'http://127.0.0.1:1/patroni', ...running },
    ...{ role: 'replica', xlog_location: 67108960, replay_lsn: 67108960, receive_lsn: 67108960 },
    replication_state: 'streaming',
  })
  await stage.put('demo/members/pg2', {
    ...{ conn_url: 'postgres://127.0.0.1:5434/postgres', api_url: 'http://127.0.0.1:1/patroni', ...running },
    ...{ role: 'replica', xlog_location: 50331648, replay_lsn: 50331648, receive_lsn: 50331648 },
    ...{ replication_state: 'streaming', tags: { clonefrom: true, custom: 'x', nofailover: true } },
  })
}

export async function writeTwo(stage: Stage): Promise<void> {
  await stage.put('two/initialize', '7710955613899059417')
  await stage.put('two/leader', 'b1')
  await stage.put('two/config', { ttl: 30, pause: true, synchronous_mode: true })
  await stage.put('two/sync', { leader: 'b1', quorum: 0, sync_standby: 'b2' })
  await stage.put('two/status', { optime: 67109888 })
  await stage.put('two/failover', { leader: 'b1', member: 'b2', scheduled_at: '2030-01-01T10:00:00+00:00' })
  const at = (host: string) => ({
    conn_url: `postgres://${host}:5432/postgres`,
    api_url: `http://${host}:8008/patroni`,
  })
  await stage.put('two/members/b1', {
    ...{
      ...at('10.0.0.1'),
      state: 'running',
      role: 'primary',
      version: '4.1.5',
      xlog_location: 67109888,
      timeline: 1,
    },
    pending_restart: true,
    pending_restart_reason: {
      max_connections: { old_value: '100', new_value: '200' },
      shared_preload_libraries: {
        old_value: '',
        new_value: 'pg_stat_statements,auto_explain,pg_cron,timescaledb',
      },
    },
  })
  await stage.put('two/members/b2', {
    ...{
      ...at('10.0.0.2'),
      state: 'running',
      role: 'replica',
      version: '4.1.5',
      xlog_location: 67109888,
      timeline: 1,
    },
    ...{ replay_lsn: 67109888, receive_lsn: 67109888, replication_state: 'streaming' },
    scheduled_restart: { schedule: '2030-01-01T10:00:00+00:00', postgres_version: '16.0', role: 'replica' },
  })
  await stage.put('two/members/b3', {
    ...at('10.0.0.3'),
    state: 'stopped',
    role: 'replica',
    version: '4.1.5',
  })
  await stage.put('two/members/b4', {
    ...{
      ...at('10.0.0.4'),
      state: 'running',
      role: 'replica',
      version: '2.1.0',
      xlog_location: 33554432,
      timeline: 1,
    },
    tags: { replicatefrom: 'b2' },
  })
}

/** What members say of themselves that is wrong, in words of hactl's agents. */
export async function writeSick(stage: Stage): Promise<void> {
  await stage.put('sick/initialize', '7710955613899059418')
  await stage.put('sick/leader', 'c1')
  await stage.put('sick/config', { ttl: 30 })
  await stage.put('sick/status', { optime: 67109888 })
  const member = (name: string, fields: Readonly<Record<string, unknown>>, hactl: unknown) => {
    const host = `10.0.0.${name.slice(1)}`
    const urls = { conn_url: `postgres://${host}:5432/postgres`, api_url: `http://${host}:8008/patroni` }
    return stage.put(`sick/members/${name}`, { ...urls, role: 'replica', version: '4.1.5', ...fields, hactl })
  }
  const version = '0.1.0'
  await member(
    'c1',
    { state: 'running', role: 'primary', xlog_location: 67109888, timeline: 1 },
    {
      version,
      problem: 'PostgreSQL runs, but has not answered for more than 10 s',
      problem_id: 'no-answer',
    },
  )
  await member(
    'c2',
    { state: 'running', xlog_location: 67109888, replay_lsn: 67109888, timeline: 1 },
    {
      version,
      problem: 'PostgreSQL runs, but lets no session in: could not write init file: No space left on device',
      problem_id: 'no-access',
    },
  )
  await member(
    'c3',
    { state: 'start failed' },
    { version, problem: 'start failed 3 times: FATAL: no', problem_id: 'work-failed' },
  )
  await member(
    'c4',
    { state: 'running', xlog_location: 67109888, timeline: 1 },
    { version, warnings: ['open-api'] },
  )
}

/** Two members are gone: of one the leader says more, of the other only the slot is known. */
export async function writeLost(stage: Stage): Promise<void> {
  await stage.put('lost/initialize', '7710955613899059419')
  await stage.put('lost/leader', 'd1')
  await stage.put('lost/config', { ttl: 30 })
  const slots = { d1: 67109888, d_2: 67108960, d3: 67108960 }
  await stage.put('lost/status', { optime: 67109888, slots, retain_slots: ['d1', 'd_2', 'd3'] })
  const gone = [
    { slot: 'd_2', name: 'd-2', since: '2026-11-29T17:13:50Z', until: '2026-11-29T17:43:50Z' },
    { slot: 5 },
    { slot: 'stray', name: 'stray', since: 'yesterday' },
  ]
  await stage.put('lost/members/d1', {
    ...{ conn_url: 'postgres://10.0.0.1:5432/postgres', api_url: 'http://10.0.0.1:8008/patroni' },
    ...{ state: 'running', role: 'primary', version: '4.1.5', xlog_location: 67109888, timeline: 1 },
    hactl: { version: '0.1.0', gone },
  })
}

export async function writeNew(stage: Stage): Promise<void> {
  await stage.put('new/initialize', '')
  await stage.put('new/members/n1', {
    ...{ conn_url: 'postgres://[::1]:5433/postgres', api_url: 'http://[::1]:8009/patroni' },
    ...{ state: 'initializing new cluster', role: 'replica', version: '4.1.5' },
    tags: {
      a: 'on',
      b: [1, 2, { c: 'x: y' }],
      f: 1.5,
      h: '#x',
      n: null,
      q: "it's",
      s: 'a, b',
      t: '2020-01-01',
    },
  })
}
