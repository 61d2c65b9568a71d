// The programs of PostgreSQL get their passwords from files that exist only while they run: what stands in an argument list,
// everybody can read.

import { execFile } from 'node:child_process'
import { chmod, chown, copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Authority, createAuthority } from '../../rest/certificates.ts'
import {
  BIN_DIR,
  type Lab,
  type Node,
  never,
  ok,
  openLab,
  REPLICATION_PASSWORD,
  runAs,
} from '../postgres/postgres-harness.ts'
import { fakeServer } from './fake-server.ts'

const KEY_PASSWORD = "KEY secret'55"
const run = promisify(execFile)

let lab: Lab
let ours: Authority
let a: Node
beforeAll(async () => {
  ;[lab, ours] = await Promise.all([openLab(), createAuthority()])
  const [server, client] = [await ours.issue('server'), await ours.issue('client')]
  const key = join(lab.directory, 'client.key')
  const pkcs8 = [
    'pkcs8',
    '-topk8',
    '-in',
    client.key,
    '-out',
    key,
    '-passout',
    `pass:${KEY_PASSWORD}`,
    '-v2',
    'aes256',
  ]
  await run('openssl', pkcs8)
  await copyFile(client.cert, join(lab.directory, 'client.crt'))
  await copyFile(ours.ca, join(lab.directory, 'ca.crt'))
  await copyFile(server.cert, join(lab.directory, 'server.crt'))
  await copyFile(server.key, join(lab.directory, 'server.key'))
  for (const file of ['client.key', 'server.key', 'client.crt', 'server.crt', 'ca.crt']) {
    await chmod(join(lab.directory, file), 0o600)
    if (runAs !== undefined) await chown(join(lab.directory, file), runAs.uid, runAs.gid)
  }
  const ssl = {
    ssl: 'on',
    ssl_cert_file: join(lab.directory, 'server.crt'),
    ssl_key_file: join(lab.directory, 'server.key'),
    ssl_ca_file: join(lab.directory, 'ca.crt'),
  }
  a = await lab.primary('a', {
    parameters: ssl,
    pgHba: [
      'host all admin 127.0.0.1/32 scram-sha-256',
      'hostssl replication replicator 127.0.0.1/32 scram-sha-256 clientcert=verify-ca',
    ],
  })
})
afterAll(async () => {
  await lab.close()
  await ours.remove()
})

/** Says with what it was called, and what everybody could see of that, and does what it is there for. */
const TELL = (log: string) => `#!/bin/sh
{ printf 'argv %s\\n' "$*"; printf 'auth %s\\n' "$PGREQUIREAUTH"; for file in "$PGPASSFILE" "$PGSERVICEFILE"; do stat -c 'mode %a' "$file"; cat "$file"; done; } >> ${log}
exec ${BIN_DIR}/pg_basebackup "$@"
`

/** Runs pg_basebackup with these options of the account; what it was told. */
async function copyWith(name: string, options: Record<string, string>) {
  const log = join(lab.directory, `told-${name}`)
  const program = join(lab.directory, `tell-${name}`)
  await writeFile(log, '')
  await writeFile(program, TELL(log), { mode: 0o755 })
  if (runAs !== undefined) await chown(log, runAs.uid, runAs.gid)
  const node = await lab.node(name)
  const { replication } = node.config.authentication
  const authentication = { ...node.config.authentication, replication: { ...replication, options } }
  const told = node.again({ authentication, binNames: { pg_basebackup: program } })
  ok(await told.reachSource(a.upstream))
  ok(await told.basebackup(a.upstream, never, () => {}))
  await told.close()
  return { node, lines: (await readFile(log, 'utf8')).split('\n') }
}

test('pg_basebackup opens an encrypted key, and nothing of that is in its arguments or left behind', async () => {
  const keys = {
    sslcert: join(lab.directory, 'client.crt'),
    sslkey: join(lab.directory, 'client.key'),
    sslpassword: KEY_PASSWORD,
  }
  const verified = { sslmode: 'verify-ca', sslrootcert: join(lab.directory, 'ca.crt') }
  const { node, lines } = await copyWith('b', { ...keys, ...verified, require_auth: 'scram-sha-256' })
  const argv = lines.filter(line => line.startsWith('argv'))
  expect(argv).toHaveLength(1)
  expect(argv[0]).toContain('sslmode=verify-ca')
  expect(argv.join()).not.toMatch(/sslpassword|secret|require_auth|rep:pa/)
  expect(lines.filter(line => line.startsWith('mode'))).toEqual(['mode 600', 'mode 600'])
  expect(lines).toContain(`sslpassword=${KEY_PASSWORD}`)
  expect(lines.join('\n')).toContain(REPLICATION_PASSWORD.replace(':', '\\:'))
  expect(await readdir(`${node.directory}.hactl/passwords`)).toEqual([])
  // libpq 16 and newer follows it.
  const auth = (told: readonly string[]) => told.filter(line => line.startsWith('auth'))
  expect(auth(lines)).toEqual(['auth scram-sha-256'])
  expect(auth((await copyWith('c', { ...keys, ...verified })).lines)).toEqual(['auth '])
  // Whoever is not verified gets no password in clear text from a program either.
  expect(auth((await copyWith('d', { ...keys, sslmode: 'require' })).lines)).toEqual(['auth !password'])
})

test('hactl itself logs in at the source first: one that asks for clear text and is not verified gets nothing', async () => {
  const stranger = await fakeServer({ asks: 'cleartext' })
  const node = await lab.node('e')
  const source = { name: 'x', host: '127.0.0.1', port: stranger.port, slot: null }
  expect(await node.postgres.reachSource(source)).toMatchObject({
    ok: false,
    why: expect.stringMatching(
      /^nothing was removed: .*password in clear text, and who it is was not verified/,
    ),
  })
  expect(stranger.got.filter(line => line.startsWith('password'))).toEqual([])
})
