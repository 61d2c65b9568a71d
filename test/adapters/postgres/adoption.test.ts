// A PostgreSQL that hactl never wrote for: what its server reads is asked before anything is written, what would be lost is
// refused with what to set, and what changes is named.

import { execFile } from 'node:child_process'
import {
  appendFile,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { PostgresqlConfig } from '../../../src/model/settings/config.ts'
import { configure } from './configure.ts'
import { type Lab, type Node, openLab, runAs, signalIdle, until } from './postgres-harness.ts'

const run = promisify(execFile)
const BIN = '/usr/lib/postgresql/15/bin'
const SECRET = 'not-for-the-log'
let lab: Lab
let node: Node
let etc: string
let number = 0

beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

/** A server as its operator made it, with its files in a directory of its own, as on Debian. */
beforeEach(async () => {
  number += 1
  node = await lab.node(`n${number}`)
  etc = join(lab.directory, 'etc', '15', `n${number}`)
  await mkdir(etc, { recursive: true })
  await program('initdb', ['-D', node.directory, '-U', 'admin', '-A', 'trust', '--no-sync'])
  for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'])
    await rename(at(name), join(etc, name))
  const sockets = join(lab.directory, 'sockets')
  await appendFile(
    join(etc, 'postgresql.conf'),
    [
      '',
      `data_directory = '${node.directory}'`,
      `hba_file = '${etc}/pg_hba.conf'`,
      `ident_file = '${etc}/pg_ident.conf'`,
      `listen_addresses = '127.0.0.1'`,
      `unix_socket_directories = '${sockets}'`,
      `port = ${node.config.port}`,
      'max_connections = 55',
      "work_mem = '7MB'",
      '',
    ].join('\n'),
  )
})
afterEach(async () => {
  await pgCtl('stop', '-m', 'immediate').catch(() => {})
  await node.postgres.close()
})

const at = (name: string) => join(node.directory, name)
const program = (name: string, args: readonly string[]) => run(`${BIN}/${name}`, args, { ...runAs, cwd: '/' })
const pgCtl = (...args: readonly string[]) =>
  program('pg_ctl', ['-D', node.directory, '-w', '-l', join(lab.directory, 'own.log'), ...args])
const startOwn = (more = '') => pgCtl('-o', `-c config_file=${etc}/postgresql.conf ${more}`, 'start')

/** What an agent with this configuration finds. */
async function found(changes: Partial<PostgresqlConfig> = {}, pgHba: readonly string[] | null = null) {
  const agent = node.again(changes)
  const effective = { ...node.effective, pgHba, parameters: changes.parameters ?? node.config.parameters }
  const adoption = await agent.lookAtAdoption(effective)
  await agent.close()
  return adoption
}

async function refused(changes: Partial<PostgresqlConfig> = {}): Promise<string> {
  const before = await readdir(node.directory)
  const { refusals } = await found(changes)
  expect(await readdir(node.directory)).toEqual(before)
  return refusals.join('\n')
}

test('a running server whose configuration lies elsewhere: refused, with what to set, and never written over', async () => {
  await startOwn()
  const why = await refused()
  expect(why).toContain(`the running PostgreSQL reads ${etc}/postgresql.conf`)
  expect(why).toContain(`set postgresql.config_dir: ${etc}`)
  expect(why).not.toContain('hba_file')
  const written = await configure(node.postgres, node.effective, { rewriteAlways: true })
  expect(written).toMatchObject({ ok: false, why: expect.stringContaining(`config_dir: ${etc}`) })
  expect((await readdir(node.directory)).filter(name => name.startsWith('postgresql.'))).toEqual([
    'postgresql.auto.conf',
  ])
})

test('with config_dir set it is adopted: its settings stay, what the cluster decides from now on is named', async () => {
  await startOwn()
  const list = ['local all all trust', 'host all all 127.0.0.1/32 trust']
  const adoption = await found({ configDir: etc }, list)
  expect(adoption.refusals).toEqual([])
  expect(adoption.warnings).toEqual([
    expect.stringContaining('max_connections (was 55, will be 100)'),
    `${etc}/pg_hba.conf is replaced by the list in the configuration, and kept as ${etc}/pg_hba.conf.found`,
  ])
  const own = await readFile(join(etc, 'pg_hba.conf'), 'utf8')
  const agent = node.again({ configDir: etc })
  expect(await configure(agent, { ...node.effective, pgHba: list }, { rewriteAlways: true })).toEqual({
    ok: true,
  })
  expect(await readFile(join(etc, 'postgresql.base.conf'), 'utf8')).toContain("work_mem = '7MB'")
  expect(await readFile(join(etc, 'pg_hba.conf.found'), 'utf8')).toBe(own)
  // From now on it is hactl's, and asked no more.
  expect(await found({ configDir: etc }, list)).toEqual(await found({ configDir: etc }))
  expect((await found()).refusals.join()).toContain('config_dir')
  await agent.close()
})

test('stopped: the arguments of its last start say where its file is', async () => {
  await startOwn()
  await pgCtl('stop', '-m', 'fast')
  // pg_ctl waits for the end of its pid file; the process ends a moment later.
  await until('it is stopped', async () => !(await refused()).includes('the running PostgreSQL'))
  expect(await refused()).toContain(`last started with ${etc}/postgresql.conf`)
  const start = { as: 'primary', upstream: null, timeoutMs: 20_000 } as const
  const started = await node.postgres.start(start, signalIdle())
  expect(started).toMatchObject({ ok: false, why: expect.stringContaining('config_dir') })
  expect((await found({ configDir: etc })).refusals).toEqual([])
})

test("stopped and without a trace: Debian's own directory is searched", async () => {
  process.env.PG_CLUSTER_CONF_ROOT = join(lab.directory, 'etc')
  expect(await refused()).toContain(
    `there is no ${at('postgresql.conf')}, and its settings would be lost: set postgresql.config_dir: ${etc}`,
  )
  process.env.PG_CLUSTER_CONF_ROOT = join(lab.directory, 'nowhere')
  expect(await refused()).toContain('set postgresql.config_dir: to the directory of')
  delete process.env.PG_CLUSTER_CONF_ROOT
  // What was kept by a former hactl or Patroni is as good.
  await writeFile(at('postgresql.base.conf.backup'), '')
  expect((await found()).refusals.join()).not.toContain('config_dir')
})

test('another name of the file, and access files elsewhere', async () => {
  await rename(join(etc, 'postgresql.conf'), join(etc, 'main.conf'))
  await mkdir(join(etc, 'access'))
  await rename(join(etc, 'pg_hba.conf'), join(etc, 'access/hba.conf'))
  await appendFile(join(etc, 'main.conf'), `hba_file = '${etc}/access/hba.conf'\n`)
  await pgCtl('-o', `-c config_file=${etc}/main.conf`, 'start')
  expect(await refused({ configDir: etc })).toContain('config_base_name: main')
  const named = { configDir: etc, configBaseName: 'main' }
  expect(await refused(named)).toContain(`set postgresql.parameters.hba_file: ${etc}/access/hba.conf`)
  const parameters = { ...node.config.parameters, HBA_file: 'access/hba.conf' }
  expect((await found({ ...named, parameters })).refusals).toEqual([])
})

test('a server that lets nobody in is known by its command line and its files', async () => {
  await writeFile(join(etc, 'pg_hba.conf'), 'local all all reject\n')
  await pgCtl('-o', `--config-file=${etc}/postgresql.conf`, 'start').catch(() => {})
  expect(await refused()).toContain(`set postgresql.config_dir: ${etc}`)
  expect((await found({ configDir: etc })).refusals).toEqual([])
})

test('what the server was given on its command line would be lost, unless it is in the configuration or decided there', async () => {
  await startOwn('-c shared_preload_libraries=auto_explain -c work_mem=7MB -N 60 -S 9MB')
  const why = await refused({ configDir: etc })
  expect(why).toContain('was given shared_preload_libraries, work_mem on its command line')
  expect(why).toContain('postgresql.parameters.shared_preload_libraries')
  const parameters = { ...node.config.parameters, shared_preload_libraries: 'auto_explain', work_mem: '9MB' }
  const adoption = await found({ configDir: etc, parameters })
  expect(adoption.refusals).toEqual([])
  expect(adoption.warnings.join()).toContain('max_connections (was 60, will be 100)')
})

test('a configuration directory that was taken for the data directory', async () => {
  const why = (await found({ dataDir: etc, configDir: etc })).refusals.join()
  expect(why).toContain(`set postgresql.data_dir: ${node.directory} and postgresql.config_dir: ${etc}`)
})

test('custom_conf names the file that the server reads: nothing is lost but its access files', async () => {
  await startOwn()
  const customConf = join(etc, 'postgresql.conf')
  const parameters = {
    ...node.config.parameters,
    hba_file: join(etc, 'pg_hba.conf'),
    ident_file: join(etc, 'pg_ident.conf'),
  }
  expect(await refused({ customConf })).toContain('hba_file')
  expect((await found({ customConf, parameters })).refusals).toEqual([])
})

test('files of hactl that the running server does not read are named, not refused', async () => {
  for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'])
    await copyFile(join(etc, name), at(name))
  await writeFile(at('postgresql.base.conf'), '')
  await startOwn()
  expect(await found()).toMatchObject({
    refusals: [],
    warnings: [expect.stringContaining(`the running PostgreSQL reads ${etc}/postgresql.conf`)],
  })
  await unlink(at('postgresql.base.conf'))
  expect((await found()).refusals).toHaveLength(1)
})

test('what ALTER SYSTEM set for recovery is named when it is taken out, its values are kept, not said', async () => {
  await startOwn()
  await writeFile(
    at('postgresql.auto.conf'),
    [
      `primary_conninfo = 'host=x password=${SECRET}'`,
      `restore_command = 'fetch ${SECRET} %f %p'`,
      "recovery_min_apply_delay = '5min'",
      "archive_cleanup_command = 'true'",
      "work_mem = '3MB'",
      'max_connections = 77',
      "temp_buffers = '16MB'",
      '',
    ].join('\n'),
  )
  const agent = node.again({ configDir: etc })
  const recoveryConf = { Archive_cleanup_command: 'true' }
  const parameters = { ...node.config.parameters, work_mem: '4MB', temp_buffers: '16384kB' }
  const written = await configure(
    agent,
    { ...node.effective, parameters, recoveryConf },
    { rewriteAlways: true },
  )
  expect(written).toEqual({ ok: true })
  expect((await readFile(at('postgresql.auto.conf'), 'utf8')).split('\n')).toEqual([
    "work_mem = '3MB'",
    'max_connections = 77',
    "temp_buffers = '16MB'",
    '',
  ])
  const kept = await readFile(at('postgresql.auto.conf.found'), 'utf8')
  expect(kept).toContain(`restore_command = 'fetch ${SECRET} %f %p'`)
  expect(kept).not.toContain('primary_conninfo')
  const said = node.messages.filter(message => message.includes('ALTER SYSTEM'))
  expect(said).toEqual([
    expect.stringMatching(/max_connections has no effect/),
    expect.stringMatching(/^warning work_mem of ALTER SYSTEM .* wins over the configuration/),
    expect.stringMatching(
      /^warning (recovery_min_apply_delay, restore_command|restore_command, recovery_min_apply_delay) of ALTER SYSTEM: taken out .*postgresql\.recovery_conf/,
    ),
  ])
  expect(node.messages.join()).not.toContain(SECRET)
  await agent.close()
})

test('a directory that cannot be judged is not written to, and its agent is not kept away', async () => {
  await symlink('postgresql.conf', at('postgresql.conf'))
  expect(await found()).toMatchObject({ refusals: [], unseen: expect.stringContaining('ELOOP') })
  const written = await configure(node.postgres, node.effective, { rewriteAlways: true })
  expect(written).toMatchObject({ ok: false, why: expect.stringContaining('ELOOP') })
})
