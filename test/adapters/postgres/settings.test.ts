// The settings files against a real PostgreSQL 15: it starts from them, a standby streams with them, and hostile
// values arrive as values. `C..` are rows of spec/postgres.md 10.2.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Json } from '../../../src/model/cluster/cluster.ts'
import type { Upstream } from '../../../src/model/cluster/peer.ts'
import { RECOVERY_GUCS, SERVER_GUCS } from '../../../src/postgres/settings/guc-table.data.ts'
import { createSettings, type FileOwner, type WriteInput } from '../../../src/postgres/settings/settings.ts'
import { controlOf, effectiveOf, makeConfig } from '../../postgres-settings/place.ts'
import {
  commonParameters,
  describeConfig,
  findOwner,
  HBA,
  HOSTILE,
  makeServer,
  reload,
  runProgram,
  type Server,
  show,
  until,
} from '../../postgres-settings/server.ts'

let owner: FileOwner
let primary: Server
let standby: Server
const servers: Server[] = []

beforeAll(async () => {
  owner = await findOwner()
  primary = await makeServer('pg-0', owner)
  servers.push(primary)
  await runProgram(owner, 'initdb', ['-D', primary.dataDir, '-A', 'trust', '--no-sync'])
  await primary.start((await primary.write({})).commandLine)
  await primary.query("CREATE ROLE replicator REPLICATION LOGIN PASSWORD 'rep:pa''ss'")
  standby = await makeServer('pg-1', owner)
  servers.push(standby)
  const from = ['-h', primary.root, '-p', String(primary.port), '-U', 'postgres']
  await runProgram(owner, 'pg_basebackup', [...from, '-D', standby.dataDir, '-c', 'fast', '--no-sync'])
  await primary.query("SELECT pg_create_physical_replication_slot('pg_1')")
})

afterAll(async () => {
  for (const server of servers) await server.remove()
})

const upstream = (changes: Partial<Upstream> = {}): Upstream => ({
  name: 'pg-0',
  host: '127.0.0.1',
  port: primary.port,
  slot: 'pg_1',
  ...changes,
})

const compare = async (to: Upstream | null = upstream()) => {
  const view = await standby.settings.compareRecovery(standby.query, to, 150000)
  return view.known ? view.value : view
}

const compareText = async (to: Upstream) => JSON.stringify(await compare(to))

const streaming = () =>
  until(
    async () =>
      (await standby.query("SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'")).length === 1,
    standby.root,
  )

test('a primary starts from the files, and hostile texts are only texts', async () => {
  expect(await show(primary, 'hostile.value')).toBe(HOSTILE)
  expect(await show(primary, 'archive_command')).toBe('(disabled)')
  expect(await show(primary, 'work_mem')).toBe('4MB')
  expect(await show(primary, 'cluster_name')).toBe('batman')
  expect(await primary.query('SELECT name FROM pg_file_settings WHERE error IS NOT NULL')).toEqual([])
  expect(await primary.query('SELECT line_number FROM pg_hba_file_rules WHERE error IS NOT NULL')).toEqual([])
  expect(await primary.query('SELECT FROM pg_hba_file_rules')).toHaveLength(HBA.length)
})

test('a server found running follows what we want only after we wrote the files once', async () => {
  const written = await standby.write({ role: 'standby', upstream: upstream(), control: controlOf({}) })
  await standby.start(written.commandLine)
  await streaming()
  expect(await compare()).toEqual({ change: 'none', differing: [] })
  const found = createSettings({
    config: makeConfig(standby.root, { port: standby.port }),
    scope: 'batman',
    name: 'pg-1',
    clock: { bootMs: () => 0 },
    log: () => {},
  })
  expect(await found.compareRecovery(standby.query, upstream(), 150000)).toMatchObject({
    value: { change: 'reload' },
  })
})

test('C24, C33, C36: another upstream is a reload away, and then everything agrees again', async () => {
  const moved = upstream({ host: 'localhost' })
  expect(await compare(moved)).toEqual({ change: 'reload', differing: ['primary_conninfo'] })
  expect(await compare(upstream({ slot: 'other' }))).toEqual({
    change: 'reload',
    differing: ['primary_slot_name'],
  })
  expect(await compare(null)).toEqual({ change: 'reload', differing: ['primary_conninfo'] })
  await standby.write({ role: 'standby', upstream: moved, control: controlOf({}), running: true })
  await reload(standby)
  await until(async () => (await compareText(moved)) === '{"change":"none","differing":[]}', standby.root)
})

test('C02: a passfile with another password is noticed while streaming goes on', async () => {
  const to = upstream({ host: 'localhost' })
  await writeFile(join(standby.root, 'pgpass_pg-1'), `localhost:${primary.port}:*:replicator:old\n`)
  expect(await compare(to)).toEqual({ change: 'reload', differing: ['primary_conninfo'] })
  const { changed } = await standby.write({
    role: 'standby',
    upstream: to,
    control: controlOf({}),
    running: true,
  })
  expect(changed).toBe(true)
  expect(await compare(to)).toEqual({ change: 'none', differing: [] })
})

