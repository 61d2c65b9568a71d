// The journal port: one JSON line a decision in `journal.jsonl`, rotated by size.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '../model/error-text.ts'
import { type Seen, seen, unseen } from '../model/seen.ts'
import { type Clock, inTime } from '../ports/clock.ts'
import type { Journal, JournalEntry, JournalView, StoredEntry } from '../ports/journal.ts'
import type { Log } from '../ports/log.ts'
import { BoundedWriter, type LineSink } from './bounded-writer.ts'
import { toJournalJson } from './encode.ts'
import { RotatingFile } from './rotating-file.ts'
import { lastLines } from './tail.ts'

export interface JournalOptions {
  readonly stateDirectory: string
  readonly clock: Clock
  readonly log: Log
  /** Of one file; default 8 MB. */
  readonly fileBytes?: number
  /** The current one and its predecessors; default 4. */
  readonly files?: number
}

/** Raised when a field changes its meaning; a reader skips what it does not know. */
const JOURNAL_VERSION = 1
const QUEUE_LIMITS = { lines: 1000, characters: 8_000_000 }
const READ_LIMIT_MS = 2000
const CLOSE_LIMIT_MS = 1000

export function journalPath(stateDirectory: string): string {
  return join(stateDirectory, 'journal.jsonl')
}

export function createJournal(options: JournalOptions): Journal {
  return new FileJournal(options)
}

/** Entries of a journal that are whole and of a version we know. */
function parseEntries(lines: readonly string[]): readonly StoredEntry[] {
  return lines.flatMap(line => {
    try {
      const entry: unknown = JSON.parse(line)
      return isStoredEntry(entry) ? [entry] : []
    } catch {
      return []
    }
  })
}

function isStoredEntry(value: unknown): value is StoredEntry {
  return typeof value === 'object' && value !== null && 'v' in value && value.v === JOURNAL_VERSION
}

class FileJournal implements Journal {
  readonly #options: JournalOptions
  readonly #path: string
  readonly #backups: number
  readonly #sink: LineSink
  readonly #writer: BoundedWriter

  constructor(options: JournalOptions) {
    this.#options = options
    this.#path = journalPath(options.stateDirectory)
    this.#backups = (options.files ?? 4) - 1
    const maxBytes = options.fileBytes ?? 8_000_000
    const file = new RotatingFile({ path: this.#path, maxBytes, backups: this.#backups, mode: 0o600 })
    this.#sink = inDirectory(options.stateDirectory, file)
    this.#writer = new BoundedWriter(this.#sink, QUEUE_LIMITS, {
      recovered: lost =>
        lost === 0
          ? options.log.info('journal: decisions are recorded again, none was lost')
          : options.log.warning(`journal: decisions are recorded again, but ${lost} were lost`),
      failed: why =>
        options.log.error(`journal: decisions are not being recorded: ${why}. HINT: ${remedy(why)}`),
    })
  }

  append(entry: JournalEntry): void {
    this.#writer.push(toJournalJson({ v: JOURNAL_VERSION, ...entry }))
  }

  /** Includes entries that the disk has not taken yet: when the disk is full, the newest ones matter most. */
  async recent(count: number): Promise<Seen<readonly StoredEntry[]>> {
    const atMs = this.#options.clock.bootMs()
    await this.#writer.flush(READ_LIMIT_MS / 2)
    const pending = this.#writer.pending()
    try {
      const reading = lastLines(this.#path, this.#backups, count)
      const lines = await inTime<readonly string[] | null>(
        reading,
        READ_LIMIT_MS / 2,
        this.#options.clock,
        () => null,
      )
      if (lines === null) return unseen('journal: the disk does not answer')
      return seen(parseEntries([...lines, ...pending]).slice(-count), atMs)
    } catch (error) {
      return unseen(`journal: ${errorText(error)}`)
    }
  }

  view(): JournalView {
    return { dropped: this.#writer.dropped, problem: this.#writer.problem }
  }

  async close(): Promise<void> {
    await this.#writer.flush(CLOSE_LIMIT_MS)
    await inTime(this.#sink.close(), CLOSE_LIMIT_MS, this.#options.clock, () => undefined)
  }
}

function remedy(why: string): string {
  return /ENOSPC|EDQUOT/.test(why)
    ? 'Make room on the disk of the state directory'
    : "Make the state directory (hactl.state_directory) writable for the agent's user"
}

/** Makes the directory when it is missing: the first start of a node. */
function inDirectory(directory: string, file: LineSink): LineSink {
  let made: Promise<unknown> | null = null
  return {
    async write(text) {
      made ??= mkdir(directory, { recursive: true, mode: 0o700 })
      try {
        await made
      } catch (error) {
        made = null
        throw error
      }
      await file.write(text)
    },
    close: () => file.close(),
  }
}
