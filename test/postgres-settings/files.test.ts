// How files are replaced: modes, links, full disks, copies, and where the server is reached. `C..` are rows of spec/postgres.md 10.2.

import { execFile } from 'node:child_process'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { slotName } from '../../src/model/cluster/slot-name.ts'
import { createSettings } from '../../src/postgres/settings/settings.ts'
import { effectiveOf, LEADER, makeConfig, makePlace, type Place } from './place.ts'

const run = promisify(execFile)
let place: Place
beforeEach(async () => {
  place = await makePlace()
})
afterEach(() => place.remove())

const HBA = ['local all all trust']

test('nothing changes, nothing is written: the modification times stay', async () => {
  const input = {
    effective: effectiveOf({ pgHba: HBA, pgIdent: [] }),
    role: 'standby',
    upstream: LEADER,
  } as const
  expect((await place.write(input)).changed).toBe(true)
  const names = ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf', 'standby.signal', '../pgpass_pg-1']
  for (const name of names) await utimes(join(place.config.dataDir, name), 1, 1)
  expect((await place.write(input)).changed).toBe(false)
  for (const name of names) expect((await stat(join(place.config.dataDir, name))).mtimeMs).toBe(1000)
})

test('no temporary file is left', async () => {
  await place.write({ effective: effectiveOf({ pgHba: HBA }), role: 'standby', upstream: LEADER })
  expect((await readdir(place.config.dataDir)).sort()).toEqual([
    'pg_hba.conf',
    'postgresql.base.conf',
    'postgresql.conf',
    'standby.signal',
  ])
})

test.each([
  [0o700, 0o600],
  [0o750, 0o640],
])('C19, C39: with a data directory of mode %o new files have %o', async (directory, file) => {
  await chmod(place.config.dataDir, directory)
  await place.write({ effective: effectiveOf({ pgHba: HBA }), role: 'standby', upstream: LEADER })
  for (const name of ['postgresql.conf', 'pg_hba.conf', 'standby.signal'])
    expect(await place.mode(name)).toBe(file)
})

test('C05: a file outside the data directory keeps its mode', async () => {
  await place.remove()
  const root = await mkdtemp(join(tmpdir(), 'hactl-settings-'))
  place = await makePlace({ configDir: join(root, 'etc') }, root)
  await place.write()
  await chmod(join(root, 'etc/postgresql.conf'), 0o644)
  await place.write({ effective: effectiveOf({ parameters: { work_mem: '5MB' } }) })
  expect(await place.mode('../etc/postgresql.conf')).toBe(0o644)
  expect(await readFile(join(root, 'etc/postgresql.conf'), 'utf8')).toContain("work_mem = '5MB'")
})

test('a symbolic link stays one: its target is rewritten', async () => {
  const { dataDir } = place.config
  await place.write()
  await rename(join(dataDir, 'postgresql.conf'), join(place.root, 'real.conf'))
  await symlink('../real.conf', join(dataDir, 'postgresql.conf'))
  await place.write({ effective: effectiveOf({ parameters: { work_mem: '5MB' } }) })
  expect((await lstat(join(dataDir, 'postgresql.conf'))).isSymbolicLink()).toBe(true)
  expect(await readFile(join(place.root, 'real.conf'), 'utf8')).toContain("work_mem = '5MB'")
})

test.runIf(process.getuid?.() === 0)('root gives new files to the user that PostgreSQL runs as', async () => {
  const settings = createSettings({
    config: place.config,
    scope: 'batman',
    name: 'pg-1',
    clock: { bootMs: () => 0 },
    log: () => {},
    runAs: { uid: 4242, gid: 4343 },
  })
  await settings.write({
    effective: effectiveOf(),
    majorVersion: 150000,
    fullVersion: '15.20',
    role: 'standby',
    upstream: LEADER,
    control: null,
    describeConfig: async () => new Set(),
  })
  for (const name of ['postgresql.conf', 'standby.signal', '../pgpass_pg-1']) {
    expect(await stat(join(place.config.dataDir, name))).toMatchObject({ uid: 4242, gid: 4343 })
  }
})

test.runIf(process.getuid?.() === 0)('a full disk keeps the old file and says so', async context => {
  const small = join(place.root, 'small')
  await mkdir(small)
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]).catch(() => null)
  if (mounted === null) context.skip('no file system may be mounted here')
  try {
    const full = await makePlace({}, small)
    await full.write()
    const before = await full.read('postgresql.conf')
    await writeFile(join(small, 'filler'), Buffer.alloc(65536)).catch(() => {})
    const error = await full
      .write({ effective: effectiveOf({ parameters: { work_mem: '5MB' } }) })
      .catch(e => e)
    expect(error).toMatchObject({ name: 'SettingsError', reason: 'disk-full' })
    expect(String(error)).toContain('no space left')
    expect(await full.read('postgresql.conf')).toBe(before)
    expect(await readdir(full.config.dataDir)).not.toContainEqual(expect.stringMatching(/tmp$/))
  } finally {
    await run('umount', [small])
  }
})

test('custom_conf is included, and the original file is kept beside it', async () => {
  await place.remove()
  place = await makePlace({ customConf: "/etc/pg/it's.conf" })
  await place.write()
  expect((await place.conf())[2]).toBe("include '/etc/pg/it''s.conf'")
  expect(await place.read('postgresql.base.conf')).toBe("# the operator's own\n")
})