test('C27, C35: ALTER SYSTEM of a recovery setting is taken back, and noticed when it is about the upstream', async () => {
  const to = upstream({ host: 'localhost' })
  await standby.query("ALTER SYSTEM SET restore_command = 'false'")
  await reload(standby)
  expect(await compare(to)).toEqual({ change: 'none', differing: [] })
  await standby.query("ALTER SYSTEM SET primary_slot_name = 'another'")
  await reload(standby)
  await until(
    async () => (await compareText(to)) === '{"change":"reload","differing":["primary_slot_name"]}',
    standby.root,
  )
  await standby.write({ role: 'standby', upstream: to, control: controlOf({}), running: true })
  await reload(standby)
  expect(await show(standby, 'restore_command')).toBe('')
  expect(await show(standby, 'primary_slot_name')).toBe('pg_1')
  await until(async () => (await compareText(to)) === '{"change":"none","differing":[]}', standby.root)
})

test('C14, C15, C28, C31: what changes, and what waits for a restart', async () => {
  const input = (parameters: Record<string, Json>): WriteInput => ({
    effective: effectiveOf({
      parameters: { ...commonParameters(primary.root), ...parameters },
      pgHba: HBA,
    }),
    majorVersion: 150000,
    fullVersion: '15.18',
    role: 'primary',
    upstream: null,
    control: null,
    describeConfig: () => describeConfig(owner),
    running: true,
  })
  const put = async (parameters: Record<string, Json>) => {
    const changes = await primary.settings.changedParameters(primary.query, input(parameters))
    await primary.settings.write(input(parameters))
    await reload(primary)
    return [changes, await primary.settings.pendingRestart(primary.query)]
  }
  // wal_level by its old name, wal_buffers by its default, a size in another unit: all of them nothing new.
  expect(
    await put({ wal_level: 'hot_standby', wal_buffers: -1, work_mem: '4096kB', wal_keep_size: '128MB' }),
  ).toEqual([[], {}])
  const pending = { oldValue: '100', newValue: '120' }
  const slower = { name: 'work_mem', oldValue: '4MB', newValue: '8MB', restart: false }
  const [changes, waiting] = await put({
    max_connections: 120,
    work_mem: '8MB',
    hot_standby: 'on',
    'unloaded.thing': 1,
  })
  expect(changes).toEqual(
    expect.arrayContaining([
      { name: 'max_connections', ...pending, restart: true },
      slower,
      { name: 'unloaded.thing', oldValue: '', newValue: '1', restart: false },
    ]),
  )
  expect(changes).toHaveLength(3)
  expect(waiting).toEqual({ max_connections: pending })
  // back to what is in force: nothing waits any more
  expect((await put({ 'unloaded.thing': 1 }))[1]).toEqual({})
})

test('C40: a standby starts with what its primary had, and says what it holds back', async () => {
  await standby.stop()
  const control = controlOf({ maxConnections: 100 })
  const written = await standby.write({
    role: 'standby',
    upstream: upstream(),
    control,
    parameters: { max_connections: 30 },
  })
  await standby.start(written.commandLine)
  await streaming()
  expect(await show(standby, 'max_connections')).toBe('100')
  expect(await standby.settings.pendingRestart(standby.query)).toEqual({
    max_connections: { oldValue: '100', newValue: '30' },
  })
})

test('the table of parameters says what this PostgreSQL says', async () => {
  const rows = await primary.query(
    "SELECT name, vartype, unit, min_val, max_val FROM pg_settings WHERE context <> 'internal'",
  )
  const inForce = (name: string) =>
    Object.entries({ ...SERVER_GUCS, ...RECOVERY_GUCS })
      .find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1]
      .find(({ from = 0, till = 990000 }) => from <= 150018 && 150018 < till)
  const compared = rows.flatMap(row => {
    const rule = inForce(String(row.name))
    return rule === undefined ? [] : [{ row, rule }]
  })
  expect(compared.length).toBeGreaterThan(300)
  const differing = compared.flatMap(({ row, rule }) => {
    const kind = rule.kind === 'enum-or-bool' ? 'enum' : rule.kind
    if (kind !== row.vartype) return [`${String(row.name)} is ${String(row.vartype)}, not ${rule.kind}`]
    if (rule.kind !== 'integer' && rule.kind !== 'real') return []
    // Limits of real parameters are shown with six digits.
    const limits = (min: number, max: number) =>
      [min, max].map(limit => (rule.kind === 'real' ? limit.toPrecision(6) : limit))
    const ours = [...limits(rule.min, rule.max), rule.unit ?? null].join()
    const theirs = [...limits(Number(row.min_val), Number(row.max_val)), row.unit].join()
    return ours === theirs ? [] : [`${String(row.name)} is ${theirs}, not ${ours}`]
  })
  // Stricter than the server, which takes any text and then refuses it.
  expect(differing).toEqual(['recovery_target is string, not enum'])
})
