// The Postgres port of one agent process over its machine's simulated server: every step bounded, told by a signal to
// end, and cut short when the process dies, as in src/postgres.

import type { Upstream } from '../../../src/model/cluster/peer.ts'
import type { PromotionNote } from '../../../src/model/decision/work.ts'
import { type Seen, seen, unseen } from '../../../src/model/seen.ts'
import type { Origin } from '../../../src/model/server/origins.ts'
import type {
  PostgresView,
  PostmasterIdentity,
  RecoverySettingsView,
} from '../../../src/model/server/postgres.ts'
import type { ShutdownPosition } from '../../../src/model/server/progress.ts'
import type {
  Divergence,
  Postgres,
  SlotChanges,
  StartOptions,
  StepOutcome,
  StopOptions,
} from '../../../src/ports/postgres.ts'
import { probeDiskOf } from './disk-probe.ts'
import {
  baseBackup,
  crashRecovery,
  giveUpData,
  initialise,
  OVERWRITTEN,
  reachSource,
  rewindData,
} from './disk-work.ts'
import { knockAt } from './knock.ts'
import { datedHistory, lookAt, positionOf, readinessOf } from './look.ts'
import type { Machine } from './machine.ts'
import { noteOrigin, notePromotion } from './origins.ts'
import type { OsProcess } from './os-process.ts'
import type { Postmaster } from './postmaster.ts'
import { setSyncNames, writeSettingsFiles } from './settings-files.ts'
import { forgetSkipped, skipTimelines } from './skipped-timelines.ts'
import { cancelled, DONE, failed } from './step.ts'
import { compareTimelines } from './timelines.ts'
import { untilServer } from './until-server.ts'

const isGone = (server: Postmaster): boolean => server.phase === 'gone'

export class SimulatedPostgres implements Postgres {
  readonly #machine: Machine
  readonly #process: OsProcess
  /** The postmaster that a look or a start has shown: only its end is told. */
  #known: PostmasterIdentity | null = null
  #readiness: { readonly key: string; readonly sinceMs: number } | null = null

  constructor(machine: Machine, process: OsProcess) {
    this.#machine = machine
    this.#process = process
  }

