// The local connections prove that they talk to this node's own postmaster: whoever took one of its addresses gets no
// password, and the server is reached at another one.

import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Lab, type Node, never, ok, openLab, runAs } from '../postgres/postgres-harness.ts'
import { type FakeServer, fakeServer } from './fake-server.ts'

const PASSWORDS = [
  'local all all scram-sha-256',
  'local replication all scram-sha-256',
  'host all all 127.0.0.0/8 password',
  'host replication all 127.0.0.0/8 scram-sha-256',
]

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

const received = ({ got }: FakeServer) => got.filter(line => line.startsWith('password'))
const told = (node: Node) => node.messages.filter(line => line.startsWith('warning no password is given'))

test('its own server may ask for the password in any way, over TCP and through its socket', async () => {
  const node = await lab.primary('a', { pgHba: PASSWORDS })
  expect((await node.see()).server.known).toBe(true)
  const bySocket = node.again({ useUnixSocket: true, useUnixSocketRepl: true })
  expect((await bySocket.look(5000)).server.known).toBe(true)
  const [superuser, replication] = await bySocket.tryLogins({
    inRecovery: false,
    upstream: null,
    rewind: false,
  })
  expect([superuser?.refusal, replication?.refusal]).toMatchObject([
    { known: true, value: null },
    { known: true, value: null },
  ])
  expect(told(node)).toEqual([])
  await bySocket.close()
  await node.stop()
})

/** A process of the tests is another user than PostgreSQL when they run as root. */
const WHO =
  runAs === undefined
    ? 'another process of this user listens there, and not the server of this data directory'
    : 'a process of the user with id 0 listens there'

test('a stranger at its first address gets nothing, is told once, and is left alone for a while', async () => {
  const node = await lab.node('b', { pgHba: PASSWORDS })
  ok(await node.postgres.initdb(never, () => {}))
  const stranger = await fakeServer({ asks: 'cleartext', port: node.config.port })
  const both = node.again({ listenAddresses: '127.0.0.1,127.0.0.2' })
  ok(await both.start({ as: 'primary', upstream: null, timeoutMs: 20_000 }, never))
  ok(await both.finishBootstrap(never, () => {}))
  for (let look = 0; look < 20; look += 1) {
    both.checkpointSoon()
    expect((await both.look(5000)).server.known).toBe(true)
    await both.tryLogins({ inRecovery: false, upstream: null, rewind: false })
  }
  expect(received(stranger)).toEqual([])
  expect(stranger.got.filter(line => line === 'startup').length).toBeLessThan(4)
  expect(told(node)).toEqual([
    `warning no password is given to whoever answers at 127.0.0.1:${node.config.port}: ${WHO}`,
  ])
  ok(await both.stop({ mode: 'fast', checkpoint: true, timeoutMs: 30_000 }, never))
  await both.close()
})

test('so does another server of the same user', async () => {
  const elsewhere = await openLab()
  onTestFinished(() => elsewhere.close())
  const other = await elsewhere.primary('c', { pgHba: PASSWORDS })
  const node = await lab.node('d', { pgHba: PASSWORDS, port: other.config.port })
  ok(await node.postgres.initdb(never, () => {}))
  const both = node.again({ listenAddresses: '127.0.0.1,127.0.0.2' })
  ok(await both.start({ as: 'primary', upstream: null, timeoutMs: 20_000 }, never))
  ok(await both.finishBootstrap(never, () => {}))
  expect((await both.look(5000)).server.known).toBe(true)
  expect(told(node)).toEqual([
    `warning no password is given to whoever answers at 127.0.0.1:${node.config.port}: another process of this user ` +
      'listens there, and not the server of this data directory',
  ])
  ok(await both.stop({ mode: 'fast', checkpoint: true, timeoutMs: 30_000 }, never))
  await both.close()
})

test('a socket file that another user put in place of its own', async () => {
  const node = await lab.primary('e', { pgHba: PASSWORDS })
  const file = join(lab.directory, 'sockets', `.s.PGSQL.${node.config.port}`)
  await rename(file, `${file}.away`)
  const stranger = await fakeServer({ asks: 'cleartext', path: file })
  const bySocket = node.again({ useUnixSocket: true })
  const views = [await bySocket.look(5000), await bySocket.look(5000)]
  expect(views.map(({ server }) => server.known)).toContain(true)
  expect(received(stranger)).toEqual([])
  expect(told(node)).toEqual([
    `warning no password is given to whoever answers at ${file}: ${runAs === undefined ? WHO : 'the socket belongs to the user with id 0'}`,
  ])
  await bySocket.close()
})
