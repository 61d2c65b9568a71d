// The fencer port: keeps one fencer program running, arms it, and relieves those that former agents left behind.
// The program outlives the agent on purpose, so a new agent first arms its own and then ends the old one.

import { errorText } from '../model/error-text.ts'
import type { Seen } from '../model/seen.ts'
import type { PostmasterIdentity } from '../model/server/postgres.ts'
import type { BootMillis, Millis } from '../model/units.ts'
import type { WatchdogRequest } from '../model/watchdog.ts'
import { type Clock, inTime } from '../ports/clock.ts'
import type { ArmOptions, Fencer, FencerView } from '../ports/fencer.ts'
import type { Log } from '../ports/log.ts'
import { DiskWrites } from './disk-writes.ts'
import { Program, type ProgramIdentity } from './program.ts'
import { retireOrphan } from './relieve.ts'
import { findPredecessors, recordPath, writeIdentity } from './traces.ts'
import { lookAtDevice, Watchdog } from './watchdog.ts'

export interface FencerOptions {
  /** Path of the program that src/fencer/build.sh made. */
  readonly binary: string
  readonly dataDir: string
  readonly stateDirectory: string
  readonly clock: Clock
  readonly log: Log
  /** Between SIGQUIT and SIGKILL; the deadline must be this much before the end of the lease. Default 300. */
  readonly graceMs?: Millis
  /** Default: the environment's NOTIFY_SOCKET; null: none. */
  readonly notifySocket?: string | null
  /**
   * How long an arm or disarm waits for a former agent's fencer to exit; it never does while that agent lives. Default
   * 200.
   */
  readonly retireLimitMs?: Millis
  /**
   * A program that lived for less than `afterMs` would only die again, so the next `arm` starts it. Default: 1000 each.
   */
  readonly respawn?: { readonly afterMs: Millis; readonly budgetMs: Millis }
  /** The program ended unexpectedly. It is started and armed again at once; this also wakes the agent. */
  readonly onLost?: () => void
}

/** The words of stop.c. */
const NO_SUCH_PROCESS = 'no such process'
const RESPAWN = { afterMs: 1000, budgetMs: 1000 } as const
const CLOSE_LIMIT_MS = 1000
const RETIRE_LIMIT_MS = 200

export function createFencer(options: FencerOptions): Fencer {
  return new ProgramFencer(options)
}

class ProgramFencer implements Fencer {
  readonly #options: FencerOptions
  readonly #past: Promise<void>
  #program: Program | null = null
  /** The program that confirmed the arm in force. */
  #armedBy: Program | null = null
  /** Armed programs of our own that stopped answering: killed once their successor is armed. */
  #replaced: Program[] = []
  #orphans: readonly ProgramIdentity[] = []
  #pastIsRead: boolean = false
  readonly #disk: DiskWrites
  readonly #watchdog: Watchdog
  #written: Program | null = null
  #armedUntilMs: BootMillis | null = null
  /** The end of the lease that came with that deadline. */
  #leaseEndMs: BootMillis = 0
  #postmaster: PostmasterIdentity | null = null
  #closed: boolean = false
  /** Why the last program could not even be started. */
  #failure: string | null = null
  /** What was said since the fencer was armed last: it is tried twice a second. */
  readonly #told = new Set<string>()

  constructor(options: FencerOptions) {
    this.#options = options
    this.#disk = new DiskWrites(options.clock, options.log)
    this.#watchdog = new Watchdog(options.clock, options.log)
    this.#past = this.#readPast()
  }

  view(): FencerView {
    return {
      alive: this.#program?.responsive === true && (this.#armedBy ?? this.#program) === this.#program,
      armedUntilMs: this.#armedUntilMs,
      postmaster: this.#postmaster,
      formerMayAct: !this.#pastIsRead || this.#orphans.length > 0,
      unwritten: this.#disk.problem,
      watchdog: this.#watchdog.view(),
    }
  }

