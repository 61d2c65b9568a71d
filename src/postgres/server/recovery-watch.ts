// Notices at once that the server left recovery, above all when somebody promoted it by hand: the kernel reports the
// deletion of `standby.signal`, and a moment later the server accepts writes. Nothing runs between events.

import { type FSWatcher, watch as watchDirectory } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '../../model/error-text.ts'
import type { PostmasterIdentity } from '../../model/server/postgres.ts'
import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../context.ts'
import { isThere } from '../rewind/archive-ready.ts'
import type { KeptConnection } from '../session/connection.ts'

/** Their end is the end of recovery; the last one is that of PostgreSQL 11 and older. */
const SIGNAL_FILES: readonly string[] = ['standby.signal', 'recovery.signal', 'recovery.conf']
/** The server deletes the file some milliseconds before it accepts writes, longer on a slow disk. */
const FIRST_PACE_MS: Millis = 10
const LONGEST_PACE_MS: Millis = 200
const ASK_LIMIT_MS: Millis = 1000
/** After this the beats will see it. */
const LIMIT_MS: Millis = 30_000

interface Watched {
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Log
  readonly kept: KeptConnection
  readonly findPostmaster: () => Promise<PostmasterIdentity | null>
}

/** Follows one directory at a time; `follow` finds another one under the same name (a new copy). */
export class RecoveryWatch {
  readonly #watched: Watched
  readonly #listeners = new Set<() => void>()
  readonly #closing = new AbortController()
  #watcher: FSWatcher | null = null
  /** Device and inode of the directory that is watched. */
  #directory: string | null = null
  #following: Promise<void> | null = null
  #asking: Promise<void> | null = null
  #hasFailed: boolean = false

  constructor(watched: Watched) {
    this.#watched = watched
  }

  onLeft(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Watches the directory that has the name now. Cheap when it is the same one. */
  follow(): Promise<void> {
    this.#following ??= this.#follow().finally(() => {
      this.#following = null
    })
    return this.#following
  }

  close(): void {
    this.#closing.abort()
    this.#forget()
    this.#listeners.clear()
  }

  async #follow(): Promise<void> {
    const found = await stat(this.#watched.dataDir).catch(() => null)
    const directory = found === null ? null : `${found.dev} ${found.ino}`
    if (this.#closing.signal.aborted || (directory === this.#directory && this.#watcher !== null)) return
    this.#forget()
    if (directory === null) return
    try {
      this.#watcher = watchDirectory(this.#watched.dataDir, { persistent: false }, (_event, name) => {
        if (name === null || SIGNAL_FILES.includes(name)) this.#ask()
      })
      this.#watcher.on('error', error => this.#fail(error))
      this.#directory = directory
      this.#hasFailed = false
    } catch (error) {
      this.#fail(error)
    }
  }

  #forget(): void {
    this.#watcher?.close()
    this.#watcher = null
    this.#directory = null
  }

  /** For example, the kernel has no watch left (fs.inotify.max_user_watches): the next look tries again. */
  #fail(error: unknown): void {
    this.#forget()
    if (this.#hasFailed) return
    this.#hasFailed = true
    const { dataDir, log } = this.#watched
    log(
      'warning',
      `${dataDir} cannot be watched (${errorText(error)}): a promotion by hand is noticed with the next beat only`,
    )
  }

  #ask(): void {
    this.#asking ??= this.#untilLeft()
      .catch(error => this.#watched.log('error', `end of recovery: ${errorText(error)}`))
      .finally(() => {
        this.#asking = null
      })
  }

  /** If the file is there again or the server is down, nothing left recovery. */
  async #untilLeft(): Promise<void> {
    const { clock, dataDir, findPostmaster, kept } = this.#watched
    const startMs = clock.bootMs()
    let paceMs = FIRST_PACE_MS
    while (!this.#closing.signal.aborted && clock.bootMs() - startMs < LIMIT_MS) {
      const files = await Promise.all(SIGNAL_FILES.map(name => isThere(join(dataDir, name))))
      if (files.includes(true) || (await findPostmaster()) === null) return
      const answer = await kept.query('SELECT pg_catalog.pg_is_in_recovery() AS recovering', ASK_LIMIT_MS)
      if (answer.ok && answer.rows[0]?.recovering === false) return this.#tell()
      await clock.sleep(paceMs, this.#closing.signal)
      paceMs = Math.min(LONGEST_PACE_MS, paceMs * 1.5)
    }
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
