// Does this agent itself go on? A timer that is late shows that the event loop did not turn: long work in one piece, a process
// or a machine that was stopped, memory that was swapped out. A step of a beat that does not come back shows while the loop
// turns. Both are standstills: each is counted when it is over, and the rules get those of the last ten minutes.

import { agentEndsAfterMs, type StepInProgress, stepBoundMs } from '../../model/decision/step-in-progress.ts'
import { NO_STANDSTILLS, type StandstillsView } from '../../model/server/vitals.ts'
import type { DynamicSettings } from '../../model/settings/dynamic-settings.ts'
import type { BootMillis, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'

export interface StandstillPorts {
  readonly clock: Pick<Clock, 'bootMs' | 'sleep'>
  readonly settings: () => DynamicSettings
  /** The step of the beat that goes on now. */
  readonly step: () => StepInProgress | null
  readonly wake: (cause: string) => void
  readonly warn: (text: string) => void
  /** The step does not come back: the agent should end. Called once. */
  readonly giveUp: (why: string) => void
}

const TICK_MS: Millis = 250
/** A tick that is this late shows a standstill; a busy machine makes it late by less. */
const LATE_MS: Millis = 1000
/** How long a standstill counts. */
const RECENT_MS: Millis = 600_000
/** More are not kept: each is a second at least. */
const PIECES_MAX = 600

interface Piece {
  readonly endedMs: BootMillis
  readonly lastedMs: Millis
}

export class Standstills {
  readonly #ports: StandstillPorts
  readonly #closing = new AbortController()
  #pieces: readonly Piece[] = []
  #view: StandstillsView = NO_STANDSTILLS
  /** The step seen at the last tick, and for how long it has gone on while this loop turned. */
  #step: StepInProgress | null = null
  #stepMs: Millis = 0
  #gaveUp: boolean = false

  constructor(ports: StandstillPorts) {
    this.#ports = ports
  }

  /** Until `close`. */
  async run(): Promise<void> {
    const { clock } = this.#ports
    for (let beganMs = clock.bootMs(); !this.#closing.signal.aborted; ) {
      await clock.sleep(TICK_MS, this.#closing.signal)
      const nowMs = clock.bootMs()
      this.#tick(nowMs, nowMs - beganMs)
      beganMs = nowMs
    }
  }

  close(): void {
    this.#closing.abort()
  }

  /** A step that hangs now is included. */
  view(): StandstillsView {
    const { clock, settings } = this.#ports
    const nowMs = clock.bootMs()
    const recent = this.#pieces.filter(({ endedMs }) => endedMs > nowMs - RECENT_MS)
    const view = {
      ...this.#view,
      recentTimes: recent.length,
      recentMs: recent.reduce((sum, { lastedMs }) => sum + lastedMs, 0),
    }
    return this.#stepMs < stepBoundMs(settings()) ? view : added(view, this.#stepMs)
  }

  #tick(nowMs: BootMillis, passedMs: Millis): void {
    const lateMs = passedMs - TICK_MS
    if (lateMs >= LATE_MS) this.#ended(nowMs, lateMs, 'its event loop did not turn')
    const step = this.#ports.step()
    const goesOn = step !== this.#step
    const { settings, giveUp } = this.#ports
    const boundMs = stepBoundMs(settings())
    if (goesOn && this.#stepMs >= boundMs)
      this.#ended(nowMs, this.#stepMs, `a step of its beat did not come back (${this.#step?.what})`)
    // What the loop did not see does not count: the step may have come back meanwhile.
    const countedMs = Math.min(passedMs, 2 * TICK_MS)
    const before = this.#stepMs
    this.#stepMs = goesOn || step === null ? 0 : before + countedMs
    this.#step = step
    if (step === null) return
    if (before < boundMs && this.#stepMs >= boundMs)
      this.#ports.warn(`the agent does not go on: a step of its beat has not come back (${step.what})`)
    if (this.#gaveUp || this.#stepMs < agentEndsAfterMs(settings())) return
    this.#gaveUp = true
    giveUp(`a step of the beat has not come back for ${Math.round(this.#stepMs / 1000)} s (${step.what})`)
  }

  #ended(nowMs: BootMillis, lastedMs: Millis, why: string): void {
    this.#view = added(this.#view, lastedMs)
    this.#pieces = [...this.#pieces, { endedMs: nowMs, lastedMs }]
      .filter(({ endedMs }) => endedMs > nowMs - RECENT_MS)
      .slice(-PIECES_MAX)
    const { recentTimes, recentMs } = this.view()
    this.#ports.warn(
      `the agent stood still for ${seconds(lastedMs)}: ${why}; in the last ten minutes ${recentTimes === 1 ? 'once' : `${recentTimes} times`}, ${seconds(recentMs)} in all`,
    )
    this.#ports.wake('the agent stood still')
  }
}

function added(view: StandstillsView, lastedMs: Millis): StandstillsView {
  return {
    times: view.times + 1,
    totalMs: view.totalMs + lastedMs,
    longestMs: Math.max(view.longestMs, lastedMs),
    lastMs: lastedMs,
    recentTimes: view.recentTimes + 1,
    recentMs: view.recentMs + lastedMs,
  }
}

function seconds(ms: Millis): string {
  return `${(ms / 1000).toFixed(1)} s`
}
