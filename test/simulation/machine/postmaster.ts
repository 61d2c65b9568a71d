// A running PostgreSQL server: starting, accepting, stopping, gone; primary or standby. It belongs to its machine, not to
// the agent, and goes on whatever becomes of that.

import type { Upstream } from '../../../src/model/cluster/peer.ts'
import type { PostmasterIdentity } from '../../../src/model/server/postgres.ts'
import type { Timer } from '../scheduler.ts'
import type { DataDirectory } from './data-directory.ts'
import type { Machine } from './machine.ts'
import { Receiver } from './receiver.ts'
import { ServerLog } from './server-log.ts'
import { nextTimeline } from './skipped-timelines.ts'
import { SyncReplication } from './sync-replication.ts'
import { lsnOf, startBranch, stepBack, type WalEnd } from './wal.ts'

type Phase = 'starting' | 'running' | 'stopping' | 'gone'

let pids = 1000

/** PostgreSQL cuts a standby off that reads nothing for so long. */
const WAL_SENDER_TIMEOUT_MS = 60_000

export class Postmaster {
  readonly machine: Machine
  readonly data: DataDirectory
  readonly identity: PostmasterIdentity
  readonly startedAtMs: number
  /** Standbys that stream from here. */
  readonly receivers = new Set<Receiver>()
  phase: Phase = 'starting'
  inRecovery: boolean
  receiver: Receiver | null = null
  promoting: boolean = false
  /** SIGSTOP for all of its processes: only SIGKILL ends them. */
  frozen: boolean = false
  /** SIGKILL came while its processes waited for a disk that hangs. */
  #isKilled: boolean = false
  readonly log: ServerLog
  /** The postmaster wants to tell of a stop: it serves nobody new, and its sessions go on. */
  waitsToStop: boolean = false
  #whenThawed: (() => void)[] = []
  readonly sync: SyncReplication
  #checkpoint: Timer | null = null
  readonly #waiting = new Set<() => void>()

  constructor(machine: Machine, data: DataDirectory) {
    const { world } = machine
    this.machine = machine
    this.data = data
    this.inRecovery = data.recoveryConfigured
    this.log = new ServerLog(machine)
    this.identity = { pid: pids++, startTicks: String(Math.round(world.nowMs * 100)) }
    this.startedAtMs = world.nowMs
    this.sync = new SyncReplication(this)
    const crashed = data.state !== 'shut down' && data.state !== 'shut down in recovery'
    const takesMs = machine.tookMs(20, 120) + (crashed ? machine.tookMs(10, 600) : 0)
    this.#after(takesMs, () => this.#becomeReady(crashed))
  }

  get acceptsConnections(): boolean {
    return this.phase === 'running' && !this.frozen
  }

  get acceptsWrites(): boolean {
    return this.phase === 'running' && !this.inRecovery && !this.frozen
  }

  /** Calls once, as soon as something about it has changed: a phase, a role, the WAL of a stop. */
  whenChanged(listener: () => void): () => void {
    this.#waiting.add(listener)
    return () => this.#waiting.delete(listener)
  }

  freeze(): void {
    this.frozen = true
  }

  thaw(): void {
    if (!this.frozen || this.#isKilled) return
    this.frozen = false
    const held = this.#whenThawed
    this.#whenThawed = []
    for (const run of held) run()
    this.receiver?.pump()
    this.sync.thawed()
    this.pump()
    this.#changed()
  }

  /** `ms` later, or when it is thawed after that. */
  #after(ms: number, run: () => void): Timer {
    return this.machine.world.scheduler.after(ms, () => {
      if (this.frozen) this.#whenThawed.push(run)
      else run()
    })
  }

  /** A client's write, or the server's own. `committed` is called when the client is told so, which may be never. */
  write(kind: 'write' | 'background', bytes: bigint, committed: (end: WalEnd) => void): void {
    if (!this.acceptsWrites) throw new Error('bug: a write to a server that does not accept any')
    this.data.append(kind, bytes)
    const { end } = this.data
    this.sync.commit(end, () => committed(end))
    this.pump()
  }

  /** Sends what is new to every standby. */
  pump(): void {
    for (const receiver of this.receivers) receiver.pump()
  }

