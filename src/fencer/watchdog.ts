// The watchdog device, which the fencer's program has open: it feeds the device each time that the end of the lease moves
// (watchdog.c). Here the device is opened and closed for a rule, kept open when another program takes the place of one that
// died, and looked at.

import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { errorCode, errorText } from '../model/error-text.ts'
import { type Seen, seen, unseen } from '../model/seen.ts'
import { stopAheadMs } from '../model/timing.ts'
import type { Millis } from '../model/units.ts'
import {
  impossible,
  type OpenWatchdog,
  sameDevice,
  slackS,
  unfit,
  type WatchdogRequest,
} from '../model/watchdog.ts'
import { type Clock, inTime } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Program } from './program.ts'

/** The words of the kernel. */
const BUSY = 'Device or resource busy'
const NO_DEVICE = 'No such file or directory'
const BUSY_PAUSE_MS = 5

export class Watchdog {
  readonly #clock: Clock
  readonly #log: Log
  #holder: Program | null = null
  #open: OpenWatchdog | null = null
  #told: string | null = null

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** null: it is not open, as far as is known. */
  view(): OpenWatchdog | null {
    return this.#holder?.running === true ? this.#open : null
  }

  /** Why not; null: it is open as was asked. */
  async open(program: Program, request: WatchdogRequest, budgetMs: Millis): Promise<string | null> {
    const why = await this.#tryOpen(program, request, budgetMs)
    if (why !== null) this.#tell(why, request)
    return why
  }

  async close(program: Program, budgetMs: Millis): Promise<boolean> {
    const closed = (await program.ask('watchdog', 'close', budgetMs)).kind === 'done'
    if (closed) this.closed()
    return closed
  }

  /** The program has closed the device by itself: it was disarmed, or PostgreSQL is stopped. */
  closed(): void {
    this.#holder = null
    this.#open = null
  }

  /** The device failed, or `program` closed it for another reason. */
  lost(program: Program, why: string): void {
    if (program !== this.#holder) return
    this.#log.warning(`watchdog lost: ${why}`)
    this.closed()
  }

  /**
   * `program` was armed in the place of one that died and had the device open. The kernel has left it running: unless it
   * is opened again, the machine will be reset.
   */
  async keepOpen(program: Program, budgetMs: Millis): Promise<void> {
    if (this.#open === null || this.#holder === program) return
    await this.open(program, this.#open.request, budgetMs)
  }

  async #tryOpen(program: Program, request: WatchdogRequest, budgetMs: Millis): Promise<string | null> {
    const limitMs = this.#clock.bootMs() + budgetMs
    const leftMs = () => limitMs - this.#clock.bootMs()
    const objection = impossible(request)
    const isOther =
      this.#holder === program && this.#open !== null && !sameDevice(this.#open.request, request)
    const mustClose = (objection !== null || isOther) && this.view() !== null
    const isClosed = !mustClose || (await this.close(program, leftMs()))
    // Where there is no device, its timeout is nobody's concern.
    if (objection !== null) return (await whyUnusable(request.device, this.#clock, leftMs())) ?? objection
    if (!isClosed) return 'the former device could not be switched off'
    const { driver, device, timeoutS } = request
    const words = `open ${driver} ${timeoutS} ${stopAheadMs(timeoutS * 1000)} ${device}`
    let reply = await program.ask('watchdog', words, leftMs())
    // A program that was killed a moment ago may not have closed it yet.
    while (reply.kind === 'failed' && reply.why === BUSY && leftMs() > 2 * BUSY_PAUSE_MS) {
      await this.#clock.sleep(BUSY_PAUSE_MS)
      reply = await program.ask('watchdog', words, leftMs())
    }
    if (reply.kind !== 'done') {
      // A program that fails to set another time-out has closed the device.
      if (this.#holder === program) this.closed()
      return `${device}: ${reply.why}`
    }
    return await this.#opened(program, request, Number(reply.rest), leftMs())
  }

  async #opened(
    program: Program,
    request: WatchdogRequest,
    timeoutS: number,
    budgetMs: Millis,
  ): Promise<string | null> {
    const { device } = request
    const objection = unfit(timeoutS, request)
    if (objection !== null) {
      await this.close(program, budgetMs)
      return objection
    }
    this.#holder = program
    this.#open = { request, timeoutS }
    this.#told = null
    if (timeoutS > request.timeoutS)
      this.#log.warning(
        `${device} takes a timeout of ${timeoutS} seconds and not the ${request.timeoutS} that are safe: the lease may end before the machine is reset`,
      )
    this.#log.info(
      `${device} activated with ${timeoutS} second timeout, timing slack ${slackS(timeoutS, request)} seconds`,
    )
    return null
  }

  /** Once, however often it is tried. The default mode on a machine that has no such device is no reason for a warning. */
  #tell(why: string, { mode, device }: WatchdogRequest): void {
    if (why === this.#told) return
    this.#told = why
    const text = `watchdog not active: ${why}`
    if (mode === 'automatic' && why === `${device}: ${NO_DEVICE}`) this.#log.info(`${text}; going on without`)
    else this.#log.warning(mode === 'automatic' ? `${text}; going on without` : text)
  }
}

/** Why the device cannot be opened, as far as can be seen without opening it; null: it can. */
export async function lookAtDevice(
  device: string,
  clock: Pick<Clock, 'bootMs' | 'sleep'>,
  limitMs: Millis,
): Promise<Seen<string | null>> {
  const atMs = clock.bootMs()
  const why = await whyUnusable(device, clock, limitMs)
  return why === undefined ? unseen(`${device} was not looked at within ${limitMs} ms`) : seen(why, atMs)
}

/** null: nothing speaks against it; undefined: there was no answer in time. */
function whyUnusable(
  device: string,
  clock: Pick<Clock, 'sleep'>,
  limitMs: Millis,
): Promise<string | null | undefined> {
  const looked = access(device, constants.W_OK).then(
    () => null,
    (error: unknown) => `${device}: ${inWords(error)}`,
  )
  return inTime<string | null | undefined>(looked, limitMs, clock, () => undefined)
}

function inWords(error: unknown): string {
  const code = errorCode(error)
  if (code === 'ENOENT') return NO_DEVICE
  return code === 'EACCES' ? 'Permission denied' : errorText(error)
}
