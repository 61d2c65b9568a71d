// One bounded look at the local PostgreSQL. While the server answers, it costs one query and a few small reads and no
// child process: values that only pg_controldata knows are kept for as long as the same postmaster runs.

import { type Seen, seen, unseen } from '../model/seen.ts'
import type {
  ControlData,
  DataDirectoryView,
  FormerView,
  PostgresView,
  PostmasterIdentity,
  ProcessView,
  ServerView,
  TimelineSwitch,
} from '../model/server/postgres.ts'
import type { BootMillis, Lsn, Millis, Timeline } from '../model/units.ts'
import { inTime } from '../ports/clock.ts'
import type { Context } from './context.ts'
import { readControlData } from './data/control-data.ts'
import { type DirectoryState, readDirectoryState, readHistoryFile } from './data/data-directory.ts'
import { OriginsLook } from './data/origins-look.ts'
import { CONNECT_LIMIT_MS, type SqlResult, STATEMENT_LIMIT_MS } from './session/connection.ts'
import { type Monitored, monitoringQuery, parseMonitoring } from './session/monitoring.ts'
import { PendingRestartWatch } from './session/pending-restart.ts'
import { identifySystem } from './wal/replication-protocol.ts'

type Readiness = Extract<ProcessView, { kind: 'running' }>['readiness']
type ControlFixed = Pick<ControlData, 'walLogHints' | 'dataChecksums' | 'settings'>

/** A healthy server answers within this; after that the control file is read too, while we go on waiting. */
const PATIENCE_MS: Millis = 150
/** Part of the budget that is kept for finishing once the query has failed. */
const RESERVE_MS: Millis = 50

export class Look {
  readonly #context: Context
  #readiness: { key: string; readiness: Readiness; sinceMs: BootMillis } | null = null
  #fixed: { key: string; control: ControlFixed } | null = null
  #identified: { key: string; timeline: Timeline } | null = null
  #reached: { key: string; timeline: Timeline } | null = null
  readonly #pending: PendingRestartWatch
  #reading: Promise<DirectoryState> | null = null
  #finding: Promise<PostmasterIdentity | null> | null = null
  #searching: Promise<FormerView> | null = null
  readonly #origins: OriginsLook
  #history: { timeline: Timeline; entries: readonly TimelineSwitch[] } | null = null

  constructor(context: Context) {
    this.#context = context
    this.#pending = new PendingRestartWatch(context)
    this.#origins = new OriginsLook(context)
  }