  /** SIGINT: no more clients; a last checkpoint; it ends when every connected standby has it. */
  fastStop(): void {
    if (this.phase === 'stopping' || this.phase === 'gone') return
    const starting = this.phase === 'starting'
    if (this.frozen) {
      this.#whenThawed.push(() => this.fastStop())
      return
    }
    this.waitsToStop = this.log.keeps(() => this.fastStop())
    if (this.waitsToStop) return
    this.sync.drop()
    this.#enter('stopping')
    this.#after(this.machine.stopTookMs(), () => {
      if (this.phase !== 'stopping') return
      if (starting) {
        this.end('killed')
        return
      }
      if (this.inRecovery) {
        this.receiver?.close()
        this.data.restartPoint = this.data.end
        this.data.state = 'shut down in recovery'
        this.#writeControlFile()
        this.end('stopped')
        return
      }
      this.data.append('shutdown', 120n)
      this.data.markCheckpoint()
      this.data.state = 'shut down'
      this.#writeControlFile()
      this.#changed()
      this.pump()
      // The archiver may still be at work.
      this.#after(this.machine.tookMs(0, 200), () => this.#endWhenSent())
      this.#after(WAL_SENDER_TIMEOUT_MS, () => {
        if (this.phase === 'stopping') this.dropReceivers()
      })
    })
  }

  /** SIGQUIT, SIGKILL, or a power cut. */
  kill(): void {
    if (this.phase === 'gone') return
    const waits = this.machine.hungDisk || this.log.holds
    if (waits && this.machine.up) {
      this.#isKilled = true
      this.freeze()
      return
    }
    // What a standby's control file promises may be older than what it has.
    if (this.inRecovery && this.data.state === 'in archive recovery')
      this.data.restartPoint = stepBack(this.data.end, this.machine.world.random.below(6))
    this.end('killed')
  }

  diskAnswers(): void {
    if (this.#isKilled && !this.log.holds) this.end('killed')
  }

  /** The state directory answers again. */
  logAnswers(): void {
    const waiting = this.log.release()
    if (this.#isKilled && !this.machine.hungDisk) this.end('killed')
    if (!this.#isKilled) for (const goOn of waiting) goOn()
  }

  end(how: 'stopped' | 'killed'): void {
    this.sync.drop()
    this.#enter('gone')
    this.receiver?.close()
    this.receiver = null
    this.#checkpoint?.cancel()
    for (const receiver of [...this.receivers]) receiver.upstreamEnded()
    this.machine.serverEnded(this, how)
  }

  /** Every connection of a standby is ended. */
  dropReceivers(): void {
    for (const receiver of [...this.receivers]) receiver.upstreamEnded()
  }

  promote(): void {
    if (this.promoting || this.phase !== 'running' || !this.inRecovery) return
    this.promoting = true
    const { world } = this.machine
    const promote = () => {
      if (this.phase !== 'running' || this.log.keeps(promote)) return
      this.receiver?.close()
      this.receiver = null
      const before = this.data.end
      const timeline = nextTimeline(this.data)
      this.data.end = startBranch(timeline, before, this.data.id)
      this.data.newestTimeline = timeline
      this.data.append('promotion', 48n)
      this.data.recoveryConfigured = false
      this.data.upstream = null
      this.data.state = 'in production'
      this.inRecovery = false
      this.promoting = false
      world.promoted(this, before)
      if (this.machine.freezesAtPromotionForMs !== null) this.machine.freezeAtPromotion()
      this.#changed()
      this.pump()
      // The checkpoint that writes the new timeline into the control file comes by itself, but not soon.
      this.checkpointWithin(this.machine.tookMs(500, 4000))
    }
    this.#after(this.machine.tookMs(15, 150), promote)
  }

  checkpointWithin(ms: number): void {
    this.#checkpoint?.cancel()
    const write = () => {
      if (!this.acceptsWrites || this.log.keeps(write)) return
      this.data.append('checkpoint', 120n)
      this.data.markCheckpoint()
      this.#writeControlFile()
      this.pump()
      this.#changed()
    }
    this.#checkpoint = this.#after(ms, write)
  }

  /** By name: over that of other data, if its directory was replaced. Where a backup_label is, that tells, and not the file. */
  #writeControlFile(): void {
    const there = this.machine.data
    if (there !== null && there !== this.data && !there.backupLabel) there.overwritten = true
  }

  /**
   * Recovery settings were changed and reloaded. The server finds its configuration by the file's name: in a directory that
   * was put in the place of its own.
   */
  reloadUpstream(upstream: Upstream | null): void {
    if (!this.inRecovery || this.phase !== 'running') return
    this.receiver?.close()
    this.receiver = upstream === null ? null : new Receiver(this, upstream)
  }

  /** True if a program waited for that. */
  received(): boolean {
    this.pump()
    return this.#changed()
  }

  #becomeReady(crashed: boolean): void {
    if (this.phase !== 'starting') return
    this.data.backupLabel = false
    if (this.inRecovery) {
      this.data.state = 'in archive recovery'
      this.#enter('running')
      this.reloadUpstream(this.data.upstream)
      return
    }
    if (crashed) {
      this.data.append('checkpoint', 120n)
      this.data.markCheckpoint()
    }
    this.data.state = 'in production'
    this.#enter('running')
    this.machine.world.becamePrimary(this)
  }

  /** A standby that is not reachable any more holds the stop up, until its connection is given up. */
  #endWhenSent(): void {
    if (this.phase !== 'stopping') return
    const behind = [...this.receivers].some(receiver => receiver.server.data.lsn < lsnOf(this.data.end))
    if (!behind) {
      this.end('stopped')
      return
    }
    this.#after(20, () => this.#endWhenSent())
  }

  #enter(phase: Phase): void {
    this.phase = phase
    this.#changed()
  }

  #changed(): boolean {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const listener of waiting) listener()
    return waiting.length > 0
  }
}
