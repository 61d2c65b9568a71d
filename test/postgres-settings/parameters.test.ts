// Which parameters are written, and what becomes of values that PostgreSQL would not accept. `C..` are the rows of
// spec/postgres.md 10.2.

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Json } from '../../src/model/cluster/cluster.ts'
import type { WriteInput } from '../../src/postgres/settings/settings.ts'
import { controlOf, effectiveOf, LEADER, makePlace, type Place } from './place.ts'

let place: Place
beforeEach(async () => {
  place = await makePlace()
})
afterEach(() => place.remove())

/** What stands in the file for `name`; null when it does not. */
async function written(name: string, parameters: Record<string, Json>, more: Partial<WriteInput> = {}) {
  await place.write({ effective: effectiveOf({ parameters }), ...more })
  const line = (await place.conf()).find(text => text.startsWith(`${name} = `))
  return line === undefined ? null : line.slice(name.length + 3)
}

test.each<[string, Json, string]>([
  ['max_connections', 101, "'101'"],
  // C18: integers given as texts
  ['max_connections', '101', "'101'"],
  ['max_connections', ' 0x65 ', "'101'"],
  ['max_connections', 24, "'100'"],
  ['max_connections', 'many', "'100'"],
  ['max_connections', [], "'100'"],
  ['max_connections', null, "'100'"],
  ['max_wal_senders', 2, "'10'"],
  ['max_prepared_transactions', 0, "'0'"],
  ['max_prepared_transactions', '0', "'0'"],
  ['max_locks_per_transaction', 31, "'64'"],
  ['max_replication_slots', 4, "'4'"],
  ['max_worker_processes', 1, "'8'"],
  ['track_commit_timestamp', true, "'on'"],
  ['track_commit_timestamp', 'maybe', "'off'"],
  ['wal_log_hints', 'off', "'off'"],
  // C43: the old name is the same level
  ['wal_level', 'hot_standby', "'replica'"],
  ['wal_level', 'LOGICAL', "'logical'"],
  ['wal_level', 'minimal', "'replica'"],
  ['hot_standby', false, "'on'"],
  ['cluster_name', 'other', "'batman'"],
  ['listen_addresses', '*', "'127.0.0.1'"],
  ['port', 1, "'54402'"],
])('controlled parameter %s: %j is written as %s', async (name, value, expected) => {
  expect(await written(name, { [name]: value })).toBe(expected)
})

test('a refused controlled value is said once, not at every writing', async () => {
  await written('max_connections', { max_connections: 1 })
  await written('max_connections', { max_connections: 1 })
  expect(place.log).toEqual(['warning: parameter max_connections=1 is not valid, the default 100 is used'])
})

test('C20: brackets around IPv6 addresses are taken off', async () => {
  await place.remove()
  place = await makePlace({ listenAddresses: '127.0.0.1,[::1],[fe80::1]' })
  expect(await written('listen_addresses', {})).toBe("'127.0.0.1,::1,fe80::1'")
})

test.each<[string, Record<string, Json>, number, string, string | null]>([
  ['C16', { wal_keep_size: '1GB' }, 150000, 'wal_keep_size', "'1GB'"],
  ['C16, a bare number', { wal_keep_size: 200 }, 150000, 'wal_keep_size', "'200'"],
  ['less than a segment', { wal_keep_size: '15MB' }, 150000, 'wal_keep_size', "'15MB'"],
  ['none', { wal_keep_size: 0 }, 150000, 'wal_keep_size', "'0'"],
  ['too small', { wal_keep_size: '-1MB' }, 150000, 'wal_keep_size', "'128MB'"],
  ['C21', { wal_keep_segments: '100' }, 150000, 'wal_keep_size', "'1600MB'"],
  ['C25 on 13', { wal_keep_segments: 10 }, 130000, 'wal_keep_segments', null],
  ['C25 on 12', { wal_keep_size: '100MB' }, 120000, 'wal_keep_segments', "'6'"],
  ['C25 on 12', { wal_keep_size: '100MB' }, 120000, 'wal_keep_size', null],
  ['nothing set on 12', {}, 120000, 'wal_keep_segments', "'8'"],
])('WAL to keep, %s', async (_row, parameters, majorVersion, name, expected) => {
  const fullVersion = String(majorVersion / 10000)
  expect(await written(name, parameters, { majorVersion, fullVersion })).toBe(expected)
})

