// A password that was changed on one side only: open sessions do not show it, a fresh login does.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LoginTry } from '../../../src/model/server/logins.ts'
import { type Lab, type Node, openLab, REPLICATION_PASSWORD } from './postgres-harness.ts'

const BY_PASSWORD = [
  'host all all 127.0.0.1/32 scram-sha-256',
  'host replication replicator 127.0.0.1/32 scram-sha-256',
]

let lab: Lab
let a: Node
let b: Node

beforeAll(async () => {
  lab = await openLab()
  a = await lab.primary('a', { pgHba: BY_PASSWORD })
  b = await lab.standby('b', a, { pgHba: BY_PASSWORD })
})
afterAll(() => lab.close())

const asStandby = () => ({ inRecovery: true, upstream: a.upstream, rewind: true })
const AS_PRIMARY = { inRecovery: false, upstream: null, rewind: true }

function shown(tries: readonly LoginTry[]): readonly string[] {
  return tries.map(({ account, user, server, refusal }) => {
    const result = refusal.known ? (refusal.value ?? 'let in') : 'unknown'
    return `${account} ${user} at ${server}: ${result}`
  })
}

const password = (text: string) => a.query(`ALTER ROLE replicator PASSWORD '${text.replace(/'/g, "''")}'`)

test('a standby and a primary that are let in', async () => {
  expect(shown(await b.postgres.tryLogins(asStandby()))).toEqual([
    'superuser admin at b: let in',
    'replication replicator at a: let in',
    'rewind admin at a: let in',
  ])
  expect(shown(await a.postgres.tryLogins(AS_PRIMARY))).toEqual([
    'superuser admin at a: let in',
    'replication replicator at a: let in',
  ])
})

test('a password that was changed is noticed while WAL streams, and changed back it is over', async () => {
  await password('another')
  const refused = 'replication replicator at a: password authentication failed'
  expect(shown(await b.postgres.tryLogins(asStandby()))).toContain(refused)
  expect(shown(await a.postgres.tryLogins(AS_PRIMARY))).toContain(refused)
  expect((await b.server()).walReceiver?.status).toBe('streaming')
  await password(REPLICATION_PASSWORD)
  const letIn = 'replication replicator at a: let in'
  expect(shown(await b.postgres.tryLogins(asStandby()))).toContain(letIn)
  expect(shown(await a.postgres.tryLogins(AS_PRIMARY))).toContain(letIn)
})

test("an account that pg_hba.conf does not name, and a superuser's wrong password, without the secrets", async () => {
  const { authentication } = b.config
  const other = b.again({
    authentication: {
      ...authentication,
      superuser: { username: 'admin', password: 'not-this-one', options: {} },
      replication: { ...authentication.replication, username: 'admin' },
    },
  })
  const tries = await other.tryLogins({ ...asStandby(), rewind: false })
  expect(shown(tries)).toEqual([
    'superuser admin at b: password authentication failed',
    'replication admin at a: no pg_hba.conf entry for replication connection from host "127.0.0.1", no encryption',
  ])
  expect(JSON.stringify(tries)).not.toMatch(/not-this-one|rep:pa/)
  await other.close()
})

test('a server that is not there is unknown, not refused', async () => {
  const tries = await b.postgres.tryLogins({ ...asStandby(), upstream: { ...a.upstream, port: 1 } })
  expect(shown(tries)).toEqual([
    'superuser admin at b: let in',
    'replication replicator at a: unknown',
    'rewind admin at a: unknown',
  ])
})
