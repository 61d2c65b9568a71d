// `hactl agent --validate-config`: what would keep an agent from starting on this machine, all at once, with its line and what
// to do; nothing is changed, no password shown.

import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../adapters/free-port.ts'
import { postgresBin } from '../cluster/harness/servers.ts'
import { memoryDirectory } from '../memory-directory.ts'
import { createAuthority } from '../rest/certificates.ts'
import { type Schema, violations } from './stage/schema.ts'
import { runHactl } from './stage/stage.ts'

const schema: Schema = JSON.parse(
  await readFile(new URL('schemas/validate-config.json', import.meta.url), 'utf8'),
)
let home = ''
let etcd: Server
let [etcdPort, restPort, postgresPort] = [0, 0, 0]

beforeAll(async () => {
  home = await memoryDirectory('hactl-validate-')
  ;[etcdPort, restPort, postgresPort] = await Promise.all([freePort(), freePort(), freePort()])
  etcd = createServer().listen(etcdPort, '127.0.0.1')
})
afterAll(async () => {
  etcd.close()
  await rm(home, { recursive: true, force: true })
})

/** A node that could start here; `change` bends its text. */
async function fileWith(change: (text: string) => string = text => text): Promise<string> {
  const directory = await mkdtemp(join(home, 'node-'))
  const text = `scope: main
name: pg1
restapi:
  listen: 127.0.0.1:${restPort}
etcd3:
  hosts: 127.0.0.1:${etcdPort}
postgresql:
  listen: 127.0.0.1:${postgresPort}
  data_dir: ${directory}/data
  bin_dir: ${postgresBin}
  authentication:
    superuser: {username: postgres, password: geheim-1}
    replication: {username: replicator, password: geheim-2}
`
  const file = join(directory, 'node.yml')
  await writeFile(file, change(text))
  return file
}

const validate = (file: string, ...more: string[]) => runHactl(['agent', '--validate-config', ...more, file])
/** Tests run as root, which is said each time. */
const errorsOf = (stderr: string) => stderr.split('\n').filter(line => line.startsWith('error: '))

test('a node that can start: exit code 0, and nothing is made', async () => {
  const file = await fileWith()
  const ran = await validate(file)
  expect([ran.code, ran.stdout, errorsOf(ran.stderr)]).toEqual([0, '', []])
  expect(await readdir(join(file, '..'))).toEqual(['node.yml'])
})

test('what gives a password away is a warning', async () => {
  const authorities = await Promise.all([createAuthority(), createAuthority()])
  const [ours, other] = authorities
  const own = await other.issue('pg1')
  await chmod(own.key, 0o644)
  const api = (text: string) =>
    text
      .replace(
        'restapi:\n',
        `restapi:\n  certfile: ${own.cert}\n  keyfile: ${own.key}\n  cafile: ${ours.ca}\n` +
          '  authentication: {username: u, password: geheim-3}\n',
      )
      .replace('geheim-2', 'change-me-2')
  const file = await fileWith(api)
  await chmod(file, 0o644)
  const { code, stderr } = await validate(file)
  const warnings = stderr
    .split('\n')
    .filter(line => line.startsWith('warning: ') && !line.includes('this is root'))
  expect([
    code,
    ...warnings.map(line => line.replaceAll(file, 'FILE').replaceAll(other.folder, 'TLS')),
  ]).toEqual([
    0,
    'warning: FILE: holds passwords, and every user of this machine may read it. HINT: Run: chmod 0600 FILE',
    'warning: FILE:17: postgresql.authentication.replication.password: is that of an example, which everybody knows. HINT: Choose another.',
    'warning: FILE:5: restapi.keyfile: TLS/pg1.key is a private key, and every user of this machine may read it. HINT: Run: chmod 0600 TLS/pg1.key',
    "warning: FILE:4: restapi.certfile: is not signed by restapi.cafile, so that agents do not verify each other's certificates. HINT: Set ctl.cacert to the authority that signed the certificates of the members.",
  ])
  expect(stderr).not.toMatch(/geheim|change-me/)
  await Promise.all(authorities.map(authority => authority.remove()))
})

test('everything that is wrong is named at once, with line and remedy', async () => {
  const file = await fileWith(text =>
    text
      .replace(
        /restapi:\n.*\n/,
        'restapi: {listen: 203.0.113.7:1, connect_address: no.invalid:1, certfile: /none.pem}\n',
      )
      .replace(/hosts: .*/, 'hosts: [127.0.0.1:1, 127.0.0.1:2]')
      .replace(/bin_dir: .*/, `bin_dir: ${home}`)
      .replace('name: pg1', 'name: pg1\nlog: {level: LOUD, dir: /nowhere}'),
  )
  const ran = await validate(file)
  expect(ran.code).toBe(1)
  expect(errorsOf(ran.stderr).map(line => line.replace(file, 'FILE').replaceAll(home, 'HOME'))).toEqual([
    'error: FILE:3: log.level: "LOUD" is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL. HINT: Expected: DEBUG | INFO | WARNING | ERROR | CRITICAL.',
    'error: FILE:4: restapi.listen: 203.0.113.7 is not an address of this machine. HINT: Take one that `ip address` shows, or 0.0.0.0.',
    'error: FILE:4: restapi.connect_address: no.invalid cannot be resolved to an address. HINT: Mend the name, DNS or /etc/hosts.',
    'error: FILE:6: etcd3.hosts: 127.0.0.1:1 is not reachable: nobody listens there. HINT: Start etcd there, or mend the address or the firewall.',
    'error: FILE:6: etcd3.hosts: 127.0.0.1:2 is not reachable: nobody listens there. HINT: Start etcd there, or mend the address or the firewall.',
    'error: FILE:3: log.dir: /nowhere does not exist. HINT: Make it, owned by the user of the agent.',
    'error: FILE:10: postgresql.bin_dir: does not have pg_ctl, initdb, pg_controldata, pg_basebackup, postgres, pg_isready: HOME. HINT: On Debian: /usr/lib/postgresql/<version>/bin.',
    'error: FILE:4: restapi.certfile: /none.pem does not exist. HINT: The user of the agent must be able to read it.',
  ])
})

