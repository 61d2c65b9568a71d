// The node behind the API in these tests: the other side of the NodeState port, settable from a test, and a running server
// with a real clock. No test here replaces anything that the server itself is made of.

import { defaultSettings } from '../../src/config/dynamic.ts'
import type { ClusterView, JsonObject } from '../../src/model/cluster/cluster.ts'
import type { FailsafePing } from '../../src/model/cluster/failsafe.ts'
import type { Order, OrderAnswer } from '../../src/model/decision/order.ts'
import { revision } from '../../src/model/revision.ts'
import { type Seen, seen, unseen } from '../../src/model/seen.ts'
import type { ServerView } from '../../src/model/server/postgres.ts'
import type { RestApiConfig } from '../../src/model/settings/config.ts'
import type { DynamicSettings } from '../../src/model/settings/dynamic-settings.ts'
import type { Log } from '../../src/ports/log.ts'
import type { Peers } from '../../src/ports/peers.ts'
import type { Store } from '../../src/ports/store.ts'
import { createAgentSide } from '../../src/rest/agent-side.ts'
import type { Services } from '../../src/rest/endpoint-context.ts'
import type { FailsafeAnswer, FailsafeView, NodeState, NodeStatus } from '../../src/rest/node-view.ts'
import { createApiServer, type RestServer } from '../../src/rest/server.ts'
import { systemClock } from '../../src/system/clock.ts'

export const clock = systemClock()

export const SETTINGS: DynamicSettings = defaultSettings()

export const REPLICA_SERVER: ServerView = {
  version: 150020,
  inRecovery: true,
  timeline: 1,
  position: 67381760n,
  receiveLsn: 67381760n,
  replayLsn: 67381760n,
  replayPaused: false,
  replayTimestamp: '2026-11-22 11:27:30.152364+00',
  walReceiver: { status: 'streaming', receivedTimeline: 1, latestEndLsn: 67381760n },
  restoreCommandSet: false,
  controlTimeline: 1,
  startTime: '2026-11-22 11:26:35.031618+00',
  slots: [],
  replication: [],
  pendingRestart: {},
}

export const PRIMARY_SERVER: ServerView = {
  ...REPLICA_SERVER,
  inRecovery: false,
  receiveLsn: null,
  replayLsn: null,
  replayTimestamp: null,
  walReceiver: null,
}

export const STATUS: NodeStatus = {
  state: 'running',
  role: 'replica',
  server: unseen('nobody looked'),
  postmasterRunning: true,
  systemIdentifier: '7710955613899059416',
  tags: {},
  configuredTags: {},
  noloadbalance: false,
  nofailover: false,
  failoverPriority: 1,
  pendingRestartReason: null,
  scheduledRestart: null,
  dcsLastSeen: 1795346862,
  replicaObstacle: null,
  problem: null,
  watchdogFailed: false,
  paused: false,
  unfit: null,
  unansweredMs: 0,
  diskFailingMs: 0,
  ownDiskFailingMs: 0,
  standstillMs: 0,
  nextBeatDueMs: 0,
}

export const CLUSTER: ClusterView = {
  revision: revision(10),
  source: 'read',
  initialize: { value: '7710955613899059416', modRevision: revision(1) },
  config: { value: { valid: true, document: { ttl: 30 } }, modRevision: revision(2) },
  leader: { name: 'pg0', leaseId: '1', modRevision: revision(3) },
  lastLeader: null,
  members: [],
  status: { value: { optime: 67381760n, slots: null, retainSlots: null }, modRevision: revision(4) },
  failover: null,
  history: null,
  sync: null,
  failsafe: null,
}

/** A node whose every word a test sets. */
export class SettableNode implements NodeState {
  current: NodeStatus = { ...STATUS, nextBeatDueMs: clock.bootMs() + 10_000 }
  dynamic: DynamicSettings = SETTINGS
  view: Seen<ClusterView> = seen(CLUSTER, clock.bootMs())
  leaseUntilMs = 0
  failsafeView: FailsafeView = { activeUntilMs: 0, members: null }
  failsafeAnswer: FailsafeAnswer = { kind: 'accepted', lsn: null, holdsMs: 30_000 }
  readonly pings: FailsafePing[] = []
  readonly wakes: string[] = []
  reloads = 0
  refreshes = 0
  /** What `fresh` brings; undefined: nothing new, PostgreSQL did not answer. */
  onFresh: (() => void) | undefined = () => this.serve(REPLICA_SERVER)

  now() {
    return clock
  }
  settings() {
    return this.dynamic
  }
  leaderLeaseUntilMs() {
    return this.leaseUntilMs
  }
  status() {
    return this.current
  }
  cluster() {
    return this.view
  }
  failsafe() {
    return this.failsafeView
  }
  async fresh() {
    this.onFresh?.()
  }
  refreshNumbers() {
    this.refreshes += 1
  }
  wake(reason: string) {
    this.wakes.push(reason)
  }
  reload() {
    this.reloads += 1
  }
  /** Orders that were given, and what becomes of each. */
  readonly orders: Order[] = []
  answer: OrderAnswer | null = { is: 'restarted' }
  async order(order: Order) {
    this.orders.push(order)
    return this.answer
  }
  refusal: string | null = null
  refusedSince() {
    return this.refusal
  }
  acceptFailsafe(ping: FailsafePing) {
    this.pings.push(ping)
    return this.failsafeAnswer
  }
  backlog = { queued: 0, lost: 0 }
  logger() {
    return this.backlog
  }
  extra(): JsonObject {
    return {}
  }

