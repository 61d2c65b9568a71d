// The settings files of the local PostgreSQL: written so that the server starts with the cluster's settings, compared
// with those of the running server, backed up and restored. The operator's own file is included, and kept.

import { dirname, isAbsolute, join } from 'node:path'
import type { JsonObject } from '../../model/cluster/cluster.ts'
import type { Upstream } from '../../model/cluster/peer.ts'
import { errorText } from '../../model/error-text.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { RecoverySettingsView } from '../../model/server/postgres.ts'
import type { PostgresqlConfig } from '../../model/settings/config.ts'
import type { BootMillis, Scope } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { type SyncNamesFile, syncNamesFile } from '../synchronous/names-file.ts'
import { elements, type LocalAddress, localAddress } from './addresses.ts'
import { backUpFiles, copyFromDataDirectory, restoreFiles } from './backups.ts'
import {
  exists,
  type FileOwner,
  readIfPresent,
  replaceFile,
  requireDirectory,
  SettingsError,
} from './durable-file.ts'
import { accessLines } from './file-text.ts'
import { commandLineArguments, onCommandLine, type PendingRestart } from './parameters.ts'
import { type Places, placesOf } from './places.ts'
import { conninfoText, type Prepared, prepare, type WriteInput } from './prepared.ts'
import {
  compareRecovery,
  currentFromWritten,
  type Query,
  readCurrentRecovery,
} from './recovery-comparison.ts'
import { type RecoverySettings, standbyRecovery } from './recovery-settings.ts'
import { type ChangedParameter, changedFromServer, pendingRestartOf } from './server-comparison.ts'
import { parameterText } from './server-values.ts'
import { manages, writeFiles } from './write-files.ts'

export type { FileOwner } from './durable-file.ts'
export type { PendingRestart } from './parameters.ts'
export type { WriteInput } from './prepared.ts'
export type { Query } from './recovery-comparison.ts'

interface SettingsOptions {
  readonly config: PostgresqlConfig
  readonly scope: Scope
  /** The member's name: what a standby is called in its primary's pg_stat_replication. */
  readonly name: string
  readonly clock: Pick<Clock, 'bootMs'>
  readonly log: (level: 'debug' | 'info' | 'warning' | 'error', text: string) => void
  /** Owner of the files that we create; absent: whoever we are. */
  readonly runAs?: FileOwner
}

interface Written {
  /** A file differs from before: a running server needs a reload. */
  readonly changed: boolean
  /** `--name=value` for postgres. */
  readonly commandLine: readonly string[]
  /** Values that a standby must keep until its primary's lower ones have reached it. */
  readonly pendingRestart: PendingRestart
}

/** Methods that write throw SettingsError for expected failures: no space, no permission, version unknown. */
export interface Settings {
  /** For a stopped server it also makes the directories that the start needs. */
  write(input: WriteInput): Promise<Written>
  compareRecovery(
    query: Query,
    upstream: Upstream | null,
    majorVersion: number,
  ): Promise<Seen<RecoverySettingsView>>
  /**
   * Settings that a start by us would change, and those that the last write held back. Errors of `query` are passed on.
   */
  pendingRestart(query: Query): Promise<PendingRestart>
  /** How the running server differs from what `write(input)` would write. Errors of `query` are passed on. */
  changedParameters(query: Query, input: WriteInput): Promise<readonly ChangedParameter[]>
  /** For the superuser; by what was written last, before that by the local configuration. */
  localAddress(): LocalAddress
  localReplicationAddress(): LocalAddress
  /** The directories of sockets, statistics and password file; throws SettingsError when one is not usable. */
  prepareDirectories(): Promise<void>
  readonly syncNames: SyncNamesFile
  backUp(): Promise<void>
  /** Restores files that a base backup did not bring along. Returns their names. */
  restoreBackups(): Promise<readonly string[]>
  /** After initdb, unless the configuration has its own pg_hba or hba_file. Does nothing the second time. */
  appendBootstrapHba(lines: readonly string[]): Promise<void>
}

export function createSettings(options: SettingsOptions): Settings {
  return new SettingsFiles(options)
}