test('a required watchdog device that is missing is a warning: the node would start, and not lead', async () => {
  const file = await fileWith(text => `${text}watchdog: {mode: required, device: /nowhere/watchdog}\n`)
  const ran = await validate(file)
  expect(ran.code).toBe(0)
  expect(ran.stderr).toContain(
    'watchdog.device: /nowhere/watchdog does not exist, and watchdog.mode is required: this node would not lead. HINT: Load the driver',
  )
})

test('a port in use is an error with its holder, and none with --ignore-listen-port', async () => {
  const holder = createServer().listen(restPort, '127.0.0.1')
  const file = await fileWith()
  const ran = await validate(file)
  const ignored = await validate(file, '-i')
  holder.close()
  expect(ran.code).toBe(1)
  expect(errorsOf(ran.stderr).join()).toMatch(
    new RegExp(
      `restapi.listen: 127.0.0.1:${restPort}: port ${restPort} is held by node \\(pid ${process.pid},`,
    ),
  )
  expect([ignored.code, errorsOf(ignored.stderr)]).toEqual([0, []])
})

test('one etcd member that is away is a warning: the others do', async () => {
  const ran = await validate(await fileWith(text => text.replace(/hosts: (.*)/, 'hosts: [$1, 127.0.0.1:1]')))
  expect(ran.code).toBe(0)
  expect(ran.stderr).toMatch(/^warning: .*127\.0\.0\.1:1 is not reachable/m)
})

test.each([
  [
    'somebody else’s files',
    { 'notes.txt': 'x' },
    0o700,
    /is neither empty nor a data directory of PostgreSQL: .* no PG_VERSION/,
  ],
  [
    'another version’s data',
    { PG_VERSION: '14\n' },
    0o700,
    /was made by PostgreSQL 14, but .*postgres is 15/,
  ],
  ['data open to others', { PG_VERSION: '15\n' }, 0o755, /is open to other users \(mode 0755\).*chmod 0700/],
] as const)('data_dir: %s', async (_what, files, mode, message) => {
  const file = await fileWith()
  const data = join(file, '..', 'data')
  await mkdir(data)
  for (const [name, text] of Object.entries(files)) await writeFile(join(data, name), text)
  if ('PG_VERSION' in files) for (const name of ['global', 'pg_wal']) await mkdir(join(data, name))
  await chmod(data, mode)
  const ran = await validate(file)
  expect([ran.code, errorsOf(ran.stderr)]).toEqual([1, [expect.stringMatching(message)]])
})

test('--print gives file and variables merged, without passwords, in text and in JSON', async () => {
  const env = { PATRONI_NAME: 'pg7', PATRONI_REPLICATION_PASSWORD: 'geheim-3' }
  const file = await fileWith()
  const text = await runHactl(['agent', '--validate-config', '--print', file], { env })
  expect(text.code).toBe(0)
  expect(text.stdout).toMatch(/^name: pg7$/m)
  const json = await runHactl(['agent', '--validate-config', '-p', '--json', file], { env })
  expect([json.code, json.stderr]).toEqual([0, ''])
  const document = JSON.parse(json.stdout)
  expect(violations(document, schema)).toEqual([])
  expect(document).toMatchObject({ ok: true, errors: [], configuration: { name: 'pg7' } })
  expect(text.stdout + json.stdout).not.toContain('geheim')
})

test('--version says what is asked: as patroni the version of the protocol', async () => {
  const own = await runHactl(['agent', '--version'])
  expect([own.code, own.stdout]).toEqual([0, 'hactl 0.1.0\n'])
  const env = { HACTL_CALLED_AS: 'patroni' }
  const asPatroni = await runHactl(['--version'], { env })
  expect([asPatroni.code, asPatroni.stdout]).toEqual([0, 'patroni 4.1.5\n'])
})

test('no file, and two questions at once', async () => {
  const missing = await validate('/nowhere.yml', '--json')
  expect(missing.code).toBe(1)
  expect(violations(JSON.parse(missing.stdout), schema)).toEqual([])
  const both = await runHactl(['agent', '--validate-config', '--version'])
  expect([both.code, both.stderr]).toEqual([
    2,
    'error: --validate-config cannot also be provided when using --version\nHINT: see hactl agent --help\n',
  ])
})
