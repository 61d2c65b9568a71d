// Small real HTTP servers in the place of members' REST API: each answers from what the test says the member is, and
// the leader's answers a switchover by doing in etcd what a cluster does. A hung one accepts and never answers.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { freePort } from '../../adapters/free-port.ts'
import type { Stage } from './stage.ts'

export interface MemberState {
  role: 'primary' | 'replica'
  state: string
  /** NaN: nothing runs that could say. */
  location: number
  timeline: number
  streaming: boolean
  tags: Readonly<Record<string, unknown>>
  /** Who gets WAL from it, as an agent of hactl tells; left out: it is Patroni's and need not. */
  sendsTo?: readonly string[]
  /** Fields that its status document and its key have besides. */
  more?: Readonly<Record<string, unknown>>
}

/** What a POST of /switchover or /failover comes to. */
export type OnRequest = (
  action: string,
  body: Readonly<Record<string, unknown>>,
) => Promise<readonly [status: number, text: string]>

export class FakeMember {
  readonly name: string
  readonly port: number
  now: MemberState
  /** Accept connections, answer nothing. */
  hung: boolean = false
  onRequest: OnRequest = async () => [503, 'not prepared']
  /** Answers what the test wants answered in another way; null: as ever. */
  onLine: (line: string, body: string) => Promise<readonly [status: number, text: string] | null> =
    async () => null
  readonly requests: { readonly line: string; readonly body: string }[] = []
  #server: Server | null = null
  readonly #sockets = new Set<Socket>()

  constructor(name: string, port: number, now: MemberState) {
    this.name = name
    this.port = port
    this.now = now
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch(error => response.destroy(error))
    })
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.listen(this.port, '127.0.0.1')
    // Rejects when the port is taken.
    await once(server, 'listening')
    this.#server = server
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = null
    for (const socket of this.#sockets) socket.destroy()
    if (server !== null) await new Promise(resolve => server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    const line = `${request.method} ${request.url}`
    this.requests.push({ line, body })
    if (this.hung) return
    const [status, text] = await this.#reply(line, body)
    response.writeHead(status).end(text)
  }

  async #reply(line: string, body: string): Promise<readonly [number, string]> {
    const special = await this.onLine(line, body)
    if (special !== null) return special
    if (line === 'GET /primary') return [this.now.role === 'primary' ? 200 : 503, '{}']
    if (line === 'GET /patroni') return [200, JSON.stringify(this.document())]
    const action = /^POST \/(switchover|failover)$/.exec(line)?.[1]
    if (action !== undefined) return this.onRequest(action, JSON.parse(body))
    return [200, '{}']
  }

  document(): Readonly<Record<string, unknown>> {
    const { role, state, location, timeline, streaming, tags, sendsTo } = this.now
    const xlog =
      role === 'primary' ? { location } : { received_location: location, replayed_location: location }
    return {
      ...{ state, role, timeline, tags, server_version: 150020 },
      ...(Number.isFinite(location) && { xlog }),
      ...(streaming && { replication_state: 'streaming' }),
      ...(sendsTo !== undefined &&
        sendsTo.length > 0 && {
          replication: sendsTo.map(name => ({ application_name: name, state: 'streaming' })),
        }),
      ...(sendsTo !== undefined && { hactl: { version: '1.0.0' } }),
      patroni: { version: '4.1.5', scope: 'duo', name: this.name },
      ...this.now.more,
    }
  }

  /** Its member key, when it is `now`. */
  record(now: MemberState): Readonly<Record<string, unknown>> {
    const { role, state, location, timeline, streaming, tags } = now
    return {
      conn_url: `postgres://127.0.0.1:${5432 + Number(this.name.slice(2))}/postgres`,
      api_url: `http://127.0.0.1:${this.port}/patroni`,
      ...{ state, role, timeline, tags, version: '4.1.5', xlog_location: location },
      ...(role === 'replica' && { receive_lsn: location, replay_lsn: location }),
      ...(streaming && { replication_state: 'streaming' }),
      ...now.more,
    }
  }
}

export interface FakeCluster {
  readonly members: readonly FakeMember[]
  member(name: string): FakeMember
  /** What a healthy cluster does after a request: hand over, rejoin, clear the request. */
  changeLeader(from: string | null, to: string, rejoins: 'rejoins' | 'stays away'): Promise<void>
  close(): Promise<void>
}

/** `duo`: pg0 leads at 1000000, pg1 streams and has everything, pg2 streams and is 2 MiB behind. */
export async function openCluster(stage: Stage): Promise<FakeCluster> {
  const standby = { role: 'replica', state: 'running', timeline: 1, streaming: true, tags: {} } as const
  const members = [
    new FakeMember('pg0', await freePort(), {
      ...standby,
      role: 'primary',
      streaming: false,
      location: 50_000_000,
    }),
    new FakeMember('pg1', await freePort(), { ...standby, location: 50_000_000 }),
    new FakeMember('pg2', await freePort(), { ...standby, location: 50_000_000 - 2097152 }),
  ]
  await Promise.all(members.map(member => member.listen()))
  const member = (name: string): FakeMember => {
    const found = members.find(other => other.name === name)
    if (found === undefined) throw new Error(`no member ${name}`)
    return found
  }
  /** Writes the key of each member as it is, or is about to be. */
  const publish = async (states: ReadonlyMap<FakeMember, MemberState>) => {
    await Promise.all(
      [...states].map(([each, state]) => stage.put(`duo/members/${each.name}`, each.record(state))),
    )
  }
  const states = () => new Map(members.map(each => [each, each.now]))
  await stage.delete('duo/')
  await stage.put('duo/initialize', '7710955613899059418')
  await stage.put('duo/config', { ttl: 30, loop_wait: 10, maximum_lag_on_failover: 1048576 })
  await stage.put('duo/status', { optime: 50_000_000 })
  await stage.put('duo/history', [])
  await stage.put('duo/leader', 'pg0')
  await publish(states())
  const changeLeader: FakeCluster['changeLeader'] = async (from, to, rejoins) => {
    const back = { ...standby, location: 50_000_000, timeline: 2 }
    const next = states()
    next.set(member(to), { ...member(to).now, role: 'primary', streaming: false, timeline: 2 })
    if (from !== null)
      next.set(member(from), rejoins === 'rejoins' ? back : { ...back, state: 'stopped', streaming: false })
    await publish(next)
    await stage.put('duo/leader', to)
    await stage.put('duo/failover', '{}')
    // Only now: whoever is told by a member that all is well finds all of it in etcd.
    for (const [each, state] of next) each.now = state
  }
  const close = async () => {
    await Promise.all(members.map(each => each.close()))
  }
  return { members, member, changeLeader, close }
}
