// The log that a DBA reads: Patroni's line format by default, its `log:` section obeyed. Never waits for its reader,
// never grows without bound, never prints a password. A record is one line: what in it would end the line or drive a
// terminal is escaped here and nowhere else.

import { write as writeTo } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { printableJson } from '../model/command/printable.ts'
import { isSecretName, redact } from '../model/command/redact.ts'
import type { LogConfig } from '../model/settings/config.ts'
import type { Millis, WallMillis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { BoundedWriter, type LineSink } from './bounded-writer.ts'
import { type FieldValues, fieldsOf, formatDefaultTime, formatLine, strftime } from './log-format.ts'
import { RotatingFile } from './rotating-file.ts'

export interface AgentLog extends Log {
  debug(message: string, fields?: FieldValues): void
  info(message: string, fields?: FieldValues): void
  /** Says again that all is well: at level INFO, unless such lines are not wanted. */
  heartbeat(message: string): void
  warning(message: string, fields?: FieldValues): void
  error(message: string, fields?: FieldValues): void
  critical(message: string, fields?: FieldValues): void
  /** A reload: takes effect with the next line. */
  configure(config: LogConfig): void
  /** True when all has been written within the limit. */
  flush(limitMs: Millis): Promise<boolean>
  /** At the end of the process: flush, then close the file. Bounded. */
  close(limitMs: Millis): Promise<void>
  /** Lines at level DEBUG are written: otherwise they need not be made. */
  wantsDebug(): boolean
  /** Lines lost since the start. */
  dropped(): number
  /** Lines that are not written yet. */
  queued(): number
}

const LEVELS = { DEBUG: 10, INFO: 20, WARNING: 30, ERROR: 40, CRITICAL: 50 } as const
type Level = keyof typeof LEVELS

const QUEUE_LIMITS = { lines: 1000, characters: 4_000_000 }
const CLOSE_LIMIT_MS = 1000
const MESSAGE_CHARACTERS = 16_384

export function createLog(config: LogConfig, clock: Clock, out: Writable = process.stdout): AgentLog {
  return new LineLog(config, clock, out)
}

class LineLog implements AgentLog {
  readonly #clock: Clock
  readonly #out: Writable
  readonly #startedMs: WallMillis
  #config: LogConfig
  #sink: LineSink
  #writer: BoundedWriter
  #droppedBefore = 0

  constructor(config: LogConfig, clock: Clock, out: Writable) {
    this.#clock = clock
    this.#out = out
    this.#startedMs = clock.wallMs()
    this.#config = config
    ;[this.#sink, this.#writer] = this.#open()
  }

  wantsDebug(): boolean {
    return this.#config.level === 'DEBUG'
  }

  debug(message: string, fields: FieldValues = {}): void {
    this.#write('DEBUG', message, fields)
  }

  info(message: string, fields: FieldValues = {}): void {
    this.#write('INFO', message, fields)
  }

  /** Left out only at level INFO: DEBUG wants every line, and a higher level shows none of these anyway. */
  heartbeat(message: string): void {
    const { deduplicateHeartbeatLogs, level } = this.#config
    if (!deduplicateHeartbeatLogs || level !== 'INFO') this.info(message)
  }

  warning(message: string, fields: FieldValues = {}): void {
    this.#write('WARNING', message, fields)
  }

  error(message: string, fields: FieldValues = {}): void {
    this.#write('ERROR', message, fields)
  }

  critical(message: string, fields: FieldValues = {}): void {
    this.#write('CRITICAL', message, fields)
  }

  configure(config: LogConfig): void {
    const { dir, fileNum, fileSize, mode } = this.#config
    const same =
      dir === config.dir && fileNum === config.fileNum && fileSize === config.fileSize && mode === config.mode
    this.#config = config
    if (same) return
    const [oldSink, oldWriter] = [this.#sink, this.#writer]
    this.#droppedBefore += oldWriter.dropped
    ;[this.#sink, this.#writer] = this.#open()
    // If either of the two fails here, nobody can act on it any more.
    void oldWriter.flush(CLOSE_LIMIT_MS).then(() => oldSink.close().catch(() => {}))
  }

  flush(limitMs: Millis): Promise<boolean> {
    return this.#writer.flush(limitMs)
  }

  async close(limitMs: Millis): Promise<void> {
    if (await this.#writer.flush(limitMs)) await this.#sink.close()
  }

  dropped(): number {
    return this.#droppedBefore + this.#writer.dropped
  }

  queued(): number {
    return this.#writer.queued
  }

  #open(): [LineSink, BoundedWriter] {
    const { dir, fileNum, fileSize, mode } = this.#config
    const path = dir === null ? null : join(dir, 'patroni.log')
    const sink =
      path === null
        ? streamSink(this.#out)
        : new RotatingFile({ path, maxBytes: fileSize, backups: fileNum, mode })
    const writer = new BoundedWriter(sink, QUEUE_LIMITS, {
      // If the log file cannot be written, stderr says so: somebody may still look there.
      failed: why => {
        if (path !== null) this.#out.write(`${this.#line('ERROR', `cannot write ${path}: ${why}`, {})}\n`)
      },
      recovered: lost => {
        if (lost > 0) this.#write('WARNING', `the log was too slow: ${lost} lines are lost`, {})
      },
    })
    return [sink, writer]
  }

  #write(level: Level, message: string, fields: FieldValues): void {
    if (LEVELS[level] < LEVELS[this.#config.level]) return
    this.#writer.push(this.#line(level, message, fields))
  }

  #line(level: Level, message: string, fields: FieldValues): string {
    const values = this.#values(level, redact(shorten(message)), redactFields(fields))
    const { type, format, jsonFields, staticFields } = this.#config
    if (type === 'plain') return formatLine(format, values)
    const wanted = jsonFields ?? fieldsOf(format).map(field => ({ field, name: field }))
    const shown = Object.fromEntries(wanted.map(({ field, name }) => [name, values[field] ?? null]))
    return printableJson(JSON.stringify({ ...shown, ...staticFields, ...redactFields(fields) }))
  }

  /** The attributes of a record under their Python names, because existing formats use them. */
  #values(level: Level, message: string, fields: FieldValues): FieldValues {
    const wallMs = this.#clock.wallMs()
    const at = new Date(wallMs)
    const { dateformat } = this.#config
    return {
      name: 'hactl',
      module: 'hactl',
      filename: 'hactl',
      pathname: 'hactl',
      funcName: '',
      lineno: 0,
      process: process.pid,
      processName: 'MainProcess',
      thread: process.pid,
      threadName: 'MainThread',
      ...fields,
      asctime: dateformat === null ? formatDefaultTime(at) : strftime(dateformat, at),
      created: wallMs / 1000,
      msecs: wallMs % 1000,
      relativeCreated: wallMs - this.#startedMs,
      levelname: level,
      levelno: LEVELS[level],
      message,
    }
  }
}

function shorten(message: string): string {
  if (message.length <= MESSAGE_CHARACTERS) return message
  return `${message.slice(0, MESSAGE_CHARACTERS)}… (${message.length} characters)`
}

function redactFields(fields: FieldValues): FieldValues {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (isSecretName(name)) return [name, '***']
      if (typeof value === 'bigint') return [name, value.toString()]
      return [name, typeof value === 'string' ? redact(value) : value]
    }),
  )
}

/**
 * Resolves when the kernel has the text. Node writes to plain files synchronously, so those go through the thread pool.
 */
function streamSink(out: Writable): LineSink {
  if (out === process.stdout && !(out instanceof Socket)) return descriptorSink(1)
  // Each write reports that the reader is gone; without a listener the event would end the process.
  out.on('error', () => {})
  return {
    write: text =>
      new Promise((resolve, reject) => {
        out.write(text, error => (error ? reject(error) : resolve()))
      }),
    close: () => Promise.resolve(),
  }
}

function descriptorSink(descriptor: number): LineSink {
  return {
    write: text =>
      new Promise((resolve, reject) => {
        writeTo(descriptor, text, error => (error === null ? resolve() : reject(error)))
      }),
    close: () => Promise.resolve(),
  }
}