  async view(budgetMs: Millis): Promise<PostgresView> {
    const { clock, recovery, watch } = this.#context
    const startMs = clock.bootMs()
    const left = () => Math.max(20, budgetMs - RESERVE_MS - (clock.bootMs() - startMs))
    const [directory, identity] = await Promise.all([
      inTime(this.#readDirectory(), left(), clock, tooSlow),
      inTime(this.#findPostmaster(), left(), clock, () => watch.lastKnown()),
      // Watching begins before the query, so that no later change is missed.
      inTime(recovery.follow(), left(), clock, () => undefined),
    ])
    const former = inTime(this.#former(identity), left(), clock, tooLate)
    if (identity === null) return { ...(await this.#stopped(directory, left())), former: await former }
    const running = await this.#ask(identity, directory, left())
    if (running.monitored !== null) void this.#note(identity, running.monitored.server)
    return {
      former: await former,
      dataDirectory: await this.#directory(
        directory,
        running.control,
        running.monitored?.server ?? null,
        left(),
      ),
      process: this.#process(identity, running.answer),
      server:
        running.monitored === null
          ? unseen(running.answer.ok ? 'the server answered something unexpected' : running.answer.why)
          : seen(
              await this.#complete(running.monitored.server, identity, running.monitored, left()),
              startMs,
            ),
    }
  }

  /** On a hung disk the reads of earlier looks are still pending: one is enough, because there are few threads. */
  #readDirectory(): Promise<DirectoryState> {
    this.#reading ??= readDirectoryState(this.#context).finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  #findPostmaster(): Promise<PostmasterIdentity | null> {
    this.#finding ??= this.#context.watch.find().finally(() => {
      this.#finding = null
    })
    return this.#finding
  }

  /** /proc does not hang with a disk, but the files that it is compared with may. */
  #former(identity: PostmasterIdentity | null): Promise<FormerView> {
    this.#searching ??= this.#context.former.view(identity).finally(() => {
      this.#searching = null
    })
    return this.#searching
  }

  /** A standby counts as ours whatever data it works on: it is compared with the leader before it leads. */
  #note(identity: PostmasterIdentity, { inRecovery }: ServerView): Promise<void> {
    return this.#context.former.note(identity, `/proc/${identity.pid}/cwd`, inRecovery ? 'ours' : 'found')
  }

  async #stopped(found: DirectoryState, leftMs: Millis): Promise<Omit<PostgresView, 'former'>> {
    const { copying } = this.#context.state
    const directory = this.#withoutOwnWork(found)
    const control =
      directory.kind !== 'present'
        ? unseen('there is no data directory')
        : copying
          ? unseen('the data directory is being made')
          : directory.unfinished === 'copy'
            ? unseen('a base backup was broken off before it wrote one')
            : await this.#controlFile(leftMs)
    return {
      dataDirectory: await this.#directory(directory, control, null, RESERVE_MS),
      process: { kind: 'stopped' },
      server: unseen('PostgreSQL is not running'),
    }
  }

  /** Work of this agent that goes on is not left unfinished: its marks say what would be if the agent died now. */
  #withoutOwnWork(found: DirectoryState): DirectoryState {
    const { copying, rewinding } = this.#context.state
    if (found.kind !== 'present') return found
    const isOurs = (copying && found.unfinished === 'copy') || (rewinding && found.unfinished === 'rewind')
    return isOurs ? { ...found, unfinished: null } : found
  }

  async #ask(identity: PostmasterIdentity, directory: DirectoryState, leftMs: Millis) {
    const { clock, programs, dataDir } = this.#context
    const majorVersion = (directory.kind === 'present' ? directory.majorVersion : null) ?? 150000
    const limit = Math.min(leftMs, CONNECT_LIMIT_MS + STATEMENT_LIMIT_MS)
    const atMs = clock.bootMs()
    const asking = this.#query(monitoringQuery(majorVersion), limit)
    const early = await Promise.race([asking, clock.sleep(PATIENCE_MS).then(() => null)])
    const file = early?.ok === true ? null : readControlData(programs, clock, dataDir, limit)
    const answer: SqlResult = early ?? (await asking)
    const monitored = answer.ok ? parseMonitoring(answer.rows[0]) : null
    if (monitored === null) return { answer, monitored, control: await (file ?? this.#controlFile(leftMs)) }
    return { answer, monitored, control: await this.#control(identity, monitored, leftMs, atMs) }
  }

  /** A session that ended unnoticed says nothing about the server, so a new one is opened at once. */
  async #query(sql: string, limitMs: Millis): Promise<SqlResult> {
    const { kept, clock } = this.#context
    const startMs = clock.bootMs()
    const answer = await kept.query(sql, limitMs)
    const stale = !answer.ok && answer.connected && answer.kind === 'unreachable'
    return stale ? await kept.query(sql, Math.max(1, limitMs - (clock.bootMs() - startMs))) : answer
  }

  #controlFile(limitMs: Millis) {
    const { programs, clock, dataDir } = this.#context
    return readControlData(programs, clock, dataDir, limitMs)
  }

  /** The moving parts from the query, the fixed ones from the file, once a postmaster (and once a replay pause). */
  async #control(identity: PostmasterIdentity, seenNow: Monitored, limitMs: Millis, atMs: BootMillis) {
    const key = `${keyOf(identity)} ${seenNow.server.inRecovery} ${seenNow.server.replayPaused}`
    if (this.#fixed?.key !== key) {
      const file = await this.#controlFile(limitMs)
      if (!file.known) return file
      const { walLogHints, dataChecksums, settings } = file.value
      this.#fixed = { key, control: { walLogHints, dataChecksums, settings } }
    }
    const control: ControlData = {
      ...this.#fixed.control,
      systemIdentifier: seenNow.systemIdentifier,
      state: seenNow.server.inRecovery ? 'in archive recovery' : 'in production',
      checkpointLsn: seenNow.checkpointLsn,
      checkpointTimeline: seenNow.checkpointTimeline,
      minRecoveryLsn: seenNow.minRecoveryLsn,
      minRecoveryTimeline: seenNow.minRecoveryTimeline,
    }
    return seen(control, atMs)
  }

  #process(identity: PostmasterIdentity, answer: SqlResult): ProcessView {
    const key = keyOf(identity)
    const readiness = readinessOf(answer)
    if (this.#readiness?.key !== key || this.#readiness.readiness !== readiness) {
      this.#readiness = { key, readiness, sinceMs: this.#context.clock.bootMs() }
    }
    return { kind: 'running', identity, readiness, sinceMs: this.#readiness.sinceMs }
  }

  async #directory(
    directory: DirectoryState,
    control: Seen<ControlData>,
    server: ServerView | null,
    leftMs: Millis,
  ): Promise<DataDirectoryView> {
    if (directory.kind !== 'present') return directory
    const { clock } = this.#context
    const newest = control.known
      ? Math.max(server?.timeline ?? 0, control.value.checkpointTimeline, control.value.minRecoveryTimeline)
      : (server?.timeline ?? null)
    const history =
      newest === null
        ? unseen('the newest timeline is not known')
        : await inTime(this.#historyOf(newest), leftMs, clock, () =>
            unseen('reading the history file took too long'),
          )
    const origins = await inTime(this.#origins.read(), leftMs, clock, () =>
      unseen('the notes on timelines: the disk is too slow'),
    )
    return { ...directory, control, history, origins }
  }

  async #historyOf(timeline: Timeline): Promise<Seen<readonly TimelineSwitch[]>> {
    const { clock, dataDir } = this.#context
    if (this.#history?.timeline === timeline) return seen(this.#history.entries, clock.bootMs())
    const read = await readHistoryFile(dataDir, timeline, clock)
    if (!read.known) return read
    // A history file never changes once it is there.
    const entries = read.value.map(entry => ({ timeline: entry.timeline, lsn: entry.lsn }))
    this.#history = { timeline, entries }
    return seen(entries, read.atMs)
  }

  /** Adds what the query cannot say: the timeline of a standby that receives nothing, the values after a restart. */
  async #complete(server: ServerView, identity: PostmasterIdentity, from: Monitored, leftMs: Millis) {
    const reached = this.#reachedBy(identity, server.timeline ?? 0, from)
    const timeline =
      server.timeline ?? (await this.#replayedTimeline(identity, server.replayLsn, leftMs)) ?? reached
    const pendingRestart = await this.#pending.of(`${keyOf(identity)} ${from.settingsRead}`, leftMs)
    return { ...server, timeline, pendingRestart }
  }

  /**
   * The newest timeline that this postmaster is known to have reached, for a server that does not let us ask (no pg_hba
   * line for local replication). Never more than the truth, so a node that relies on it holds back.
   */
  #reachedBy(identity: PostmasterIdentity, seenNow: Timeline, from: Monitored): Timeline {
    const key = keyOf(identity)
    const before = this.#reached?.key === key ? this.#reached.timeline : 0
    const timeline = Math.max(before, seenNow, from.minRecoveryTimeline, from.checkpointTimeline)
    this.#reached = { key, timeline }
    return timeline
  }

  /** Asked again only when the replay has moved: at rest a standby without a leader costs no second connection. */
  async #replayedTimeline(identity: PostmasterIdentity, replayLsn: Lsn | null, leftMs: Millis) {
    const key = `${keyOf(identity)} ${replayLsn}`
    if (this.#identified?.key === key) return this.#identified.timeline
    const answer = await identifySystem(await this.#context.access.localReplication(), leftMs)
    if (!answer.ok) return null
    this.#identified = { key, timeline: answer.value.timeline }
    return answer.value.timeline
  }
}

function keyOf(identity: PostmasterIdentity): string {
  return `${identity.pid}/${identity.startTicks}`
}

/** As pg_isready would say it; a session that was open and then fell silent says nothing about new ones. */
export function readinessOf(answer: SqlResult): Readiness {
  if (answer.ok) return 'accepting'
  switch (answer.kind) {
    case 'login':
    case 'statement':
      return 'accepting'
    case 'rejecting':
      return 'rejecting'
    case 'unreachable':
      return answer.connected ? 'unknown' : 'no-response'
    case 'stranger':
    case 'timeout':
    case 'cancelled':
      return 'unknown'
  }
}

function tooLate(): FormerView {
  const late = unseen('looking took too long')
  return { orphans: late, sameData: late, runsOutside: late }
}

function tooSlow(): DirectoryState {
  return { kind: 'inaccessible', why: 'the data directory does not answer in time' }
}