  set(change: Partial<NodeStatus>): this {
    this.current = { ...this.current, ...change }
    return this
  }
  serve(server: ServerView): this {
    return this.set({ server: seen(server, clock.bootMs()) })
  }
  replica(change: Partial<ServerView> = {}): this {
    return this.set({ role: 'replica', state: 'running' }).serve({ ...REPLICA_SERVER, ...change })
  }
  /** Holds the lease and runs as primary. */
  primary(change: Partial<ServerView> = {}): this {
    this.leaseUntilMs = clock.bootMs() + 60_000
    return this.set({ role: 'primary', state: 'running' }).serve({ ...PRIMARY_SERVER, ...change })
  }
  showCluster(change: Partial<ClusterView>): this {
    this.view = seen({ ...CLUSTER, ...change }, clock.bootMs())
    return this
  }
}

export class Lines implements Log {
  readonly all: string[] = []
  debug(message: string) {
    this.all.push(`DEBUG ${message}`)
  }
  info(message: string) {
    this.all.push(`INFO ${message}`)
  }
  warning(message: string) {
    this.all.push(`WARNING ${message}`)
  }
  error(message: string) {
    this.all.push(`ERROR ${message}`)
  }
  above(level: 'INFO' | 'DEBUG'): readonly string[] {
    return this.all.filter(
      line => !line.startsWith('DEBUG') && (level === 'DEBUG' || !line.startsWith('INFO')),
    )
  }
}

export const OPEN_CONFIG: RestApiConfig = {
  listen: { host: '127.0.0.1', port: 0 },
  connectAddress: { host: '127.0.0.1', port: 0 },
  credentials: null,
  tls: null,
  verifyClient: 'none',
  allowlist: [],
  allowlistIncludeMembers: false,
  httpExtraHeaders: {},
  httpsExtraHeaders: {},
  serverTokens: 'original',
}

/** A store that nobody reaches: for tests of what does not need one. */
export const UNREACHABLE_STORE: Store = unreachableStore()

function unreachableStore(): Store {
  const why = 'etcd is away'
  const write = async () => ({ kind: 'unreachable', why }) as const
  return {
    view: () => unseen(why),
    read: async () => unseen(why),
    onChange: () => () => {},
    retime: () => {},
    keepLease: write,
    adoptLease: write,
    acquireLeader: write,
    noteGuard: write,
    renewLeader: write,
    takeLeaderAfterBootstrap: write,
    releaseLeader: write,
    publishMember: write,
    writeInitialize: write,
    deleteInitialize: write,
    writeConfig: write,
    writeFailover: write,
    writeFailsafe: write,
    writeHistory: write,
    writePromotions: write,
    writeTakeovers: write,
    writeSync: write,
    close: async () => {},
  }
}

export const LONELY_PEERS: Peers = {
  ask: async members => new Map(members.map(member => [member.name, unseen('nobody there')])),
  answers: async () => false,
}

export interface Running {
  readonly server: RestServer
  readonly node: SettableNode
  readonly log: Lines
  readonly base: string
}

export interface StartOptions {
  readonly config?: Partial<RestApiConfig>
  readonly node?: SettableNode
  readonly store?: Store
  readonly peers?: Peers
  readonly self?: string
  readonly validateDynamic?: (document: JsonObject) => readonly string[]
  readonly hasSetting?: (document: JsonObject) => boolean
  readonly parameters?: Services['parameters']
}

/** The API and the agent's side in one thread. */
function createRestServer(config: RestApiConfig, services: Services): RestServer {
  const line = createAgentSide(services)
  const server = createApiServer(config, { ...services, readings: services.state, line })
  return { ...server, stop: () => server.stop().finally(() => line.stop()) }
}

export async function startServer(options: StartOptions = {}): Promise<Running> {
  const node = options.node ?? new SettableNode()
  const log = new Lines()
  const config = { ...OPEN_CONFIG, ...options.config }
  const server = createRestServer(config, {
    state: node,
    store: options.store ?? UNREACHABLE_STORE,
    peers: options.peers ?? LONELY_PEERS,
    self: options.self ?? 'pg1',
    scope: 'demo',
    clock,
    log,
    validateDynamic: options.validateDynamic ?? (() => []),
    hasSetting: options.hasSetting ?? (() => true),
    parameters: options.parameters ?? (async () => unseen('no server is running')),
  })
  await server.start()
  const scheme = config.tls === null ? 'http' : 'https'
  return { server, node, log, base: `${scheme}://127.0.0.1:${server.port()}` }
}