class SettingsFiles implements Settings {
  readonly #options: SettingsOptions
  readonly #config: PostgresqlConfig
  readonly #places: Places
  readonly syncNames: SyncNamesFile
  #last: (Prepared & { readonly input: WriteInput }) | null = null
  #warned: ReadonlySet<string> = new Set()
  #socketDirectories: string | null
  /** The end of the last write: two at once would undo each other. */
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: SettingsOptions) {
    this.#options = options
    this.#config = options.config
    this.#places = placesOf(options.config, options.runAs ?? null)
    this.syncNames = syncNamesFile(this.#places, work => this.#inTurn(work))
    this.#socketDirectories = textIn(options.config.parameters, 'unix_socket_directories')
  }

  write(input: WriteInput): Promise<Written> {
    return this.#inTurn(async () => {
      const warnings: string[] = []
      const warn = (text: string) => warnings.push(text)
      const prepared = await prepare(input, this.#options, warn)
      const job = { ...prepared, input, config: this.#config, places: this.#places, warn }
      const written = await writeFiles(job).finally(() => this.#warnNewly(warnings))
      for (const problem of written.problems) this.#options.log('error', problem)
      this.#last = { ...prepared, input }
      if (input.running !== true) {
        this.#socketDirectories = prepared.parameters.get('unix_socket_directories')
        await this.prepareDirectories()
      }
      const { parameters, pendingRestart } = prepared
      return { changed: written.changed, commandLine: commandLineArguments(parameters), pendingRestart }
    })
  }

  async compareRecovery(
    query: Query,
    upstream: Upstream | null,
    majorVersion: number,
  ): Promise<Seen<RecoverySettingsView>> {
    const atMs = this.#options.clock.bootMs()
    if (!(await exists(this.#places.standbySignal))) {
      return seen({ change: 'restart', differing: ['standby.signal'] }, atMs)
    }
    const written = this.#last?.recovery ?? null
    const wanted = this.#wantedRecovery(upstream, majorVersion)
    try {
      const current = await readCurrentRecovery(query, this.#places.conf)
      const view = await compareRecovery(current, wanted, majorVersion)
      // A server that was found running: its files may be another program's until we have written them once.
      const unwritten = written === null && view.change === 'none'
      return seen(unwritten ? { change: 'reload', differing: [this.#places.conf] } : view, atMs)
    } catch (error) {
      if (written !== null && isStarting(error))
        return await this.#compareStarting(written, wanted, majorVersion, atMs)
      return unseen(`recovery settings: ${errorText(error)}`)
    }
  }

  async pendingRestart(query: Query): Promise<PendingRestart> {
    // Before the first writing the files are an earlier agent's, and hold what its command line did.
    const commandLine = this.#last === null ? new Map() : onCommandLine(this.#last.parameters)
    return { ...(await pendingRestartOf(query, commandLine)), ...this.#last?.pendingRestart }
  }

  async changedParameters(query: Query, input: WriteInput): Promise<readonly ChangedParameter[]> {
    const { parameters } = await prepare(input, this.#options, () => {})
    return await changedFromServer(query, parameters, this.#last?.parameters ?? null)
  }

  localAddress(): LocalAddress {
    return localAddress(this.#config, this.#config.useUnixSocket, this.#socketDirectories)
  }

  localReplicationAddress(): LocalAddress {
    return localAddress(this.#config, this.#config.useUnixSocketRepl, this.#socketDirectories)
  }

  async prepareDirectories(): Promise<void> {
    const statistics = this.#last?.parameters.get('stats_temp_directory') ?? null
    const needed = [...elements(this.#socketDirectories ?? ''), ...(statistics === null ? [] : [statistics])]
    for (const directory of needed) {
      // `@name` is Linux's abstract socket space, not a directory.
      if (directory.startsWith('@')) continue
      const path = isAbsolute(directory) ? directory : join(this.#places.dataDir, directory)
      await requireDirectory(path, await this.#places.directoryMode(path), this.#places.owner)
    }
    if (this.#config.authentication.replication.password === null) return
    await requireDirectory(dirname(this.#places.pgpass), 0o700, this.#places.owner)
  }

  backUp(): Promise<void> {
    return this.#inTurn(() => backUpFiles(this.#places, this.#backedUp()))
  }

  restoreBackups(): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      const restored = await restoreFiles(this.#places, this.#backedUp())
      await this.#baseAfterCopy()
      const { ident } = this.#places
      if (this.#manages('ident') && !(await exists(ident))) {
        await replaceFile(ident, '', await this.#places.optionsFor(ident))
      }
      return restored
    })
  }

  appendBootstrapHba(lines: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      const { hba } = this.#places
      const listed = (this.#last?.input.effective ?? this.#config).pgHba ?? []
      if (lines.length === 0 || listed.length > 0 || !this.#manages('hba')) return
      const added = accessLines(lines)
      if (added === null) throw new SettingsError('refused', 'an entry of bootstrap.pg_hba is not one line')
      await copyFromDataDirectory(this.#places, 'pg_hba.conf', hba)
      const text = (await readIfPresent(hba)) ?? Buffer.alloc(0)
      const appended = Buffer.from(`\n${added}`)
      if (text.subarray(-appended.length).equals(appended)) return
      await replaceFile(hba, Buffer.concat([text, appended]), await this.#places.optionsFor(hba))
    })
  }

  /** A source whose configuration lies outside its data directory, and who never ran with ours, sends none. */
  async #baseAfterCopy(): Promise<void> {
    const { configDir, baseName, conf, dataDir } = this.#places
    const base = join(configDir, baseName)
    const found = await Promise.all([base, conf, join(dataDir, 'postgresql.conf')].map(exists))
    if (this.#config.customConf !== null || found.includes(true)) return
    this.#options.log(
      'warning',
      `the copy brought no postgresql.conf: ${base} is empty, fill it in if it matters`,
    )
    await replaceFile(base, '', await this.#places.optionsFor(base))
  }

  #wantedRecovery(upstream: Upstream | null, majorVersion: number): RecoverySettings {
    return standbyRecovery({
      effective: this.#last?.input.effective ?? this.#config,
      config: this.#config,
      applicationName: this.#options.name,
      upstream,
      majorVersion,
      version: this.#last?.version ?? majorVersion,
      warn: () => {},
    })
  }

  /** The server cannot be queried while it starts, but we wrote the files that it starts with. */
  async #compareStarting(
    written: RecoverySettings,
    wanted: RecoverySettings,
    majorVersion: number,
    atMs: BootMillis,
  ): Promise<Seen<RecoverySettingsView>> {
    const conninfo = conninfoText(written, this.#places.pgpass, majorVersion)
    const current = currentFromWritten(written, conninfo, majorVersion)
    return seen(await compareRecovery(current, wanted, majorVersion), atMs)
  }

  #manages(which: 'hba' | 'ident'): boolean {
    const { parameters } = this.#last?.input.effective ?? this.#config
    return manages(this.#places[which], textIn(parameters, `${which}_file`), this.#places)
  }

  #backedUp(): readonly string[] {
    return [
      `${this.#config.configBaseName}.conf`,
      ...(this.#config.customConf === null ? [this.#places.baseName] : []),
      ...(this.#manages('hba') ? ['pg_hba.conf'] : []),
      ...(this.#manages('ident') ? ['pg_ident.conf'] : []),
    ]
  }

  /** A problem is logged again only when it changes. */
  #warnNewly(warnings: readonly string[]): void {
    const now = new Set(warnings)
    for (const text of now) if (!this.#warned.has(text)) this.#options.log('warning', text)
    this.#warned = now
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work)
    this.#tail = turn.catch(() => {})
    return turn
  }
}

/** SQLSTATE cannot_connect_now: the server starts, or recovers from a crash. */
function isStarting(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === '57P03'
}

function textIn(parameters: JsonObject, name: string): string | null {
  const found = Object.entries(parameters).find(([key]) => key.toLowerCase() === name)
  return found === undefined ? null : parameterText(found[1])
}