  async arm(
    deadlineMs: BootMillis,
    postmaster: PostmasterIdentity | null,
    budgetMs: Millis,
    { ahead = false, leaseEndMs, watchdog = null }: ArmOptions = {},
  ): Promise<string | null> {
    const { clock } = this.#options
    const limitMs = clock.bootMs() + budgetMs
    const leftMs = () => limitMs - clock.bootMs()
    const wasArmed = this.#armedUntilMs !== null
    const program = await this.#start(budgetMs)
    if (program === null) return this.#failure ?? 'the fencer does not run'
    const { pid, startTicks } = postmaster ?? { pid: 0, startTicks: '0' }
    const endMs = leaseEndMs ?? (deadlineMs === this.#armedUntilMs ? this.#leaseEndMs : deadlineMs)
    const [deadline, end] = [deadlineMs, endMs].map(ms => Math.floor(ms + program.clockOffsetMs))
    const reply = await program.ask('arm', `${deadline} ${pid} ${startTicks} ${end}`, leftMs())
    if (reply.kind !== 'done') {
      // If the arm arrives late at a fencer that we take for disarmed, it stops a PostgreSQL that nobody promoted.
      if (!wasArmed) program.tell('disarm 0')
      // PostgreSQL may end between the look at it and this moment, as in any stop: then there is nothing to guard.
      if (reply.why === NO_SUCH_PROCESS)
        this.#options.log.info(`fencer not armed: PostgreSQL (pid ${pid}) has ended`)
      else this.#tell('warning', `fencer not armed: ${reply.why}`)
      return reply.why
    }
    this.#failure = null
    this.#told.clear()
    this.#armedBy = program
    this.#armedUntilMs = deadlineMs
    this.#leaseEndMs = endMs
    this.#postmaster = postmaster
    if (!ahead) await this.#relieve(program, leftMs(), watchdog)
    await this.#watchdog.keepOpen(program, leftMs())
    return null
  }

  async disarm(budgetMs: Millis): Promise<boolean> {
    const { clock } = this.#options
    const limitMs = clock.bootMs() + budgetMs
    await inTime(this.#past, budgetMs, clock, () => undefined)
    if (this.#program === null && this.#orphans.length === 0 && this.#replaced.length === 0) return true
    const program = await this.#start(limitMs - clock.bootMs())
    if (program === null) return false
    const reply = await program.ask('disarm', '', limitMs - clock.bootMs())
    if (reply.kind !== 'done') return false
    this.#forgetArm()
    await this.#relieve(program, limitMs - clock.bootMs(), null)
    return this.#orphans.length === 0
  }

  async openWatchdog(request: WatchdogRequest, budgetMs: Millis): Promise<string | null> {
    const program = this.#armedBy
    return program === null ? 'the fencer is not armed' : this.#watchdog.open(program, request, budgetMs)
  }

  async closeWatchdog(budgetMs: Millis): Promise<boolean> {
    return this.#armedBy === null || this.#watchdog.close(this.#armedBy, budgetMs)
  }

  lookAtWatchdog(device: string, budgetMs: Millis): Promise<Seen<string | null>> {
    return lookAtDevice(device, this.#options.clock, budgetMs)
  }

  notify(state: string): void {
    if (this.#closed || this.#notifySocket() === null) return
    const program = this.#program?.running === true ? this.#program : this.#current()
    for (const line of state.split('\n')) if (line !== '') program?.tell(`notify ${line}`)
  }

  async close(): Promise<void> {
    this.#closed = true
    const program = this.#program
    if (program === null) return
    program.release()
    if (this.#armedUntilMs !== null) return
    const limitMs = this.#options.clock.bootMs() + CLOSE_LIMIT_MS
    while (program.running && this.#options.clock.bootMs() < limitMs) await this.#options.clock.sleep(5)
  }

  /** A program that answers, its identity on disk before it is armed; both bounded, because the disk may hang. */
  async #start(budgetMs: Millis): Promise<Program | null> {
    const { clock, stateDirectory } = this.#options
    const limitMs = clock.bootMs() + budgetMs / 2
    await inTime(this.#past, budgetMs / 2, clock, () => undefined)
    const program = this.#current()
    if (program === null || program === this.#written) return program
    const identity = await program.ready(limitMs - clock.bootMs())
    if (identity === null) return program
    if (program.clockOffsetMs !== 0) {
      this.#options.log.warning(
        `fencer: /proc/uptime is ${program.clockOffsetMs} ms behind the kernel's boot clock`,
      )
    }
    const writing = () => writeIdentity(stateDirectory, identity, this.#orphans)
    if (await this.#disk.done(writing, limitMs - clock.bootMs())) this.#written = program
    return program
  }

  /**
   * The running program; a new one when there is none or when it left a question unanswered; null: no process to be
   * had.
   */
  #current(): Program | null {
    if (this.#program?.responsive === true) return this.#program
    if (this.#program !== null && this.#program === this.#armedBy) this.#replaced.push(this.#program)
    else this.#program?.kill()
    try {
      this.#program = this.#spawn()
    } catch (error) {
      // Most failures come as an event; out of memory is thrown.
      this.#program = null
      this.#failure = `the fencer could not be started: ${errorText(error)}`
      this.#tell('error', this.#failure)
    }
    return this.#program
  }

  #spawn(): Program {
    const { binary, dataDir, stateDirectory, clock, log, graceMs = 300 } = this.#options
    const recordFile = recordPath(stateDirectory)
    const notifySocket = this.#notifySocket()
    const program = new Program({ binary, dataDir, recordFile, graceMs, notifySocket }, clock, {
      fenced: line => this.#onFenced(program, line),
      warning: text => log.warning(`fencer: ${text}`),
      unwatched: why => {
        this.#watchdog.lost(program, why)
        this.#options.onLost?.()
      },
      exited: why => this.#onExited(program, why),
    })
    return program
  }

  /** Our own program has confirmed, so the others are no longer needed. `watchdog`: to be taken over from them. */
  async #relieve(program: Program, budgetMs: Millis, watchdog: WatchdogRequest | null): Promise<void> {
    for (const old of this.#replaced.splice(0)) old.kill()
    if (this.#orphans.length === 0) return
    const { clock, retireLimitMs = RETIRE_LIMIT_MS } = this.#options
    const endMs = clock.bootMs() + budgetMs
    const kept: ProgramIdentity[] = []
    for (const orphan of this.#orphans) {
      const limitMs = Math.min(budgetMs, retireLimitMs)
      const end = await retireOrphan(program, orphan, watchdog?.device ?? null, clock, limitMs)
      if (end === 'relieved')
        this.#options.log.info(`fencer: relieved the one of the former agent (pid ${orphan.pid})`)
      else if (end === 'stays') kept.push(orphan)
    }
    if (watchdog !== null) await this.#watchdog.open(program, watchdog, endMs - clock.bootMs())
    this.#orphans = kept
    const { identity } = program
    if (identity !== null) {
      const writing = () => writeIdentity(this.#options.stateDirectory, identity, kept)
      await this.#disk.done(writing, budgetMs)
    }
  }

  #onFenced(program: Program, line: string): void {
    this.#options.log.error(`fencer: the lease's deadline passed, PostgreSQL was stopped: ${line}`)
    if (program === this.#program) this.#forgetArm()
  }

  #onExited(program: Program, why: string): void {
    if (program !== this.#program || this.#closed) return
    const [deadlineMs, postmaster] = [this.#armedUntilMs, this.#postmaster]
    this.#program = null
    this.#forgetArm()
    this.#tell('error', `fencer ended: ${why}`)
    const { afterMs, budgetMs } = this.#options.respawn ?? RESPAWN
    const livedMs = this.#options.clock.bootMs() - program.startedAtMs
    // Whoever asked one that never guarded anything has its answer; to be woken for it too would be a circle.
    if (deadlineMs !== null || livedMs >= afterMs) this.#options.onLost?.()
    // `arm` never rejects; its outcome is in the view and in the log. It neither proves an arm nor relieves other
    // fencers.
    if (deadlineMs !== null && livedMs >= afterMs)
      void this.arm(deadlineMs, postmaster, budgetMs, { ahead: true, leaseEndMs: this.#leaseEndMs })
  }

  #tell(level: 'warning' | 'error', text: string): void {
    this.#options.log[this.#told.has(text) ? 'debug' : level](text)
    this.#told.add(text)
  }

  #forgetArm(): void {
    this.#armedBy = null
    this.#armedUntilMs = null
    this.#postmaster = null
    // A program that fenced or was disarmed has closed the device; of one that died, the next one opens it.
    if (this.#program !== null) this.#watchdog.closed()
  }

  #notifySocket(): string | null {
    const { notifySocket } = this.#options
    return notifySocket === undefined ? (process.env.NOTIFY_SOCKET ?? null) : notifySocket
  }

  async #readPast(): Promise<void> {
    const { dataDir, stateDirectory, log } = this.#options
    try {
      this.#orphans = await findPredecessors(stateDirectory, dataDir)
    } catch (error) {
      log.warning(`fencer: cannot read ${stateDirectory}: ${errorText(error)}`)
    } finally {
      this.#pastIsRead = true
    }
  }
}
