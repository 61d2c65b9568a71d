// Configurations that hactl writes itself: a sample, and that of a PostgreSQL that runs, in Debian's layout and in the plain one.
// Both are accepted by hactl and by Patroni, and hold no password that was not given.

import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleConfig } from '../../src/setup/sample.ts'
import { freePort } from '../adapters/free-port.ts'
import { fetchPatroni, type Patroni, patroniEnvironment } from '../cluster/harness/patroni.ts'
import { run, tryRun } from '../cluster/harness/run.ts'
import { postgresBin } from '../cluster/harness/servers.ts'
import { asPostgres, postgresUser } from '../cluster/harness/stage.ts'
import { memoryDirectory } from '../memory-directory.ts'

const ENTRY = join(import.meta.dirname, '..', '..', 'bin', 'run.js')
let home = ''
let patroni: Patroni
let etcd: Server
let etcdPort = 0

beforeAll(async () => {
  home = await memoryDirectory('hactl-generate-')
  const { uid, gid } = await postgresUser()
  await run(['chown', `${uid}:${gid}`, home])
  patroni = await fetchPatroni()
  etcdPort = await freePort()
  etcd = createServer(socket => socket.destroy()).listen(etcdPort, '127.0.0.1')
}, 120_000)
afterAll(async () => {
  etcd.close()
  await rm(home, { recursive: true, force: true })
})

/** As the user postgres, in an environment of its own. */
function agent(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const variables = Object.entries({ HOME: home, ...env }).map(([name, value]) => `${name}=${value}`)
  return tryRun([...asPostgres, 'env', ...variables, process.execPath, ENTRY, 'agent', ...args], {
    limitMs: 60_000,
  })
}

/** Both programs find nothing wrong in the file, beside what is running. */
async function expectAccepted(file: string): Promise<string> {
  const own = await agent(['--validate-config', '--ignore-listen-port', file])
  expect([own.code, own.stdout], own.stderr).toEqual([0, ''])
  const command = ['/usr/bin/python3', '-m', 'patroni', '--validate-config', '-i', file]
  const theirs = await tryRun([...asPostgres, 'env', `HOME=${home}`, ...envOf(patroni), ...command])
  expect([theirs.code, theirs.stderr]).toEqual([0, ''])
  return own.stderr
}

const envOf = (of: Patroni) =>
  Object.entries(patroniEnvironment(of)).map(([name, value]) => `${name}=${value}`)

test('the sample, to the letter', async () => {
  const place = { name: 'db1', address: '10.0.0.11', binDir: '/usr/lib/postgresql/15/bin' }
  const env = {
    PATRONI_SCOPE: 'shop',
    PATRONI_ETCD3_HOSTS: '10.0.0.21,10.0.0.22',
    PATRONI_SUPERUSER_PASSWORD: 'on',
  }
  await expect(await sampleConfig(place, env)).toMatchFileSnapshot('transcripts/generate-sample-config.yml')
  expect(await sampleConfig({ ...place, address: 'fd00::1', binDir: null }, {})).toMatch(
    /listen: "?\[fd00::1\]:8008"?\n[\s\S]*FIXME: the directory of the programs[\s\S]*FIXME: add a line password/,
  )
})

test('the sample is accepted by both, and is not written over', async () => {
  const file = join(home, 'made', 'sample.yml')
  const env = { PATRONI_ETCD3_HOST: `127.0.0.1:${etcdPort}`, PATRONI_POSTGRESQL_DATA_DIR: join(home, 'none') }
  const written = await agent(['--generate-sample-config', file], env)
  expect([written.code, written.stdout, written.stderr]).toEqual([0, '', ''])
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  await expectAccepted(file)
  const again = await agent(['--generate-sample-config', file], env)
  expect([again.code, again.stderr]).toEqual([
    1,
    `error: ${file} exists already. HINT: Name another file, or move it away\n`,
  ])
})

