// The whole simulated cluster: machines, network, etcd and clients under one virtual clock, driven by one seed.

import type { DecisionEntry } from '../../src/agent/beat.ts'
import { settingsInForce } from '../../src/config/dynamic.ts'
import type { JsonObject, SyncState } from '../../src/model/cluster/cluster.ts'
import { clusterTimeline } from '../../src/model/cluster/timeline.ts'
import type { Bytes, Lsn } from '../../src/model/units.ts'
import { CONFIG, HISTORY, INITIALIZE, LEADER, PROMOTIONS, STATUS, SYNC } from '../../src/wire/keys.ts'
import { modesOf } from '../../src/wire/modes.ts'
import { parseConfig, parseHistory, parseStatus, parseSync } from '../../src/wire/records.ts'
import { Checks } from './checks/checks.ts'
import { IntervalCheck } from './checks/interval-check.ts'
import { endPromise } from './checks/sync-check.ts'
import { TimelineNumbers } from './checks/timeline-check.ts'
import { BootClock } from './machine/boot-clock.ts'
import { Machine, type MachineOptions } from './machine/machine.ts'
import type { Postmaster } from './machine/postmaster.ts'
import type { WalEnd } from './machine/wal.ts'
import { Network } from './network.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { Etcd, type StoredKey } from './store/etcd.ts'
import type { EtcdWeather } from './store/etcd-client.ts'
import { absoluteKey } from './store/store.ts'

export interface WorldOptions {
  readonly seed: number
  readonly machines: readonly MachineOptions[]
  readonly firstConfig: JsonObject
  readonly etcdClockRate: number
  /** Told everything, for people. */
  readonly tell?: (atMs: number, who: string, text: string) => void
  readonly onDecision?: (machine: Machine, entry: DecisionEntry) => void
}

const WRITE_EVERY_MS = 50
const CLIENTS = 5

/** By what a race is decided. */
interface Known {
  readonly status: Lsn | null
  readonly maximumLag: Bytes | null
  /** Synchronous mode was on, and somebody had begun it. */
  readonly isSynchronous: boolean
}

export class World {
  readonly scheduler = new Scheduler()
  readonly random: Random
  readonly network: Network
  readonly etcd: Etcd
  readonly weather: EtcdWeather = { requestLost: 0, answerLost: 0, slow: 0, slowMs: 1 }
  readonly machines: readonly Machine[]
  readonly checks: Checks
  readonly firstConfig: JsonObject
  /** Milliseconds that WAL takes longer to a standby; Infinity is not needed: a great number stalls it. */
  readonly lags = new Map<string, number>()
  /** The time of faults is over: whoever leaves is started again. */
  healed: boolean = false
  /** A data directory was taken away: a node may have less than it once published. */
  dataWasLost: boolean = false
  /** What etcd held when the leader key was taken last: an operator may change it before the promotion. */
  #wasSwitchedOff: boolean = false
  atElection: Known = { status: null, maximumLag: null, isSynchronous: false }
  readonly #numbers = new TimelineNumbers()
  readonly #options: WorldOptions
  #configRead: { readonly entry: StoredKey | null; readonly document: JsonObject | null } | null = null

