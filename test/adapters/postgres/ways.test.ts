// By which ways the agent's own sessions reach the local server: unix socket, TCP, TLS.

import { execFile } from 'node:child_process'
import { chown } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Lab,
  type Node,
  ok,
  openLab,
  runAs,
  SUPERUSER_PASSWORD,
  signalIdle,
} from './postgres-harness.ts'

const run = promisify(execFile)
let lab: Lab
let node: Node

beforeAll(async () => {
  lab = await openLab()
  node = await lab.primary('a')
})
afterAll(() => lab.close())

describe('ways to the local server', () => {
  test('by unix socket when the configuration says so', async () => {
    const second = node.again({ useUnixSocket: true, useUnixSocketRepl: true })
    expect((await second.look(5000)).server.known).toBe(true)
    const rows = await node.query(
      `SELECT client_addr FROM pg_stat_activity WHERE application_name = 'hactl heartbeat' AND client_addr IS NULL`,
    )
    expect(rows).toHaveLength(1)
    await second.close()
  })

  test('with TLS when the server takes nothing else (sslmode prefer), or when the configuration demands it', async () => {
    const [key, cert] = [join(lab.directory, 'tls.key'), join(lab.directory, 'tls.crt')]
    const subject = ['-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert]
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject])
    if (runAs !== undefined) await chown(key, runAs.uid, runAs.gid)
    const strict = await lab.node('tls', {
      parameters: { ssl: 'on', ssl_key_file: key, ssl_cert_file: cert },
      pgHba: ['hostssl all all 127.0.0.1/32 scram-sha-256', 'local all all trust'],
    })
    ok(await strict.postgres.initdb(signalIdle(), () => {}))
    await strict.start()
    expect((await strict.see()).server.known).toBe(true)
    const superuser = {
      username: 'admin',
      password: SUPERUSER_PASSWORD,
      options: { sslmode: 'verify-ca', sslrootcert: cert },
    }
    for (const [options, known] of [
      [superuser.options, true],
      [{ sslmode: 'disable' }, false],
    ] as const) {
      const authentication = { ...strict.config.authentication, superuser: { ...superuser, options } }
      const other = strict.again({ authentication })
      const view = await other.look(5000)
      expect(view.process).toMatchObject({ kind: 'running', readiness: 'accepting' })
      expect(view.server.known).toBe(known)
      await other.close()
    }
    await strict.stop()
  })
})
