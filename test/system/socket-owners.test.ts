// Who is at the other end of a connection on this machine, as the kernel's tables say.

import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { listenersOnPort, socketsOf, tcpSockets, unixListeners } from '../../src/system/socket-owners.ts'

const open: (Server | Socket)[] = []
const uid = process.getuid?.() ?? -1
const path = process.env.PATH

afterEach(() => {
  process.env.PATH = path
  for (const one of open.splice(0)) 'close' in one ? one.close() : one.destroy()
})

/** Our end of a connection to a server that listens at `listen`, and both its places. */
async function connected(listen: string, address: string) {
  const server = createServer(socket => open.push(socket))
  open.push(server)
  await new Promise<void>(resolve => server.listen(0, listen, resolve))
  const { port } = server.address() as { readonly port: number }
  const socket = connect(port, address)
  open.push(socket)
  await new Promise(resolve => socket.once('connect', resolve))
  const ours = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 }
  return { ours, theirs: { address: socket.remoteAddress ?? '', port } }
}

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['127.0.0.7', '127.0.0.7'],
  ['::1', '::1'],
])(
  'a server that listens at %s, reached at %s: its socket and the far end are found',
  async (listen, address) => {
    const { ours, theirs } = await connected(listen, address)
    const sockets = await tcpSockets(theirs, ours)
    expect(sockets).toHaveLength(2)
    const [listening] = sockets.filter(({ isListening }) => isListening)
    const [end] = sockets.filter(({ isListening }) => !isListening)
    const own = await socketsOf(process.pid)
    expect([own?.has(listening?.inode ?? ''), own?.has(end?.inode ?? '')]).toEqual([true, true])
    expect([listening?.uid, end?.uid]).toEqual([uid, uid])
    expect(await listenersOnPort(theirs.port)).toEqual([listening?.inode])
  },
)

test('a listener at another address, and a connection of somebody else, are not taken for these', async () => {
  const { theirs } = await connected('127.0.0.8', '127.0.0.8')
  expect(await tcpSockets({ ...theirs, address: '127.0.0.9' }, { address: '127.0.0.9', port: 1 })).toEqual([])
})

test('a socket is found by the name of its file, in whatever directory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hactl-sockets-'))
  const file = join(folder, '.s.PGSQL.5432')
  try {
    const server = createServer()
    open.push(server)
    await new Promise<void>(resolve => server.listen(file, resolve))
    const found = (await unixListeners('.s.PGSQL.5432')).filter(({ path }) => path === file)
    expect(found).toHaveLength(1)
    expect((await socketsOf(process.pid))?.has(found[0]?.inode ?? '')).toBe(true)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('where the tables cannot be searched nothing is taken for granted', async () => {
  process.env.PATH = '/nowhere'
  const place = { address: '127.0.0.1', port: 1 }
  await expect(tcpSockets(place, place)).rejects.toThrow(/cannot be searched: grep could not be started/)
})
