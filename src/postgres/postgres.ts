// The local PostgreSQL behind the port `Postgres`: wires the parts of this folder, one step a file.

import { basename } from 'node:path'
import type { Upstream } from '../model/cluster/peer.ts'
import type { PromotionNote } from '../model/decision/work.ts'
import { errorText } from '../model/error-text.ts'
import { unseen } from '../model/seen.ts'
import type { BootstrapConfig, EffectivePostgresql, PostgresqlConfig } from '../model/settings/config.ts'
import type { MemberName, Scope, Timeline } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { LocalServer, Postgres, SlotChanges, StepOutcome } from '../ports/postgres.ts'
import { type Context, DONE, failed, type Log, stateAtStart } from './context.ts'
import { lookAtAdoption } from './create/adoption.ts'
import { basebackup } from './create/basebackup.ts'
import { finishBootstrap, initdb } from './create/bootstrap.ts'
import { reachSource } from './create/copy-source.ts'
import { readDatedHistory, readDirectoryState, readMajorVersion } from './data/data-directory.ts'
import { DirectoryWork } from './data/directory-work.ts'
import { probePlace } from './data/disk-places.ts'
import { cacheDynamicConfig } from './data/dynamic-config-cache.ts'
import { noteOrigin, notePromotion } from './data/noted-origins.ts'
import { OneAfterAnother } from './data/one-after-another.ts'
import { noLongerCopy } from './data/outside-directories.ts'
import { forgetOwnFiles, keepingOwnFiles } from './data/own-files.ts'
import { removeDataDirectory, setDataDirectoryAside } from './data/removal.ts'
import { markedCopy } from './data/unfinished-copy.ts'
import { Look } from './look.ts'
import { rewind } from './rewind/rewind.ts'
import { runCheckpoint } from './server/checkpoint.ts'
import { crashRecovery } from './server/crash-recovery.ts'
import { follow } from './server/follow.ts'
import { FormerServers, stopOrphans } from './server/former.ts'
import { identifyPostmaster, PostmasterWatch } from './server/postmaster.ts'
import { createPrograms } from './server/programs.ts'
import { promote } from './server/promote.ts'
import { RecoveryWatch } from './server/recovery-watch.ts'
import { checkRunAs, type RunAs } from './server/run-as.ts'
import { logsToState } from './server/server-log.ts'
import { start } from './server/start.ts'
import { stop } from './server/stop.ts'
import { KeptConnection, queryOrThrow, STATEMENT_LIMIT_MS } from './session/connection.ts'
import { tryLogins } from './session/fresh-logins.ts'
import { knock } from './session/knock.ts'
import { parameterQuestions } from './session/parameter-facts.ts'
import { changeSlots } from './session/physical-slots.ts'
import { createAccess } from './session/server-access.ts'
import { createSettings } from './settings/settings.ts'
import { SyncNamesSetting } from './synchronous/names-setting.ts'
import { skipTimelines } from './wal/skipped-timelines.ts'
import { compareTimelines } from './wal/timelines.ts'
import { rewriteSettings } from './write-settings.ts'

interface PostgresOptions {
  readonly config: PostgresqlConfig
  readonly scope: Scope
  readonly name: MemberName
  readonly bootstrap: BootstrapConfig | null
  readonly clock: Clock
  readonly log: Log
  readonly effective: EffectivePostgresql
  /** Needed when the agent is root, and only then. */
  readonly runAs?: RunAs
  /** The server's early output; default the journal, else `<data_dir>.hactl/postgres.log`. */
  readonly serverLog?: string
  /** Of the agent; default `<dataDir>.hactl`. */
  readonly stateDirectory?: string
}

/** Throws when the agent is root and no user is configured for PostgreSQL. Changes nothing yet. */
export function createPostgres(options: PostgresOptions): LocalServer {
  return new LocalPostgres(createContext(options))
}