test('the generated file never becomes its own base', async () => {
  await place.write()
  await place.settings.backUp()
  const base = join(place.config.dataDir, 'postgresql.base.conf')
  await unlink(base)
  await place.write()
  expect(await place.read('postgresql.base.conf')).toBe("# the operator's own\n")
  await unlink(base)
  await unlink(`${base}.backup`)
  await place.write()
  expect(await place.read('postgresql.base.conf')).toBe('')
  expect(place.log.join()).toContain('is missing and there is no copy')
})

test('C35: recovery settings of ALTER SYSTEM are taken out of postgresql.auto.conf, other bytes stay', async () => {
  const path = join(place.config.dataDir, 'postgresql.auto.conf')
  const kept = Buffer.from("# Do not edit\nwork_mem = '4MB'\nlc_time = 'fran\xe7ais'\n", 'latin1')
  const taken = Buffer.from("primary_conninfo = 'host=old'\nPRIMARY_SLOT_NAME='x'\nrestore_command='y'\n")
  await writeFile(path, Buffer.concat([kept, taken]))
  expect((await place.write()).changed).toBe(true)
  expect(await readFile(path)).toEqual(kept)
  expect((await place.write()).changed).toBe(false)
})

test('the copies bring back what a base backup did not bring along; C42: and an empty pg_ident.conf', async () => {
  const { dataDir } = place.config
  await place.write({ effective: effectiveOf({ pgHba: HBA }) })
  await place.settings.backUp()
  const names = ['postgresql.conf', 'postgresql.base.conf', 'pg_hba.conf']
  const before = await Promise.all(names.map(place.read))
  for (const name of names) await unlink(join(dataDir, name))
  expect([...(await place.settings.restoreBackups())].sort()).toEqual([...names].sort())
  expect(await Promise.all(names.map(place.read))).toEqual(before)
  expect(await place.read('pg_ident.conf')).toBe('')
  expect(await place.settings.restoreBackups()).toEqual([])
})

test('bootstrap.pg_hba is appended once, and not when the configuration has its own list', async () => {
  await writeFile(join(place.config.dataDir, 'pg_hba.conf'), '# by initdb\n')
  await place.settings.appendBootstrapHba(['host all all all md5'])
  await place.settings.appendBootstrapHba(['host all all all md5'])
  expect(await place.read('pg_hba.conf')).toBe('# by initdb\n\nhost all all all md5\n')
  await expect(place.settings.appendBootstrapHba(['a\nb'])).rejects.toMatchObject({ reason: 'refused' })
  await place.write({ effective: effectiveOf({ pgHba: HBA }) })
  await place.settings.appendBootstrapHba(['local x x trust'])
  expect(await place.read('pg_hba.conf')).not.toContain('local x')
})

test('C29: missing directories are created before a start, an impossible one is an error', async () => {
  const socket = join(place.root, 'run/pg')
  const effective = effectiveOf({ parameters: { unix_socket_directories: `${socket}, @abstract` } })
  await place.write({ effective })
  expect((await stat(socket)).isDirectory()).toBe(true)
  await rm(socket, { recursive: true })
  await writeFile(socket, '')
  await expect(place.write({ effective })).rejects.toMatchObject({ reason: 'inaccessible' })
  expect(await place.write({ effective, running: true })).toMatchObject({ changed: false })
})

test('an unreadable data directory is an error with a reason', async () => {
  await rm(place.config.dataDir, { recursive: true })
  await expect(place.write()).rejects.toMatchObject({ name: 'SettingsError', reason: 'inaccessible' })
})

test.each([
  ['127.0.0.1', false, null, { host: 'localhost', port: 54402 }],
  ['10.0.0.1,*', false, null, { host: 'localhost', port: 54402 }],
  ['10.0.0.1,10.0.0.2', false, null, { host: '10.0.0.1', port: 54402 }],
  ['[fe80::1]', false, null, { host: 'fe80::1', port: 54402 }],
  // C22: not set at all: libpq's default directory
  ['127.0.0.1', true, null, { host: null, port: 54402 }],
  ['127.0.0.1', true, 'rel, /run/a, /run/b', { host: '/run/a', port: 54402 }],
  ['127.0.0.1', true, '@abstract', { host: 'localhost', port: 54402 }],
] as const)(
  'local address: listen %s, unix socket %s in %s',
  (listenAddresses, useUnixSocketRepl, directories, expected) => {
    const parameters = directories === null ? {} : { unix_socket_directories: directories }
    const settings = createSettings({
      config: makeConfig('/x', { listenAddresses, useUnixSocketRepl, parameters }),
      scope: 's',
      name: 'n',
      clock: { bootMs: () => 0 },
      log: () => {},
    })
    expect(settings.localReplicationAddress()).toEqual(expected)
    expect(settings.localAddress().host).not.toBeNull()
  },
)

test('a running server keeps the socket directory that it started with', async () => {
  await place.remove()
  place = await makePlace({ useUnixSocket: true })
  const write = (directory: string, running: boolean) =>
    place.write({
      effective: effectiveOf({ parameters: { unix_socket_directories: join(place.root, directory) } }),
      running,
    })
  await write('a', false)
  await write('b', true)
  expect(place.settings.localAddress().host).toBe(join(place.root, 'a'))
  await write('b', false)
  expect(place.settings.localAddress().host).toBe(join(place.root, 'b'))
})

test.each([
  ['Foo-Bar.1', 'foo_bar_1'],
  ['ü', 'u0252'],
  ['\u{1F600}', 'u128512'],
  ['a b', 'au0032b'],
  ['x'.repeat(70), 'x'.repeat(63)],
])('slot name of %s is %s', (member, expected) => {
  expect(slotName(member)).toBe(expected)
})