  async look(budgetMs: number): Promise<PostgresView> {
    const { clock } = this.#process
    const startMs = clock.bootMs()
    const server = this.#server
    const answers = server === null || !(this.#machine.hangsQueries || server.frozen)
    const tookMs = answers ? Math.min(budgetMs, this.#machine.tookMs(1, 6)) : budgetMs - 50
    await clock.sleep(tookMs / 2)
    const seenAs = { answers: answers && tookMs < budgetMs, sinceMs: this.#since(answers) }
    const view = lookAt(this.#machine, this.#server, startMs, seenAs)
    if (this.#server !== null) this.#machine.noteServer(this.#server)
    await clock.sleep(tookMs / 2)
    this.#known = view.process.kind === 'running' ? view.process.identity : null
    return view
  }

  readonly tryLogins = async () => [] // Nobody changes a password here.
  readonly probeDisk = () => probeDiskOf(this.#machine, this.#process)
  readonly logsToState = async () => this.#server?.log.isOnState === true
  readonly knock: Postgres['knock'] = (_, limitMs) => knockAt(this.#server, this.#process, limitMs)

  /** The one of the data directory, or one that this process has followed since before that was taken away. */
  get #server(): Postmaster | null {
    const { server, serverHere } = this.#machine
    return server !== null && this.#known?.pid === server.identity.pid ? server : serverHere
  }
  get #orphan(): Postmaster | null {
    return this.#server === null ? this.#machine.server : null
  }

  #since(answers: boolean): number {
    const server = this.#server
    if (server === null) return 0
    const key = `${server.identity.pid} ${readinessOf(server, answers)}`
    if (this.#readiness?.key !== key) this.#readiness = { key, sinceMs: this.#process.clock.bootMs() }
    return this.#readiness.sinceMs
  }

  async compareRecovery(upstream: Upstream | null): Promise<Seen<RecoverySettingsView>> {
    const { clock } = this.#process
    const atMs = clock.bootMs()
    await clock.sleep(1)
    const server = this.#server
    if (server === null || !server.acceptsConnections || this.#machine.hangsQueries)
      return unseen('the server does not answer')
    const { upstream: current } = server.data
    const differing = [
      ...(current?.host === upstream?.host && current?.port === upstream?.port ? [] : ['primary_conninfo']),
      ...((current?.slot ?? '') === (upstream?.slot ?? '') ? [] : ['primary_slot_name']),
    ]
    return seen({ change: differing.length === 0 ? 'none' : 'reload', differing }, atMs)
  }

  onExit(listener: () => void): () => void {
    this.#machine.exitListeners.set(this.#process, server =>
      this.#process.deliver(() => {
        if (this.#known?.pid === server.identity.pid) listener()
      }),
    )
    return () => this.#machine.exitListeners.delete(this.#process)
  }

  use(): void {}
  readonly writeSettings = (): Promise<StepOutcome> => writeSettingsFiles(this.#machine, this.#process)

  readonly setSyncNames = (value: string | null): Promise<StepOutcome> =>
    setSyncNames(this.#machine, this.#process, this.#server, value)

  readonly initdb = (signal: AbortSignal): Promise<StepOutcome> =>
    initialise(this.#machine, this.#process, signal)

  async finishBootstrap(signal: AbortSignal): Promise<StepOutcome> {
    await this.#process.clock.sleep(this.#machine.tookMs(10, 80), signal)
    if (signal.aborted) return cancelled('the bootstrap')
    const { data } = this.#machine
    const server = this.#server
    if (server?.acceptsWrites !== true || data === null) return failed('the new server does not answer')
    data.unfinishedBootstrap = false
    return DONE
  }

  readonly basebackup = (from: Upstream, signal: AbortSignal): Promise<StepOutcome> =>
    baseBackup(this.#machine, this.#process, from, signal)

  async start(options: StartOptions, signal: AbortSignal): Promise<StepOutcome> {
    const { data } = this.#machine
    const server = this.#server
    if (signal.aborted) return cancelled('the start')
    if (server !== null) return this.#waitUntilReady(server, options.timeoutMs, signal)
    if (data === null) return failed('cannot start: the data directory is empty')
    await this.#process.clock.sleep(this.#machine.tookMs(2, 15))
    if (signal.aborted) return cancelled('the start')
    if (this.#machine.failsStarts || this.#machine.cannotWrite || this.#orphan !== null)
      return failed('could not bind to the port')
    if (!data.usable) return failed('the server ended at once: could not read the control file')
    if (data.rewindBroken) return failed('a rewind was broken off, the data directory needs a new copy')
    if (data.overwritten) return failed(OVERWRITTEN, 'make a new copy')
    if (this.#machine.data !== data || this.#machine.server !== null)
      return failed('somebody else works here')
    forgetSkipped(data)
    data.recoveryConfigured = options.as === 'standby'
    data.upstream = options.as === 'standby' ? options.upstream : null
    if (options.as === 'standby') data.syncNames = null
    const started = this.#machine.spawnServer()
    this.#known = started.identity
    options.onSpawned?.(started.identity)
    return this.#waitUntilReady(started, options.timeoutMs, signal)
  }

  async #waitUntilReady(server: Postmaster, timeoutMs: number, signal: AbortSignal): Promise<StepOutcome> {
    const ended = await untilServer(
      this.#process,
      server,
      () => server.phase !== 'starting',
      timeoutMs,
      signal,
    )
    if (ended === 'aborted') {
      server.kill()
      return cancelled('the start')
    }
    if (ended === 'late')
      return { ok: false, why: `not ready after ${timeoutMs} ms, still starting`, stillStarting: true }
    return server.acceptsConnections ? DONE : failed('the server ended while it was starting')
  }

  async stop(
    options: StopOptions,
    signal: AbortSignal,
  ): Promise<StepOutcome & { readonly position?: ShutdownPosition | null }> {
    const server = this.#server
    const { clock } = this.#process
    const position = () => positionOf(this.#machine, server)
    if (server === null) return { ok: true, position: position() }
    if (options.checkpoint && options.mode === 'fast') await clock.sleep(this.#machine.tookMs(5, 300), signal)
    if (signal.aborted) return cancelled('the stop')
    const gone = () => isGone(server)
    if (options.mode === 'fast') {
      server.fastStop()
      const ended = await untilServer(this.#process, server, gone, options.timeoutMs, signal, () => {
        const found = position()
        if (found !== null) options.onShutDown?.(found)
      })
      if (ended === 'yes') return { ok: true, position: position() }
      if (ended === 'aborted') return cancelled('the stop')
    }
    await clock.sleep(this.#machine.random.skewed(1, 20)) // SIGQUIT does nothing to processes that are stopped:
    if (server.frozen) await untilServer(this.#process, server, gone, options.timeoutMs ?? 0, signal)
    server.kill()
    return gone() ? { ok: true, position: position() } : failed('it survives SIGKILL')
  }

  async stopOrphans(signal: AbortSignal): Promise<StepOutcome> {
    await this.#process.clock.sleep(this.#machine.random.skewed(1, 60), signal)
    if (signal.aborted) return cancelled('stopping former servers')
    this.#orphan?.kill()
    return this.#orphan === null ? DONE : failed('a former server survives SIGKILL')
  }

  async follow(upstream: Upstream | null): Promise<StepOutcome> {
    const { data } = this.#machine
    const server = this.#server
    await this.#process.clock.sleep(this.#machine.tookMs(1, 5))
    if (server === null || data === null) return failed('PostgreSQL is not running')
    forgetSkipped(data)
    // The file by its name; what runs has its own.
    data.upstream = upstream
    server.data.upstream = upstream
    server.reloadUpstream(upstream)
    return DONE
  }

  readonly notePromotion = (note: PromotionNote): Promise<StepOutcome> =>
    this.#process.clock.sleep(1).then(() => notePromotion(this.#machine, note))

  async noteOrigin(systemIdentifier: string, origin: Origin | null): Promise<StepOutcome> {
    await this.#process.clock.sleep(1)
    return noteOrigin(this.#machine, systemIdentifier, origin)
  }

  readonly skipTimelines = (timelines: readonly number[]) => skipTimelines(this.#machine, timelines)

  async promote(timeoutMs: number, signal: AbortSignal): Promise<StepOutcome> {
    const server = this.#server
    if (signal.aborted) return cancelled('the promotion')
    if (server === null || server.phase !== 'running')
      return failed('cannot promote: PostgreSQL is not running')
    await this.#process.clock.sleep(1)
    server.promote()
    const over = () => !server.inRecovery || isGone(server)
    const ended = await untilServer(this.#process, server, over, timeoutMs, signal)
    // Whether it is a primary it has to say itself.
    while (ended === 'yes' && this.#machine.hangsQueries && !isGone(server) && !signal.aborted)
      await this.#process.clock.sleep(100, signal)
    if (ended === 'aborted') return cancelled('the promotion')
    if (ended === 'late') return failed(`still in recovery ${timeoutMs} ms after the promotion`)
    return server.inRecovery ? failed('the server ended during the promotion') : DONE
  }

  readonly crashRecovery = (signal: AbortSignal) => crashRecovery(this.#machine, this.#process, signal)

  async rewind(from: Upstream, signal: AbortSignal): Promise<StepOutcome & { readonly damaged?: boolean }> {
    const stopped = await this.stop({ mode: 'fast', checkpoint: false, timeoutMs: 60_000 }, signal)
    if (!stopped.ok) return stopped
    return rewindData(this.#machine, this.#process, from, signal)
  }

  readonly compareTimelines = (leader: Upstream, budgetMs: number): Promise<Seen<Divergence>> =>
    compareTimelines(this.#machine, this.#process, this.#server, leader, budgetMs)

  readonly reachSource = (from: Upstream): Promise<StepOutcome> =>
    reachSource(this.#machine, this.#process, from)

  readonly removeDataDirectory = (): Promise<StepOutcome> =>
    giveUpData(this.#machine, this.#process, 'removed')
  readonly setDataDirectoryAside = (): Promise<StepOutcome> =>
    giveUpData(this.#machine, this.#process, 'moved')

  checkpointSoon(): void {
    this.#server?.checkpointWithin(this.#machine.tookMs(10, 400))
  }

  async changeSlots({ create, drop, advance }: SlotChanges): Promise<StepOutcome> {
    await this.#process.clock.sleep(this.#machine.tookMs(1, 6))
    const server = this.#server
    if (server === null || !server.acceptsConnections || this.#machine.hangsQueries)
      return failed('the server does not answer')
    // Wherever it works.
    const { data } = server
    for (const name of create) data.slots.set(name, { name, restartLsn: data.lsn })
    for (const name of drop) data.slots.delete(name)
    for (const { name, to } of advance) {
      const slot = data.slots.get(name)
      if (slot !== undefined) slot.restartLsn = to
    }
    return DONE
  }

  readonly resumeReplay = async () => DONE
  readonly readHistory = async (timeline: number) =>
    datedHistory(this.#machine.data, timeline, this.#process.clock.bootMs())
  readonly cacheDynamicConfig = async () => DONE
  async close(): Promise<void> {}
}
