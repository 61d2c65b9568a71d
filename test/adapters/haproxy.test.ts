// A real HAProxy with the configurations that people run: it must send clients to the primary, spread others over
// replicas, and follow when roles change (spec/interfaces.md 5).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clock, type Running, startServer } from '../rest/node.ts'
import { freePort } from './free-port.ts'

const CHECK = 'default-server inter 100ms fall 2 rise 1 on-marked-down shutdown-sessions'

interface Node {
  readonly name: string
  readonly api: Running
  readonly database: Server
  readonly port: number
}

/** Stands where PostgreSQL would: tells its name and closes. */
async function startNode(name: string): Promise<Node> {
  const database = createServer(socket => socket.on('error', () => {}).end(name)).listen(0, '127.0.0.1')
  await once(database, 'listening')
  const address = database.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return { name, api: await startServer({ self: name }), database, port: address.port }
}

let nodes: readonly Node[]
let ports: {
  readonly primary: number
  readonly replicas: number
  readonly near: number
  readonly leader: number
}
let folder: string
let stopHaproxy: () => Promise<void>

beforeAll(async () => {
  nodes = await Promise.all(['pg0', 'pg1', 'pg2'].map(startNode))
  ports = {
    primary: await freePort(),
    replicas: await freePort(),
    near: await freePort(),
    leader: await freePort(),
  }
  const servers = nodes.map(
    node => `  server ${node.name} 127.0.0.1:${node.port} maxconn 100 check port ${node.api.server.port()}`,
  )
  const listen = (name: string, port: number, checks: readonly string[]) =>
    [
      `listen ${name}`,
      `  bind 127.0.0.1:${port}`,
      ...checks,
      '  http-check expect status 200',
      `  ${CHECK}`,
      ...servers,
    ].join('\n')
  folder = await mkdtemp(join(tmpdir(), 'hactl-haproxy-'))
  const file = join(folder, 'haproxy.cfg')
  await writeFile(
    file,
    [
      'global\n  maxconn 100',
      'defaults\n  mode tcp\n  retries 2\n  timeout client 5s\n  timeout connect 1s\n  timeout server 5s\n  timeout check 2s',
      // Without arguments: `OPTIONS / HTTP/1.0`.
      listen('primary', ports.primary, ['  option httpchk']),
      listen('replicas', ports.replicas, ['  option httpchk OPTIONS /replica']),
      listen('near', ports.near, [
        '  option httpchk',
        '  http-check send meth OPTIONS uri /replica?lag=1MB ver HTTP/1.1 hdr Host any',
      ]),
      listen('leader', ports.leader, ['  option httpchk HEAD /leader']),
      '',
    ].join('\n'),
  )
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  stopHaproxy = async () => {
    child.kill('SIGKILL')
    await exited
  }
})
afterAll(async () => {
  await stopHaproxy()
  for (const node of nodes) {
    await node.api.server.stop()
    node.database.close()
  }
  await rm(folder, { recursive: true, force: true })
})

/** Who answers on the other side; '' when nobody does. */
async function reach(port: number): Promise<string> {
  const answered = Promise.withResolvers<string>()
  const socket = connect(port, '127.0.0.1')
  let said = ''
  socket.setEncoding('utf8').on('data', text => {
    said += text
  })
  socket.on('error', () => {})
  socket.on('close', () => answered.resolve(said))
  socket.setTimeout(2000, () => socket.destroy())
  return answered.promise
}

/** Names that answer in twelve connections, sorted. */
async function reached(port: number): Promise<readonly string[]> {
  const names = await Promise.all(Array.from({ length: 12 }, () => reach(port)))
  return [...new Set(names)].sort()
}

async function eventually(port: number, names: readonly string[]): Promise<void> {
  const deadlineMs = clock.bootMs() + 20_000
  for (;;) {
    // What matched is not asked for again: a check that was late makes HAProxy leave a server out for a moment.
    const found = await reached(port)
    if (found.join() === names.join()) return
    if (clock.bootMs() > deadlineMs) expect(found).toEqual(names)
    await clock.sleep(50)
  }
}

function lead(name: string): void {
  for (const node of nodes) {
    node.api.node.leaseUntilMs = 0
    if (node.name === name) node.api.node.primary()
    else node.api.node.replica()
  }
}

describe('HAProxy', () => {
  it('finds the primary by OPTIONS / HTTP/1.0 and the replicas by OPTIONS /replica', async () => {
    lead('pg0')
    await eventually(ports.primary, ['pg0'])
    await eventually(ports.leader, ['pg0'])
    await eventually(ports.replicas, ['pg1', 'pg2'])
    await eventually(ports.near, ['pg1', 'pg2'])
  })

  it('follows a change of roles', async () => {
    lead('pg2')
    await eventually(ports.primary, ['pg2'])
    await eventually(ports.leader, ['pg2'])
    await eventually(ports.replicas, ['pg0', 'pg1'])
  })

  it('leaves out a replica that lags, only where asked to', async () => {
    lead('pg0')
    nodes[1]?.api.node.replica({ replayLsn: 1n })
    await eventually(ports.near, ['pg2'])
    await eventually(ports.replicas, ['pg1', 'pg2'])
  })

  it('sends nobody to a leader whose lease has run out', async () => {
    lead('pg0')
    await eventually(ports.primary, ['pg0'])
    const leader = nodes[0]
    if (leader === undefined) throw new Error('no node')
    leader.api.node.leaseUntilMs = clock.bootMs() - 1
    await eventually(ports.primary, [''])
  })

  it('left nothing in the log for all its checks', () => {
    expect(nodes.flatMap(node => node.api.log.above('INFO'))).toEqual([])
  })
})
