// A standby's WAL receiver: connects to its upstream, again and again, and takes what comes, late. A connection whose
// other end is cut off is noticed only after a while.

import type { Upstream } from '../../../src/model/cluster/peer.ts'
import type { Timer } from '../scheduler.ts'
import type { Postmaster } from './postmaster.ts'
import { streamability, type WalEnd } from './wal.ts'

const RETRY_MS = 5000
/** wal_receiver_status_interval: a reply that was lost is made up for. */
const STATUS_EVERY_MS = 10_000
const GIVE_UP_MS = 20_000

export class Receiver {
  readonly server: Postmaster
  readonly #upstream: Upstream
  #source: Postmaster | null = null
  #underWay: boolean = false
  #silentSinceMs: number | null = null
  #closed: boolean = false
  #retry: Timer | null = null
  #status: Timer | null = null
  /** Why it does not stream; null: it does. */
  problem: string | null = 'not connected yet'

  constructor(server: Postmaster, upstream: Upstream) {
    this.server = server
    this.#upstream = upstream
    this.#again(server.machine.world.network.latencyMs(server.machine.name, upstream.name))
  }

  get streaming(): boolean {
    return this.#source !== null
  }

  get source(): Postmaster | null {
    return this.#source
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#disconnect('closed')
  }

  /** The other end closed the connection, or the machine that ran it is gone (then nobody says so). */
  upstreamEnded(): void {
    const { world } = this.server.machine
    if (
      this.#source?.machine.up === true &&
      world.network.connects(this.server.machine.name, this.#upstream.name)
    ) {
      this.#disconnect('the connection was closed')
      this.#again(RETRY_MS)
    } else this.#waitInSilence()
  }

  /** There may be something new upstream. */
  pump(): void {
    const source = this.#source
    if (source === null || this.#underWay || this.#closed || source.frozen || this.server.frozen) return
    const upTo = source.data.end
    if (upTo === this.server.data.end) return
    this.#underWay = true
    const { world, name } = this.server.machine
    const lagMs = world.network.latencyMs(source.machine.name, name) + world.replicationLagMs(name)
    world.scheduler.after(lagMs, () => {
      this.#underWay = false
      if (this.#closed || this.#source !== source) return
      // What was under way waits in the buffers of the network; what a frozen sender had not sent comes later.
      if (this.server.frozen) return
      // What a dead server had not sent yet is lost.
      if (source.phase === 'gone' || !world.network.connects(source.machine.name, name)) {
        this.#waitInSilence()
        return
      }
      this.#silentSinceMs = null
      this.#take(upTo)
    })
  }

  #take(upTo: WalEnd): void {
    const { data } = this.server
    const fits = streamability(data.end, upTo)
    if (fits.kind === 'corrupts') {
      this.server.machine.world.checks.corrupted(this.server, upTo)
      return
    }
    if (fits.kind === 'refused') {
      this.#disconnect(fits.why)
      this.#again(RETRY_MS)
      return
    }
    data.end = upTo
    data.newestTimeline = Math.max(data.newestTimeline, upTo.branch.timeline)
    this.reply()
    const isAwaited = this.server.received()
    this.pump()
    if (!isAwaited) this.server.machine.world.scheduler.wakesNobody()
  }

  /** The source learns what was flushed here. */
  reply(): void {
    const source = this.#source
    if (source?.sync.isOn !== true) return
    const { world, name } = this.server.machine
    const { lsn } = this.server.data
    world.scheduler.after(world.network.latencyMs(name, source.machine.name), () => {
      const arrives = this.#source === source && world.network.connects(name, source.machine.name)
      if (arrives && source.phase !== 'gone') source.sync.flushed(this, lsn)
    })
    this.#status?.cancel()
    this.#status = world.scheduler.after(STATUS_EVERY_MS, () => {
      this.pump()
      this.reply()
    })
  }

  /** Neither end knows that the other is out of reach. */
  #waitInSilence(): void {
    const { world, name } = this.server.machine
    this.#silentSinceMs ??= world.nowMs
    if (world.nowMs - this.#silentSinceMs > GIVE_UP_MS) {
      this.#disconnect('terminating walreceiver due to timeout')
      this.#again(RETRY_MS)
      return
    }
    this.#underWay = true
    world.scheduler.after(250, () => {
      this.#underWay = false
      const source = this.#source
      if (this.#closed || source === null) return
      const back = world.network.connects(source.machine.name, name) && source.machine.up
      if (!back) {
        this.#waitInSilence()
        return
      }
      this.#silentSinceMs = null
      if (source.phase === 'gone') this.upstreamEnded()
      else this.pump()
    })
  }

  #again(ms: number): void {
    if (this.#closed) return
    this.#retry?.cancel()
    this.#retry = this.server.machine.world.scheduler.after(ms, () => this.#connect())
  }

  #connect(): void {
    const { machine, data } = this.server
    const { world } = machine
    if (this.#closed || this.server.phase !== 'running' || !this.server.inRecovery) return
    const source = world.serverReachableFrom(machine.name, this.#upstream.name)
    this.problem = this.#obstacle(source)
    if (source === null || this.problem !== null) {
      this.#again(RETRY_MS)
      return
    }
    if (data.lsn < source.data.keptFrom) {
      this.problem = 'requested WAL segment has already been removed'
      this.#again(RETRY_MS)
      return
    }
    const fits = streamability(data.end, source.data.end)
    // History files come before the stream is refused or not.
    data.newestTimeline = Math.max(data.newestTimeline, source.data.timeline)
    if (fits.kind === 'corrupts') {
      world.checks.corrupted(this.server, source.data.end)
      return
    }
    if (fits.kind === 'refused') {
      this.problem = fits.why
      this.#again(RETRY_MS)
      return
    }
    this.#source = source
    source.receivers.add(this)
    this.reply()
    this.#silentSinceMs = null
    this.pump()
  }

  #obstacle(source: Postmaster | null): string | null {
    if (source === null || source.frozen) return `could not connect to ${this.#upstream.name}`
    if (source === this.server) return 'it is itself'
    if (source.machine.refusesReceivers) return 'no pg_hba.conf entry for replication connection'
    if (source.machine.refusesLogins) return 'password authentication failed for user "replicator"'
    if (source.data.systemIdentifier !== this.server.data.systemIdentifier)
      return 'database system identifier differs between the primary and standby'
    if (source.data.timeline < this.server.data.timeline)
      return `highest timeline ${source.data.timeline} of the primary is behind recovery timeline ${this.server.data.timeline}`
    if (
      this.server.data.skipped.has(source.data.timeline) &&
      source.data.timeline > this.server.data.newestTimeline
    )
      return `new timeline ${source.data.timeline} is not a child of database system timeline ${this.server.data.timeline}`
    const slot = this.#upstream.slot
    if (slot !== null && !source.data.slots.has(slot)) return `replication slot "${slot}" does not exist`
    return null
  }

  #disconnect(why: string): void {
    this.problem = why
    this.#source?.receivers.delete(this)
    this.#source = null
  }
}
