// Lines on their way to something slow: queued up to a limit, written one batch at a time, never waited for by the
// caller. The journal and the log are both built on this: neither a hung disk nor a stalled pipe may stop the agent.

import { errorText } from '../model/error-text.ts'
import type { Millis } from '../model/units.ts'
export interface LineSink {
  /** All of the text or nothing: after a rejection none of it counts as written. */
  write(text: string): Promise<void>
  close(): Promise<void>
}

interface WriterEvents {
  /** A write failed after one that had succeeded. The batch stays queued and is tried again with the next line. */
  failed(why: string): void
  /** A write succeeded after a failure; `lost` lines were dropped since the last such report. */
  recovered(lost: number): void
}

interface WriterLimits {
  readonly lines: number
  /** Characters, about bytes. */
  readonly characters: number
}

const BATCH_CHARACTERS = 65_536

export class BoundedWriter {
  readonly #sink: LineSink
  readonly #limits: WriterLimits
  readonly #events: WriterEvents
  #queue: string[] = []
  #queuedCharacters = 0
  #inFlight = 0
  #writing: Promise<void> | null = null
  #problem: string | null = null
  #dropped = 0
  #reported = 0

  constructor(sink: LineSink, limits: WriterLimits, events: WriterEvents) {
    this.#sink = sink
    this.#limits = limits
    this.#events = events
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped
  }

  /** Lines that are not known to be written. */
  get queued(): number {
    return this.#queue.length
  }

  get problem(): string | null {
    return this.#problem
  }

  /** Lines that may not have been written yet, oldest first. */
  pending(): readonly string[] {
    return [...this.#queue]
  }

  /** `line` without its end. */
  push(line: string): void {
    this.#queue.push(line)
    this.#queuedCharacters += line.length
    while (this.#queue.length > this.#limits.lines || this.#queuedCharacters > this.#limits.characters) {
      if (!this.#dropOldest()) break
    }
    this.#writing ??= this.#drain()
  }

  /** True when all is written; false when the limit came first or writing fails. */
  async flush(limitMs: Millis): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>(resolve => {
      timer = setTimeout(resolve, limitMs, false)
    })
    if (this.#queue.length > 0) this.#writing ??= this.#drain()
    const written = (this.#writing ?? Promise.resolve()).then(() => this.#queue.length === 0)
    return Promise.race([written, late]).finally(() => clearTimeout(timer))
  }

  /** The batch that is being written cannot be taken back, so the oldest line behind it is dropped. */
  #dropOldest(): boolean {
    const [line] = this.#queue.splice(this.#inFlight, 1)
    if (line === undefined) return false
    this.#queuedCharacters -= line.length
    this.#dropped += 1
    return true
  }

  /** Never rejects. Ends when the queue is empty or a write failed. */
  async #drain(): Promise<void> {
    // The caller's own turn ends first, so that lines pushed together travel together.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch()
      try {
        await this.#sink.write(`${batch.join('\n')}\n`)
      } catch (error) {
        this.#inFlight = 0
        this.#fail(errorText(error))
        break
      }
      this.#queue.splice(0, batch.length)
      this.#queuedCharacters -= batch.reduce((sum, line) => sum + line.length, 0)
      this.#inFlight = 0
      this.#succeed()
    }
    this.#writing = null
  }

  #takeBatch(): readonly string[] {
    let characters = 0
    let count = 0
    for (const line of this.#queue) {
      if (count > 0 && characters + line.length > BATCH_CHARACTERS) break
      characters += line.length
      count += 1
    }
    this.#inFlight = count
    return this.#queue.slice(0, count)
  }

  #fail(why: string): void {
    const first = this.#problem === null
    this.#problem = why
    if (first) this.#events.failed(why)
  }

  #succeed(): void {
    const lost = this.#dropped - this.#reported
    if (this.#problem === null && lost === 0) return
    this.#problem = null
    this.#reported = this.#dropped
    this.#events.recovered(lost)
  }
}
