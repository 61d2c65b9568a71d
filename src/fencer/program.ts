// One running fencer program and the line protocol with it (its commands are in commands.c). It is detached and
// unreferenced: neither does it end with the agent, nor does it keep the agent from ending.

import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { BootMillis, Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'

type Reply =
  | { readonly kind: 'done'; readonly word: string; readonly rest: string }
  | { readonly kind: 'failed'; readonly why: string }
  /** No answer in time, or the program is gone: whether it obeyed is unknown. */
  | { readonly kind: 'silent'; readonly why: string }

/** Enough to know the process again after a restart of the agent. `startTicks`: field 22 of /proc/PID/stat. */
export interface ProgramIdentity {
  readonly pid: number
  readonly startTicks: string
}

interface ProgramOptions {
  readonly binary: string
  readonly dataDir: string
  readonly recordFile: string
  readonly graceMs: Millis
  readonly notifySocket: string | null
}

interface ProgramEvents {
  /** The line that it also wrote to its record file. */
  fenced(record: string): void
  warning(text: string): void
  /** The watchdog device failed and is closed. */
  unwatched(why: string): void
  exited(why: string): void
}

/** With more than this unread, the program is stuck and notifications are dropped. */
const UNREAD_BYTES_MAX = 65_536
/** Two readings of one clock, taken in two processes, differ by no more (10 ms steps on our side). */
const SAME_CLOCK_MS = 20

export class Program {
  readonly #child: ChildProcess
  readonly #events: ProgramEvents
  readonly #waiting = new Map<number, (reply: Reply) => void>()
  readonly #whenReady: ((identity: ProgramIdentity | null) => void)[] = []
  readonly startedAtMs: BootMillis
  #identity: ProgramIdentity | null = null
  #gone: string | null = null
  #sequence = 0
  #unanswered = 0
  #unfinished = ''
  #clockOffsetMs = 0

  constructor(options: ProgramOptions, clock: Clock, events: ProgramEvents) {
    this.#events = events
    this.startedAtMs = clock.bootMs()
    const env = options.notifySocket === null ? {} : { NOTIFY_SOCKET: options.notifySocket }
    const args = [
      '--data-dir',
      options.dataDir,
      '--record',
      options.recordFile,
      '--grace-ms',
      `${options.graceMs}`,
    ]
    this.#child = spawn(options.binary, args, {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      env,
      cwd: '/',
    })
    this.#child.unref()
    this.#child.once('error', error => this.#end(error.message))
    this.#child.once('exit', (code, signal) => this.#end(signal ?? `exit code ${code}`))
    for (const stream of [this.#child.stdin, this.#child.stdout]) {
      if (!(stream instanceof Socket)) continue
      stream.unref()
      // The exit event already reports a program that is gone; the pipe's error adds nothing.
      stream.on('error', () => {})
    }
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#receive(text, clock))
  }

  get identity(): ProgramIdentity | null {
    return this.#identity
  }

  get running(): boolean {
    return this.#gone === null
  }

  /** The program runs and has answered the last request. */
  get responsive(): boolean {
    return this.running && this.#unanswered === 0
  }

  /** To be added to an instant of our clock to get the program's. 0 but in containers that fake /proc/uptime. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs
  }

  /** The identity once the program has started; null when it does not start within the budget. */
  ready(budgetMs: Millis): Promise<ProgramIdentity | null> {
    if (this.#identity !== null || !this.running) return Promise.resolve(this.#identity)
    return new Promise(resolve => {
      const timer = setTimeout(resolve, Math.max(0, budgetMs), null)
      this.#whenReady.push(identity => {
        clearTimeout(timer)
        resolve(identity)
      })
    })
  }

  /** Sends `verb SEQ rest` and waits for its answer. */
  ask(verb: string, rest: string, budgetMs: Millis): Promise<Reply> {
    if (this.#gone !== null)
      return Promise.resolve({ kind: 'silent', why: `the fencer is gone: ${this.#gone}` })
    const sequence = ++this.#sequence
    return new Promise(resolve => {
      const timer = setTimeout(
        () => {
          this.#waiting.delete(sequence)
          this.#unanswered += 1
          resolve({ kind: 'silent', why: `no answer within ${Math.round(budgetMs)} ms` })
        },
        Math.max(0, budgetMs),
      )
      this.#waiting.set(sequence, reply => {
        this.#waiting.delete(sequence)
        clearTimeout(timer)
        resolve(reply)
      })
      this.#write(`${verb} ${sequence}${rest === '' ? '' : ` ${rest}`}\n`)
    })
  }

  /** Sends a line that has no answer; dropped when the program does not read. */
  tell(line: string): void {
    if (this.running && (this.#child.stdin?.writableLength ?? 0) < UNREAD_BYTES_MAX) this.#write(`${line}\n`)
  }

  /** The end of its input: it exits, at once when disarmed, else after its deadline. */
  release(): void {
    this.#child.stdin?.end()
  }

  /** For a program that does not answer and has been replaced. */
  kill(): void {
    if (this.running) this.#child.kill('SIGKILL')
  }

  #write(text: string): void {
    this.#child.stdin?.write(text)
  }

  #receive(text: string, clock: Clock): void {
    const lines = (this.#unfinished + text).split('\n')
    this.#unfinished = lines.pop() ?? ''
    for (const line of lines) this.#line(line, clock)
  }

  #line(line: string, clock: Clock): void {
    const [word = '', second = '', third = '', fourth = ''] = line.split(' ')
    if (word === 'ready') this.#started({ pid: Number(second), startTicks: third }, Number(fourth), clock)
    else if (word === 'fenced') this.#events.fenced(line.slice('fenced '.length))
    else if (word === 'warning') this.#events.warning(line.slice('warning '.length))
    else if (word !== '') this.#answered(word, second, line.slice(word.length + second.length + 2))
  }

  /** Any answer, even a late one, shows that the program is at work again. */
  #answered(word: string, sequence: string, rest: string): void {
    this.#unanswered = 0
    const settle = this.#waiting.get(Number(sequence))
    if (word === 'unwatched' && sequence === '0') this.#events.unwatched(rest)
    if (settle !== undefined)
      settle(word === 'failed' ? { kind: 'failed', why: rest } : { kind: 'done', word, rest })
    else if (word === 'failed') this.#events.warning(rest)
  }

  /** Its clock was read between our start and now; if it says something else, ours is another clock. */
  #started(identity: ProgramIdentity, bootMs: BootMillis, clock: Clock): void {
    const nowMs = clock.bootMs()
    const same = bootMs >= this.startedAtMs - SAME_CLOCK_MS && bootMs <= nowMs + SAME_CLOCK_MS
    this.#clockOffsetMs = same ? 0 : bootMs - nowMs
    this.#identity = identity
    for (const resolve of this.#whenReady.splice(0)) resolve(identity)
  }

  #end(why: string): void {
    if (this.#gone !== null) return
    this.#gone = why
    for (const settle of this.#waiting.values()) settle({ kind: 'silent', why: `the fencer is gone: ${why}` })
    for (const resolve of this.#whenReady.splice(0)) resolve(null)
    this.#events.exited(why)
  }
}