/** A server as somebody set it up; its configuration in the data directory, or beside it as on Debian. */
async function serverIn(layout: 'plain' | 'debian', port: number) {
  const base = join(home, layout)
  const [data, etc] = [join(base, 'data'), join(base, 'etc')]
  const as = (...command: string[]) => run([...asPostgres, ...command], { limitMs: 60_000 })
  await as('mkdir', '-p', etc)
  await as(`${postgresBin}/initdb`, '-D', data, '--no-sync', '-A', 'trust', '-U', 'postgres')
  const configDir = layout === 'plain' ? data : etc
  if (layout === 'debian')
    for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'])
      await rename(join(data, name), join(etc, name))
  const settings = [
    `data_directory = '${data}'`,
    `hba_file = '${configDir}/pg_hba.conf'`,
    `ident_file = '${configDir}/pg_ident.conf'`,
    "cluster_name = '15/main'",
    `unix_socket_directories = '${base}'`,
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "work_mem = '8MB'",
    "search_path = 'app, public'",
    "archive_command = 'true'",
    "restore_command = 'cp /archive/%f %p'",
    'fsync = off',
  ].join('\n')
  const file = join(configDir, 'postgresql.conf')
  await writeFile(file, `${await readFile(file, 'utf8')}\n${settings}\n`)
  const ctl = [`${postgresBin}/pg_ctl`, '-D', data, '-w']
  await as(...ctl, '-l', join(base, 'log'), '-o', `-c config_file=${file}`, 'start')
  return { base, data, configDir, stop: () => as(...ctl, 'stop', '-m', 'immediate') }
}

test.each(['plain', 'debian'] as const)('a running server is taken over as it is: %s', async layout => {
  const port = await freePort()
  const server = await serverIn(layout, port)
  try {
    const file = join(server.base, 'node.yml')
    const env = { PGHOST: server.base, PGPORT: String(port), PGUSER: 'postgres' }
    const variables = { PATRONI_ETCD3_HOSTS: `127.0.0.1:${etcdPort}`, PATRONI_NAME: 'db1' }
    const written = await agent(['--generate-config', file], { ...env, ...variables })
    expect([written.code, written.stdout, written.stderr]).toEqual([0, '', ''])
    const warnings = await expectAccepted(file)
    // Nothing would be lost; what changes place is told.
    expect(warnings).not.toMatch(/^error/m)
    const text = await readFile(file, 'utf8')
    expect(text).toMatch(/^scope: 15-main$/m)
    expect(text).toMatch(/^name: db1$/m)
    expect(text).toContain('search_path: app, public')
    expect(text).toContain('recovery_conf:\n    restore_command: cp /archive/%f %p\n')
    expect(text.includes(`config_dir: ${server.configDir}`)).toBe(layout === 'debian')
    expect(text).toContain('    - host all all 127.0.0.1/32 trust\n')
    expect(text).not.toMatch(/^\s*password: /m)
    const dsn = `postgresql://postgres:geheim@127.0.0.1:${port}/postgres`
    const given = await agent(['--generate-config', '--dsn', dsn], variables)
    expect(given.stdout).toMatch(/superuser:\n\s+username: postgres\n\s+password: geheim\n/)
  } finally {
    await server.stop()
  }
})

test('a server that is not there, and a DSN that is none: one sentence without the password, exit code 1', async () => {
  const away = await agent(['--generate-config', '--dsn', 'host=127.0.0.1 port=1 user=u password=geheim'])
  expect([away.code, away.stdout, away.stderr]).toEqual([
    1,
    '',
    'error: PostgreSQL at 127.0.0.1, port 1, as u: connect ECONNREFUSED 127.0.0.1:1\n',
  ])
  const none = await agent(['--generate-config', '--dsn', 'nonsense'])
  expect([none.code, none.stderr]).toEqual([
    1,
    'error: the DSN is neither a list of key=value nor a postgresql:// URI\n',
  ])
})
