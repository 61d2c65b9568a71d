// What PostgreSQL gets from both configurations: the precedence of spec/interfaces.md 3.1.

import { expect, test } from 'vitest'
import { effectivePostgresql } from '../../src/config/effective.ts'
import type { Json, JsonObject } from '../../src/model/cluster/cluster.ts'
import type { EffectivePostgresql } from '../../src/model/settings/config.ts'
import { COMPLETE, configOf, readText } from './sample.ts'

const DEFAULT_PARAMETERS = {
  wal_level: 'replica',
  hot_standby: 'on',
  max_connections: 100,
  max_wal_senders: 10,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
  track_commit_timestamp: 'off',
  max_replication_slots: 10,
  max_worker_processes: 8,
  wal_log_hints: 'on',
}

/** `local` is added to the postgresql section of the file, `dynamic` is that of the document. */
async function effective(
  local: string,
  dynamic: Json,
  role: 'primary' | 'replica' = 'primary',
): Promise<EffectivePostgresql> {
  const config = configOf(await readText(COMPLETE + local.replaceAll(/^/gm, '  ')))
  return effectivePostgresql(config, { postgresql: dynamic }, role)
}

test('with nothing configured', async () => {
  expect(await effective('', {})).toEqual({
    parameters: DEFAULT_PARAMETERS,
    pgHba: null,
    pgIdent: null,
    recoveryConf: {},
    useSlots: true,
    useRewind: false,
    removeDataDirectoryOnRewindFailure: false,
    removeDataDirectoryOnDivergedTimelines: false,
    pgCtlTimeoutMs: 60_000,
    basebackup: [],
    rewindOptions: [],
  })
})

test.each<[what: string, local: string, dynamic: JsonObject, expected: Partial<EffectivePostgresql>]>([
  [
    'a dynamic value',
    '',
    { use_pg_rewind: true, pg_ctl_timeout: 90 },
    { useRewind: true, pgCtlTimeoutMs: 90_000 },
  ],
  [
    'a local value wins, also when it is the default',
    'use_pg_rewind: false',
    { use_pg_rewind: true },
    { useRewind: false },
  ],
  [
    'a local list replaces the dynamic one',
    'pg_hba: [local all all trust]',
    { pg_hba: ['a', 'b'] },
    { pgHba: ['local all all trust'] },
  ],
  ['the dynamic list', '', { pg_hba: ['a', 'b'], pg_ident: ['c'] }, { pgHba: ['a', 'b'], pgIdent: ['c'] }],
  [
    'a local mapping replaces the dynamic one',
    'recovery_conf: {a: 1}',
    { recovery_conf: { b: 2 } },
    { recoveryConf: { a: 1 } },
  ],
  ['use_slots is dynamic only', 'use_slots: true', { use_slots: false }, { useSlots: false }],
  [
    'options in both notations',
    'basebackup: [verbose, {max-rate: 100M}]',
    { rewind: { debug: true, x: 'y', off: false } },
    {
      basebackup: [
        { name: 'verbose', value: null },
        { name: 'max-rate', value: '100M' },
      ],
      rewindOptions: [
        { name: 'debug', value: null },
        { name: 'x', value: 'y' },
      ],
    },
  ],
  [
    'options that are ours are left out',
    '',
    { basebackup: ['pgdata', 'verbose'] },
    { basebackup: [{ name: 'verbose', value: null }] },
  ],
  [
    'a quoted option',
    '',
    { basebackup: [{ label: "'my label'" }] },
    { basebackup: [{ name: 'label', value: 'my label' }] },
  ],
  [
    'what cannot be read counts as absent',
    '',
    { pg_hba: 'x', use_slots: [], pg_ctl_timeout: 'x' },
    { pgHba: null, useSlots: true, pgCtlTimeoutMs: 60_000 },
  ],
  [
    'an explicit null counts as absent',
    'pg_hba:',
    { pg_hba: ['a'], use_pg_rewind: null },
    { pgHba: ['a'], useRewind: false },
  ],
])('%s', async (_what, local, dynamic, expected) => {
  expect(await effective(local, dynamic)).toMatchObject(expected)
})