  constructor(options: WorldOptions) {
    this.#options = options
    this.random = new Random(options.seed)
    this.firstConfig = options.firstConfig
    this.network = new Network(this.scheduler, this.random.fork())
    const etcdClock = new BootClock(this.scheduler, options.etcdClockRate, 0)
    this.etcd = new Etcd(this.scheduler, this.random.fork(), etcdClock)
    this.checks = new Checks(this)
    this.machines = options.machines.map(machine => new Machine(this, machine))
    new IntervalCheck(this)
    this.etcd.onChange(changes => {
      for (const { key, value } of changes) {
        if (key === absoluteKey(HISTORY) && value !== null)
          this.checks.recorded(this.machine(this.leaderKey() ?? ''))
        if (key === absoluteKey(CONFIG) || key === absoluteKey(SYNC)) this.#noteMode()
        if (key !== absoluteKey(LEADER)) continue
        this.trace('etcd', value === null ? 'the leader key is gone' : `the leader key holds ${value.text}`)
        if (value !== null) this.atElection = this.#knownNow()
      }
    })
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  trace(who: string, text: string): void {
    this.#options.tell?.(this.nowMs, who, text)
  }

  decided(machine: Machine, entry: DecisionEntry): void {
    if (entry.decision.next === 'settled') machine.lastRule = entry.decision.rule
    this.checks.decided(machine, entry)
    this.#options.onDecision?.(machine, entry)
  }

  /** Starts every agent, and clients that write wherever they are let. */
  start(): void {
    for (const machine of this.machines)
      this.scheduler.after(this.random.below(400), () => machine.startAgent())
    this.startClients()
  }

  startClients(): void {
    this.#writeSoon(this.random.fork())
  }

  machine(name: string): Machine | null {
    return this.machines.find(machine => machine.name === name) ?? null
  }

  /** Name of whom etcd holds for the leader. */
  leaderKey(): string | null {
    return this.etcd.get(absoluteKey(LEADER))?.text ?? null
  }

  /** Whose data is the cluster's; null: nobody has created it yet. */
  get clusterIdentifier(): string | null {
    return this.etcd.get(absoluteKey(INITIALIZE))?.text || null
  }

  get paused(): boolean {
    const config = this.#config()
    return config?.pause === true
  }

  get isSynchronous(): boolean {
    const config = this.#config()
    return config !== null && modesOf(config).synchronousMode !== 'off'
  }

  /** The key `sync`; null: there is none. */
  syncState(): SyncState | null {
    const entry = this.etcd.get(absoluteKey(SYNC))
    return entry === null ? null : parseSync(entry.text)
  }

  serverReachableFrom(name: string, target: string): Postmaster | null {
    const server = this.machine(target)?.server ?? null
    return this.network.connects(name, target) && server?.phase !== 'stopping' ? server : null
  }

  replicationLagMs(name: string): number {
    return this.lags.get(name) ?? 0
  }

  systemIdentifier(): string {
    return `74${String(this.random.below(1e9)).padStart(9, '0')}${String(this.random.below(1e8)).padStart(8, '0')}`
  }

  /** Nobody can know any more which numbers were handed out. */
  forgetPromotions(): void {
    this.etcd.delete(absoluteKey(PROMOTIONS))
    this.#numbers.forget()
  }

  promoted(server: Postmaster, before: WalEnd): void {
    this.trace(server.machine.name, `promoted to timeline ${server.data.timeline} at ${server.data.lsn}`)
    const wrong = this.#numbers.objection(server)
    if (wrong !== null) this.checks.violated(wrong)
    this.checks.promoted(server, before)
  }

  becamePrimary(server: Postmaster): void {
    this.trace(server.machine.name, `runs as primary on timeline ${server.data.timeline}`)
  }

  /** An operator who switches synchronous mode off takes its promise back, with the end of the key `sync`. */
  #noteMode(): void {
    const isNamed = this.syncState()?.leader != null
    if (!this.isSynchronous) this.#wasSwitchedOff = true
    else if (isNamed) this.#wasSwitchedOff = false
    if (this.#wasSwitchedOff && !isNamed) endPromise(this.checks.acknowledged)
  }

  #knownNow(): Known {
    const text = (key: string): string | null => this.etcd.get(absoluteKey(key))?.text ?? null
    const status = text(STATUS)
    const config = this.#config()
    return {
      status: status === null ? null : parseStatus(status).optime,
      maximumLag: config === null ? null : settingsInForce(config, null).settings.maximumLagOnFailover,
      isSynchronous: this.isSynchronous && this.syncState()?.leader != null,
    }
  }

  /** The cluster's timeline by the history key; 0: nothing is recorded. */
  recordedTimeline(): number {
    const entry = this.etcd.get(absoluteKey(HISTORY))
    const lines = entry === null ? null : parseHistory(entry.text)
    return clusterTimeline(lines) ?? 0
  }

  #config(): JsonObject | null {
    const entry = this.etcd.get(absoluteKey(CONFIG))
    if (entry !== this.#configRead?.entry) {
      const parsed = entry === null ? null : parseConfig(entry.text)
      this.#configRead = { entry, document: parsed?.valid === true ? parsed.document : null }
    }
    return this.#configRead?.document ?? null
  }

  #writeSoon(random: Random): void {
    this.scheduler.after(WRITE_EVERY_MS, () => {
      for (const { server } of this.machines) {
        if (server === null || !server.acceptsWrites || random.chance(0.3)) continue
        if (server.machine.cannotWrite) continue
        // Nobody knows of a server whose cluster does not exist, or not yet.
        if (server.data.systemIdentifier !== this.clusterIdentifier) continue
        const bytes = BigInt(8 * random.between(8, 60))
        const kind = random.chance(0.05) ? 'background' : 'write'
        // Each client waits for its commit.
        if (server.sync.waiting >= CLIENTS) continue
        server.write(kind, bytes, end => this.checks.acknowledge(server, end))
      }
      this.#writeSoon(random)
      this.scheduler.wakesNobody()
    })
  }
}
