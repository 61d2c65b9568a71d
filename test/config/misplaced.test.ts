// Keys that have no effect where they stand, and keys that this version does not carry out: each is told once.

import { describe, expect, test } from 'vitest'
import { COMPLETE, configOf, errorsOf, readText, warningsOf, withMore } from './sample.ts'

describe('a key in the wrong place is told where it belongs, once', () => {
  test.each<[string, string]>([
    [
      'ttl: 30',
      'ttl: is ignored here: only the dynamic configuration decides it; ttl belongs under bootstrap.dcs',
    ],
    [
      'pause: true',
      'pause: is ignored here: only the dynamic configuration decides it; pause belongs under bootstrap.dcs',
    ],
    ['parameters: {a: 1}', 'parameters: is not read here: parameters belongs under postgresql'],
    ['pg_hba: []', 'pg_hba: is not read here: pg_hba belongs under bootstrap or postgresql'],
    ['dcs: {ttl: 1}', 'dcs: is not read here: dcs belongs under bootstrap'],
    [
      'max_connections: 5',
      'max_connections: is not read here: max_connections belongs under bootstrap.dcs.postgresql.parameters',
    ],
    ['work_mem: 5MB', 'work_mem: is not read here: work_mem belongs under postgresql.parameters'],
    ['data_dir: /x', 'data_dir: is not read here: data_dir belongs under postgresql'],
    ['use_slots: true', 'use_slots: is not read here: use_slots belongs under bootstrap.dcs.postgresql'],
    ['nmae: x', 'nmae: is not known and has no effect'],
    ['postgresql.listen: x', 'postgresql.listen: is one key with dots in it, which nothing reads'],
    ['completely_different: x', 'completely_different: is not known and has no effect'],
  ])('%s at the top', async (line, warning) => {
    const result = await readText(withMore(line))
    expect(configOf(result).name).toBe('pg1')
    expect(warningsOf(result)).toEqual([`16: ${warning}`])
  })

  test.each<[string, string, string]>([
    [
      'postgresql',
      'use_slots: false',
      'is ignored here: only the dynamic configuration decides it; use_slots belongs under bootstrap.dcs.postgresql',
    ],
    [
      'postgresql',
      'max_connections: 5',
      'is not read here: max_connections belongs under bootstrap.dcs.postgresql.parameters',
    ],
    [
      'postgresql',
      'shared_buffers: 1GB',
      'is not read here: shared_buffers belongs under postgresql.parameters',
    ],
    [
      'postgresql',
      'replication: {username: x}',
      'is not read here: replication belongs under postgresql.authentication',
    ],
    ['postgresql', 'scope: x', 'is not read here: scope belongs under the top level'],
    ['postgresql', 'lissten: x', 'is not known and has no effect'],
  ])('in %s: %s', async (section, line, message) => {
    const result = await readText(COMPLETE.replace(`${section}:\n`, `${section}:\n  ${line}\n`))
    const key = line.slice(0, line.indexOf(':'))
    expect(warningsOf(result)).toEqual([`11: ${section}.${key}: ${message}`])
  })

  test.each<[string, string]>([
    ['parameters: {a: 1}', 'parameters: is not read here: parameters belongs under bootstrap.dcs.postgresql'],
    [
      'max_connections: 5',
      'max_connections: is not read here: max_connections belongs under bootstrap.dcs.postgresql.parameters',
    ],
    ['loop_wiat: 5', 'loop_wiat: is not known and has no effect'],
    ['scope: x', 'scope: is ignored here: it is read from the local file of each node'],
    ['tags: {a: 1}', 'tags: is ignored here: it is read from the local file of each node'],
    [
      'postgresql: {listen: x}',
      'postgresql.listen: is ignored here: it is read from the local file of each node',
    ],
    [
      'postgresql: {authentication: {}}',
      'postgresql.authentication: is ignored here: it is read from the local file of each node',
    ],
  ])('in bootstrap.dcs: %s', async (line, warning) => {
    const result = await readText(COMPLETE.replace('    ttl: 30', `    ${line}`))
    expect(warningsOf(result)).toEqual([`9: bootstrap.dcs.${warning}`])
  })

  test('hints name the nearest known key', async () => {
    const hints = async (text: string) =>
      (await readText(withMore(text))).warnings.map(warning => warning.hint)
    expect(await hints('nmae: x')).toEqual(['Perhaps name is meant.'])
    expect(await hints('log: {leevl: INFO}')).toEqual(['Perhaps log.level is meant.'])
    expect(await hints('lop_wait: 10')).toEqual(['Perhaps loop_wait under bootstrap.dcs is meant.'])
  })
})

test('local parameters that only the dynamic configuration decides are dropped, with a warning each', async () => {
  const result = await readText(
    COMPLETE.replace(
      '  listen: 10.0.0.1:5432',
      '  listen: 10.0.0.1:5432\n  parameters: {Max_Connections: 500, work_mem: 8MB}',
    ),
  )
  expect(configOf(result).postgresql.parameters).toEqual({ work_mem: '8MB' })
  expect(warningsOf(result)).toEqual([
    '12: postgresql.parameters.Max_Connections: is ignored here: only the dynamic configuration decides it; Max_Connections belongs under bootstrap.dcs.postgresql.parameters',
  ])
})

describe('what this version does not carry out is said once and changes nothing else', () => {
  test('callbacks, replica methods with their sections, hooks', async () => {
    const result = await readText(`${COMPLETE}
  callbacks: {on_start: /a, on_stop: /b}
  create_replica_methods: [wal_e, basebackup]
  wal_e: {command: /c, no_params: true}
  pre_promote: /d
`)
    expect(warningsOf(result)).toEqual([
      '17: postgresql.callbacks: not supported yet by this version of hactl: the commands are not run',
      '18: postgresql.create_replica_methods: not supported yet by this version of hactl: replicas are made with pg_basebackup',
      '20: postgresql.pre_promote: not supported yet by this version of hactl: the command is not run',
    ])
  })

  test('a custom bootstrap method: this node creates no cluster, rather than an empty one', async () => {
    const result = await readText(
      COMPLETE.replace('bootstrap:', 'bootstrap:\n  method: restore\n  restore: {command: /r}'),
    )
    expect(configOf(result).bootstrap).toBeNull()
    expect(warningsOf(result)).toEqual([
      '8: bootstrap.method: not supported yet by this version of hactl: this node will not create a cluster',
    ])
  })

  test('a standby cluster: this node creates no cluster', async () => {
    const result = await readText(COMPLETE.replace('    ttl: 30', '    standby_cluster: {host: 10.1.1.1}'))
    expect(configOf(result).bootstrap).toBeNull()
    expect(warningsOf(result)).toEqual([
      '9: bootstrap.dcs.standby_cluster: not supported yet by this version of hactl: a node of this version neither creates nor leads a standby cluster',
    ])
  })

  test('citus would share one leader key among its groups, so it is refused', async () => {
    const result = await readText(withMore('citus: {group: 1, database: c}'))
    expect(errorsOf(result)).toEqual([
      '16: citus: is not supported yet by this version of hactl: the groups would share the keys of one cluster',
    ])
  })

  test('values that are the default are not worth a warning', async () => {
    const result = await readText(
      withMore(
        'watchdog: {mode: automatic}\nlog: {max_queue_size: 1000, traceback_level: ERROR}\nthread_pool_size: 5',
      ),
    )
    expect(warningsOf(result)).toEqual([])
  })
})