function createContext(options: PostgresOptions): Context {
  const { bootstrap, clock, config: given, effective, log, name, scope } = options
  const runAs = checkRunAs(options.runAs)
  const dataDir = given.dataDir.replace(/(?<=.)\/+$/, '')
  const configDir = given.configDir.replace(/(?<=.)\/+$/, '')
  // A copy, because use() changes it: passwords are rotated while the agent runs.
  const config = { ...given, dataDir, configDir, authentication: { ...given.authentication } }
  const programs = createPrograms(config, runAs)
  const settings = createSettings({ config, scope, name, clock, log, ...(runAs === null ? {} : { runAs }) })
  const stateDirectory = options.stateDirectory ?? `${dataDir}.hactl`
  const findPostmaster = () => watch.find()
  const access = createAccess({ config, settings, stateDirectory, runAs, clock, log, findPostmaster })
  const programName = basename(programs.path('postgres'))
  const former = new FormerServers({ dataDir, stateDirectory }, programName, clock, log)
  const watch = new PostmasterWatch(
    clock,
    async ownChild =>
      (await identifyPostmaster(dataDir, programName, ownChild)) ?? (await former.postmasterHere()),
  )
  const kept = new KeptConnection(
    () => access.local('hactl heartbeat'),
    () => watch.hint(),
  )
  const recovery = new RecoveryWatch({ dataDir, clock, log, kept, findPostmaster })
  const state = stateAtStart(effective)
  // Under systemd our stderr is the journal, which outlives us.
  const inJournal = process.env.JOURNAL_STREAM !== undefined
  const serverLog = options.serverLog ?? (inJournal ? null : `${stateDirectory}/postgres.log`)
  const settingsWriters = new OneAfterAnother()
  const parts = { access, former, kept, programs, recovery, settings, settingsWriters, state, watch }
  return { bootstrap, clock, config, dataDir, log, name, scope, serverLog, stateDirectory, ...parts }
}

class LocalPostgres implements LocalServer {
  readonly #context: Context
  readonly #look: Look
  readonly #syncNames: SyncNamesSetting
  readonly parameterFacts: LocalServer['parameterFacts']
  #checkpoint: Promise<void> | null = null
  readonly #closing = new AbortController()
  readonly #directory = new DirectoryWork()

  constructor(context: Context) {
    this.#context = context
    // Promoted by hand: it now writes data that no other member has.
    context.recovery.onLeft(() => {
      void noLongerCopy(context).catch(error => context.log('error', errorText(error)))
    })
    this.#look = new Look(context)
    this.#syncNames = new SyncNamesSetting(context)
    this.parameterFacts = parameterQuestions(context)
  }

