// The remains of earlier servers of this node: observed for the rules (model/server/postgres.ts, FormerView), and
// stopped by identity, because the data directory's name leads to none of them.

import { errorText } from '../../model/error-text.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { FormerView, PostmasterIdentity } from '../../model/server/postgres.ts'
import type { BootMillis, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { signalProcess, workingDirectoryLink } from '../../system/proc.ts'
import { type Context, cancelled, DONE, failed, type Log } from '../context.ts'
import type { Places } from '../data/marks.ts'
import { dataIdentity, isSameData, LastServerRecord, readBootId } from './last-server.ts'
import {
  isStarting,
  postmasterHere,
  type ServerProcess,
  scanServers,
  withoutServer,
  worksIn,
} from './server-scan.ts'

/** While a server runs and nothing was found beside it, /proc is searched again after this. */
const SEARCH_AGAIN_MS: Millis = 60_000
/** One look needs the answer twice: for the data directory's server and for the others. */
const ONE_LOOK_MS: Millis = 50
/** An immediate shutdown takes a moment; a frozen or stuck server does not obey. */
const QUIT_GRACE_MS: Millis = 1000
const KILL_LIMIT_MS: Millis = 6000
const PACE_MS: Millis = 20
/** A note on the last server that failed is written again after this. */
const NOTE_AGAIN_MS: Millis = 5000

type Orphans = FormerView['orphans']

export class FormerServers {
  readonly record: LastServerRecord
  readonly #places: Places
  readonly #programName: string
  readonly #clock: Clock
  readonly #log: Log
  #searched: { readonly beside: string | null; readonly atMs: BootMillis; readonly found: Orphans } | null =
    null
  #scanned: { readonly atMs: BootMillis; readonly servers: readonly ServerProcess[] } | null = null
  #scanning: Promise<readonly ServerProcess[]> | null = null
  /** Of the server that is recorded, that is being recorded, and that was to be recorded last. */
  #noted: string | null = null
  #noting: string | null = null
  #tried: string | null = null
  #triedAtMs: BootMillis = 0
  #problem: string | null = null
  /** A former postmaster was seen, so its end will be known, whatever is recorded. */
  #hasFound = false

  constructor(places: Places, programName: string, clock: Clock, log: Log) {
    this.record = new LastServerRecord(places)
    this.#places = places
    this.#programName = programName
    this.#clock = clock
    this.#log = log
  }

  /** `running`: the server of the data directory. */
  async view(running: PostmasterIdentity | null): Promise<FormerView> {
    const [orphans, sameData, runsOutside] = await Promise.all([
      this.#orphans(running),
      this.#sameData(),
      this.#outside(running),
    ])
    return { orphans, sameData, runsOutside }
  }

  async find(running: PostmasterIdentity | null): Promise<readonly ServerProcess[]> {
    return withoutServer(await this.#scan(), running)
  }

  /** True when this server, or without one the last server, worked on other data than the directory now contains. */
  async isOtherData(running: PostmasterIdentity | null): Promise<boolean> {
    if (running !== null) return (await worksIn(running.pid, this.#places.dataDir)) === false
    const same = await this.#sameData()
    return same.known && !same.value
  }

  /** The postmaster that works in the data directory, whatever its pid file says. */
  async postmasterHere(): Promise<PostmasterIdentity | null> {
    const found = postmasterHere((await this.#scan()).filter(server => !isStarting(server)))
    return found === null ? null : { pid: found.pid, startTicks: found.startTicks }
  }

  /**
   * A server that was started or found here is the last one from now on, unless it was found as a primary on other data
   * than the last one: the server that led with that data must not be forgotten.
   */
  async note(identity: PostmasterIdentity, directory: string, how: 'ours' | 'found'): Promise<void> {
    const key = `${identity.pid} ${identity.startTicks}`
    const attempt = `${key} ${how}`
    if (this.#noted === key || !this.#mayNote(attempt)) return
    this.#noting = attempt
    this.#tried = attempt
    this.#triedAtMs = this.#clock.bootMs()
    try {
      const [data, last, bootId] = await Promise.all([
        dataIdentity(directory),
        this.record.last(),
        readBootId(),
      ])
      if (data === null) return
      if (how === 'found' && last !== null && !isSameData(last.data, data, last.bootId === bootId)) return
      await this.record.note(identity, data)
      this.#noted = key
      this.#problem = null
    } catch (error) {
      const why = errorText(error)
      if (why !== this.#problem)
        this.#log('error', `which server runs here could not be noted for the next agent: ${why}`)
      this.#problem = why
    } finally {
      if (this.#noting === attempt) this.#noting = null
    }
  }

  /** A write that failed is repeated, but not in each look; beside one that hangs none is begun for the same server. */
  #mayNote(attempt: string): boolean {
    if (this.#noting === attempt) return false
    return this.#tried !== attempt || this.#clock.bootMs() - this.#triedAtMs >= NOTE_AGAIN_MS
  }

  async #orphans(running: PostmasterIdentity | null): Promise<Orphans> {
    const key = running === null ? null : `${running.pid} ${running.startTicks}`
    const atMs = this.#clock.bootMs()
    const last = this.#searched
    const isFresh = last !== null && last.beside === key && atMs - last.atMs < SEARCH_AGAIN_MS
    if (key !== null && isFresh && last.found.known && last.found.value.length === 0) return last.found
    const found = await this.#search(running, atMs)
    this.#searched = { beside: key, atMs, found }
    return found
  }

  async #search(running: PostmasterIdentity | null, atMs: BootMillis): Promise<Orphans> {
    try {
      const all = await this.#scan(ONE_LOOK_MS)
      const servers = withoutServer(all, running)
      if (running === null && (all.some(isStarting) || postmasterHere(servers) !== null))
        return unseen('a server is just starting in the data directory')
      const value = servers.map(({ pid, startTicks, directory }) => ({ pid, startTicks, directory }))
      this.#hasFound ||= servers.some(({ postmaster }) => postmaster)
      if (value.length > 0 || running !== null || this.#hasFound || (await this.record.last()) !== null)
        return seen(value, atMs)
      return unseen('none is recorded in the state directory')
    } catch (error) {
      return unseen(`/proc cannot be searched: ${errorText(error)}`)
    }
  }

  async #sameData(): Promise<Seen<boolean>> {
    const atMs = this.#clock.bootMs()
    const last = await this.record.last()
    if (last === null) return unseen('none is recorded in the state directory')
    try {
      const [data, bootId] = await Promise.all([dataIdentity(this.#places.dataDir), readBootId()])
      return seen(data !== null && isSameData(last.data, data, last.bootId === bootId), atMs)
    } catch (error) {
      return unseen(errorText(error))
    }
  }

  /** A server goes on in a renamed directory and does not work on the data that replaced it. */
  async #outside(running: PostmasterIdentity | null): Promise<FormerView['runsOutside']> {
    const atMs = this.#clock.bootMs()
    if (running === null) return seen(null, atMs)
    const inside = await worksIn(running.pid, this.#places.dataDir)
    if (inside === null) return unseen('the working directory of PostgreSQL cannot be looked at')
    return seen(inside ? null : await workingDirectoryLink(running.pid), atMs)
  }

  /** Several at once ask the same question. */
  async #scan(maxAgeMs: Millis = 0): Promise<readonly ServerProcess[]> {
    const last = this.#scanned
    if (last !== null && this.#clock.bootMs() - last.atMs < maxAgeMs) return last.servers
    this.#scanning ??= this.#scanNow().finally(() => {
      this.#scanning = null
    })
    return await this.#scanning
  }

  async #scanNow(): Promise<readonly ServerProcess[]> {
    const { dataDir } = this.#places
    const atMs = this.#clock.bootMs()
    const last = await this.record.last()
    const servers = await scanServers({ dataDir, programName: this.#programName, last })
    this.#scanned = { atMs, servers }
    return servers
  }
}

/** SIGQUIT to all of them at once: until it arrives, a backend may acknowledge a commit. Then SIGKILL. */
export async function stopOrphans(context: Context, signal: AbortSignal): Promise<StepOutcome> {
  const { clock, former, log, watch } = context
  const startMs = clock.bootMs()
  let signals = 0
  for (;;) {
    const found = await former.find(await watch.find())
    if (found.length === 0) return DONE
    if (signal.aborted) return cancelled('stopping former servers')
    const pids = found.map(({ pid }) => pid).join(', ')
    const waitedMs = clock.bootMs() - startMs
    if (waitedMs > KILL_LIMIT_MS) return failed(`pid ${pids} survives SIGKILL`)
    const due = waitedMs > QUIT_GRACE_MS ? 2 : 1
    if (signals < due) {
      signals = due
      const name = due === 1 ? 'SIGQUIT' : 'SIGKILL'
      log('warning', `${name} to ${found.length} processes of a former server of this node (pid ${pids})`)
      const sent = await Promise.all(found.map(process => signalProcess(process, name)))
      if (sent.includes('denied')) return failed(`not permitted to signal pid ${pids}`)
    }
    await clock.sleep(PACE_MS, signal)
  }
}