test.each<[what: string, local: string, dynamic: JsonObject, expected: JsonObject]>([
  [
    'defaults, then dynamic, then local',
    'parameters: {work_mem: 2MB}',
    { work_mem: '1MB', max_connections: 50, a: 1 },
    { work_mem: '2MB', max_connections: 50, a: 1 },
  ],
  [
    'local values of controlled parameters are dropped',
    'parameters: {max_connections: 50, WAL_LEVEL: logical}',
    {},
    {},
  ],
  [
    'bad values of controlled parameters become the default',
    '',
    {
      max_connections: 24,
      max_wal_senders: 'x',
      wal_level: 'minimal',
      hot_standby: 'off',
      wal_log_hints: 'maybe',
    },
    {},
  ],
  [
    'good values',
    '',
    { max_connections: '500', max_prepared_transactions: 0, wal_level: 'logical', wal_log_hints: false },
    { max_connections: 500, wal_level: 'logical', wal_log_hints: false },
  ],
  ['hot_standby is replica', '', { wal_level: 'hot_standby' }, { wal_level: 'replica' }],
  ['wal_keep_size has no default here, and a limit', '', { wal_keep_size: '1GB' }, { wal_keep_size: '1GB' }],
  ['wal_keep_size 0 is what PostgreSQL takes', '', { wal_keep_size: 0 }, { wal_keep_size: 0 }],
  ['a negative wal_keep_size is dropped', '', { wal_keep_size: '-8MB', wal_keep_segments: -1 }, {}],
  [
    'addresses, port and cluster_name are ours',
    'parameters: {port: 1}',
    { listen_addresses: '*', PORT: 2, cluster_name: 'x' },
    {},
  ],
  ['a null is no parameter', 'parameters: {a: null, b: 1}', { a: 5, c: null }, { a: 5, b: 1 }],
])('parameters: %s', async (_what, local, dynamic, expected) => {
  expect((await effective(local, { parameters: dynamic })).parameters).toEqual({
    ...DEFAULT_PARAMETERS,
    ...expected,
  })
})

test('names of parameters are case-insensitive, the later spelling stays', async () => {
  const { parameters } = await effective('parameters: {TimeZone: UTC}', {
    parameters: { timezone: 'Europe/Oslo' },
  })
  expect(parameters).toEqual({ ...DEFAULT_PARAMETERS, TimeZone: 'UTC' })
})

test('the overlay of the role comes last, except for controlled parameters', async () => {
  const local =
    'parameters: {a: 1, b: 1}\nparameters_replica: {b: 2, max_connections: 5}\npg_hba: [one]\npg_hba_replica: [two]'
  const dynamic = { parameters_primary: { a: 9 }, pg_ident_primary: ['three'] }
  const primary = await effective(local, dynamic, 'primary')
  const replica = await effective(local, dynamic, 'replica')
  expect(primary).toMatchObject({
    parameters: { a: 9, b: 1, max_connections: 100 },
    pgHba: ['one'],
    pgIdent: ['three'],
  })
  expect(replica).toMatchObject({
    parameters: { a: 1, b: 2, max_connections: 100 },
    pgHba: ['two'],
    pgIdent: null,
  })
})

test('whoever writes the document chooses commands and who may log in, but no program, directory, address or account', async () => {
  const document = {
    parameters: { archive_command: 'theirs', listen_addresses: 'theirs', port: 1 },
    recovery_conf: { restore_command: 'theirs' },
    pg_hba: ['host all all all trust'],
    ...{ bin_dir: '/not', bin_name: { postgres: 'not' }, data_dir: '/not', pgpass: '/not', listen: 'not:1' },
    ...{ callbacks: { on_start: 'not' }, pre_promote: 'not', create_replica_methods: ['not'] },
    authentication: { superuser: { username: 'not', password: 'not' } },
  }
  const open = await effective('', document)
  expect(open).toMatchObject({
    parameters: { archive_command: 'theirs' },
    recoveryConf: { restore_command: 'theirs' },
    pgHba: ['host all all all trust'],
  })
  expect(open.parameters).not.toHaveProperty('listen_addresses')
  expect(open.parameters).not.toHaveProperty('port')
  expect(JSON.stringify(open)).not.toContain('not')
  const file =
    'parameters: {archive_command: ours}\nrecovery_conf: {restore_command: ours}\npg_hba: [local all all peer]\n'
  expect(await effective(file, document)).toMatchObject({
    parameters: { archive_command: 'ours' },
    recoveryConf: { restore_command: 'ours' },
    pgHba: ['local all all peer'],
  })
})