test.each<[string, Json, string | null]>([
  // types
  ['shared_buffers', '128MB', "'128MB'"],
  ['shared_buffers', 'a lot', null],
  ['work_mem', '1kB', "'64'"],
  ['work_mem', '9999TB', "'2147483647'"],
  ['random_page_cost', 1.1, "'1.1'"],
  ['random_page_cost', -1, "'0'"],
  ['checkpoint_completion_target', 2, "'1'"],
  ['log_file_mode', '0640', "'0640'"],
  ['autovacuum', true, "'on'"],
  ['autovacuum', 'sometimes', null],
  ['archive_mode', 'always', "'always'"],
  ['archive_mode', true, "'on'"],
  ['log_statement', 'DDL', "'DDL'"],
  ['log_statement', 'some', null],
  ['log_statement', true, null],
  ['statement_timeout', '5min', "'5min'"],
  ['ssl_max_protocol_version', '', "''"],
  // C08, C10: known to the program only; unknown to both
  ['debug_deadlocks', 'on', "'on'"],
  ['no_such_parameter', 1, null],
  // since 17, and gone in 15
  ['summarize_wal', true, null],
  ['stats_temp_directory', 'x', null],
  // extensions are not checked
  ['pg_stat_statements.max', 5000, "'5000'"],
  // neither text, number nor boolean; taken back
  ['work_mem', { a: 1 }, null],
  ['work_mem', null, null],
  // the directory that we guard
  ['data_directory', '/elsewhere', null],
  ['config_file', '/elsewhere', null],
])('parameter %s: %j is written as %s', async (name, value, expected) => {
  expect(await written(name, { [name]: value })).toBe(expected)
})

test('C12: a parameter that came with a minor release is known by the full version', async () => {
  const at = (fullVersion: string) =>
    written(
      'allow_in_place_tablespaces',
      { allow_in_place_tablespaces: 'on' },
      { majorVersion: 140000, fullVersion },
    )
  expect(await at('14.4')).toBeNull()
  expect(await at('14.5')).toBe("'on'")
})

test('C12: a program of another major version says nothing about the data directory', async () => {
  const parameters = { summarize_wal: 'on' }
  expect(await written('summarize_wal', parameters, { majorVersion: 150000, fullVersion: '17.2' })).toBeNull()
  expect(await written('summarize_wal', parameters, { majorVersion: 170000, fullVersion: '17.2' })).toBe(
    "'on'",
  )
})

test('when the program cannot be asked, unknown names are left out and the rest is written', async () => {
  const describeConfig = async () => {
    throw new Error('no such program')
  }
  const parameters = { debug_deadlocks: 'on', work_mem: '1MB' }
  expect(await written('work_mem', parameters, { describeConfig })).toBe("'1MB'")
  expect(await written('debug_deadlocks', parameters, { describeConfig })).toBeNull()
  expect(place.log.join()).toContain('no such program')
})

test('C11: synchronous_standby_names passes through', async () => {
  expect(await written('synchronous_standby_names', { synchronous_standby_names: 'ANY 1 (a, "b-c")' })).toBe(
    `'ANY 1 (a, "b-c")'`,
  )
})

test('C41: names differ in case only: one parameter, the last spelling', async () => {
  await place.write({
    effective: effectiveOf({ parameters: { timezone: 'UTC', TimeZone: 'Europe/Berlin' } }),
  })
  const lines = (await place.conf()).filter(line => /timezone/i.test(line))
  expect(lines).toEqual(["TimeZone = 'Europe/Berlin'"])
})

test('hba_file and ident_file of the operator: absolute, and the files are not ours', async () => {
  const parameters = { hba_file: 'conf/hba', ident_file: '/etc/ident' }
  await place.write({
    effective: effectiveOf({ parameters, pgHba: ['local all all trust'], pgIdent: ['a b c'] }),
  })
  const lines = (await place.conf()).filter(line => /_file =/.test(line))
  expect(lines).toEqual([`hba_file = '${place.config.dataDir}/conf/hba'`, "ident_file = '/etc/ident'"])
  await expect(place.read('pg_hba.conf')).rejects.toThrow('ENOENT')
  await expect(place.read('pg_ident.conf')).rejects.toThrow('ENOENT')
})

test('C40: on a standby the larger of configuration and control file wins, and waits for a restart', async () => {
  const input: Partial<WriteInput> = {
    effective: effectiveOf({ parameters: { max_connections: 40, max_worker_processes: 20 } }),
    control: controlOf({ maxConnections: 50, maxWalSenders: null }),
    upstream: LEADER,
  }
  const standby = await place.write({ ...input, role: 'standby' })
  expect(standby.commandLine).toEqual(
    expect.arrayContaining(['--max_connections=50', '--max_worker_processes=20', '--max_wal_senders=10']),
  )
  expect(standby.pendingRestart).toEqual({ max_connections: { oldValue: '50', newValue: '40' } })
  expect(place.log.join()).toContain('max_wal_senders')
  const primary = await place.write({ ...input, role: 'primary' })
  expect(primary.commandLine).toContain('--max_connections=40')
  expect(primary.pendingRestart).toEqual({})
})

test.each([
  [0, 'not known'],
  [90600, 'not supported'],
])('nothing is written while the version is %i', async (majorVersion, why) => {
  await expect(place.write({ majorVersion })).rejects.toMatchObject({
    reason: 'refused',
    message: expect.stringContaining(why),
  })
  expect(await place.conf()).toEqual(["# the operator's own", ''])
})