  async look(...[budgetMs]: Parameters<Postgres['look']>) {
    const [view, syncFile] = await Promise.all([this.#look.view(budgetMs), this.#syncNames.look(budgetMs)])
    return { ...view, syncFile }
  }

  async setSyncNames(value: string | null): Promise<StepOutcome> {
    const set = await this.#directory.write(() => this.#syncNames.set(value))
    return set ?? failed('the data directory is being replaced')
  }

  tryLogins(...args: Parameters<Postgres['tryLogins']>) {
    return tryLogins(this.#context, ...args)
  }

  readonly probeDisk: Postgres['probeDisk'] = place => probePlace(this.#context, place)
  readonly logsToState = () => logsToState(this.#context)
  readonly knock: Postgres['knock'] = (ask, limitMs) => knock(this.#context, ask, limitMs)

  onExit(listener: () => void): () => void {
    return this.#context.watch.onExit(listener)
  }

  onLeftRecovery(listener: () => void): () => void {
    return this.#context.recovery.onLeft(listener)
  }

  async compareRecovery(upstream: Upstream | null): ReturnType<Postgres['compareRecovery']> {
    const { dataDir, kept, settings } = this.#context
    const majorVersion = await readMajorVersion(dataDir)
    if (majorVersion === null) return unseen('PG_VERSION is missing or unreadable')
    return await settings.compareRecovery(queryOrThrow(kept, STATEMENT_LIMIT_MS), upstream, majorVersion)
  }

  use(...[effective, accounts]: Parameters<Postgres['use']>): void {
    const { config, state } = this.#context
    state.effective = effective
    if (accounts !== undefined) Object.assign(config.authentication, accounts)
  }

  async writeSettings(reload: boolean): Promise<StepOutcome> {
    const write = () => this.#context.settingsWriters.run(() => this.#writeChanged(reload))
    return (await this.#directory.write(write)) ?? DONE
  }

  async #writeChanged(always: boolean): Promise<StepOutcome> {
    const { state } = this.#context
    const directory = await readDirectoryState(this.#context)
    if (directory.kind !== 'present') return DONE
    const role = directory.recoveryConfigured ? 'standby' : 'primary'
    // Of a standby that was found running, the next follow() writes its upstream; compareRecovery asks for that.
    if (role === 'standby' && state.upstream === undefined) return DONE
    return await rewriteSettings(this.#context, role, state.upstream ?? null, always)
  }

  readonly lookAtAdoption = (effective: EffectivePostgresql) => lookAtAdoption(this.#context, effective)

  initdb(...args: Parameters<Postgres['initdb']>) {
    return this.#filling(async () => {
      await forgetOwnFiles(this.#context)
      return await initdb(this.#context, ...args)
    })
  }

  finishBootstrap(...args: Parameters<Postgres['finishBootstrap']>) {
    return finishBootstrap(this.#context, ...args)
  }

  basebackup(...args: Parameters<Postgres['basebackup']>) {
    const copy = () => markedCopy(this.#context, () => basebackup(this.#context, ...args))
    return this.#filling(() => keepingOwnFiles(this.#context, true, copy))
  }

  async #filling(work: () => Promise<StepOutcome>): Promise<StepOutcome> {
    const { state } = this.#context
    state.copying = true
    return await this.#directory.replace(work).finally(() => {
      state.copying = false
    })
  }

  start(...args: Parameters<Postgres['start']>) {
    return start(this.#context, ...args)
  }

  stop(...args: Parameters<Postgres['stop']>) {
    return stop(this.#context, ...args)
  }

  readonly stopOrphans = (signal: AbortSignal) => stopOrphans(this.#context, signal)
  readonly follow = (upstream: Upstream | null) => follow(this.#context, upstream)
  readonly skipTimelines = (skips: readonly Timeline[]) => skipTimelines(this.#context, skips)

  notePromotion({ systemIdentifier, from, at }: PromotionNote): Promise<StepOutcome> {
    return notePromotion(this.#context, systemIdentifier, { from, at })
  }

  noteOrigin(...args: Parameters<Postgres['noteOrigin']>): Promise<StepOutcome> {
    return noteOrigin(this.#context, ...args)
  }

  promote(...args: Parameters<Postgres['promote']>) {
    return promote(this.#context, ...args)
  }

  crashRecovery(...args: Parameters<Postgres['crashRecovery']>) {
    return crashRecovery(this.#context, ...args)
  }

  async rewind(...args: Parameters<Postgres['rewind']>) {
    const { state } = this.#context
    state.rewinding = true
    const work = () => rewind(this.#context, ...args)
    return await this.#directory
      .replace(() => keepingOwnFiles(this.#context, false, work))
      .finally(() => {
        state.rewinding = false
      })
  }

  compareTimelines(...args: Parameters<Postgres['compareTimelines']>) {
    return compareTimelines(this.#context, ...args)
  }

  reachSource(from: Upstream) {
    return reachSource(this.#context, from)
  }

  removeDataDirectory() {
    const work = () => removeDataDirectory(this.#context)
    return this.#directory.replace(() => keepingOwnFiles(this.#context, true, work))
  }

  setDataDirectoryAside() {
    const work = () => setDataDirectoryAside(this.#context)
    return this.#directory.replace(() => keepingOwnFiles(this.#context, true, work))
  }

  checkpointSoon(): void {
    this.#checkpoint ??= runCheckpoint(this.#context, this.#closing.signal).finally(() => {
      this.#checkpoint = null
    })
  }

  readonly changeSlots = (changes: SlotChanges) => changeSlots(this.#context, changes)

  async resumeReplay(): Promise<StepOutcome> {
    const sql = 'SELECT pg_catalog.pg_wal_replay_resume()'
    const answer = await this.#context.kept.query(sql, STATEMENT_LIMIT_MS)
    return answer.ok ? DONE : failed(`replay not resumed: ${answer.why}`)
  }

  readHistory(...[timeline]: Parameters<Postgres['readHistory']>) {
    return readDatedHistory(this.#context.dataDir, timeline, this.#context.clock)
  }

  cacheDynamicConfig(text: string): Promise<StepOutcome> {
    return cacheDynamicConfig(this.#context, text)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#context.watch.close()
    this.#context.recovery.close()
    this.#context.kept.close()
    await this.#checkpoint
  }
}
