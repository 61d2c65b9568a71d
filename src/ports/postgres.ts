// The local PostgreSQL: looking at it, and the steps that make up long work (src/act/work-runner.ts composes them).
// Every step takes an AbortSignal, is bounded, kills what it started when aborted, and answers with a value: it throws
// only for a bug. Behaviour: spec/postgres.md 1-4.

import type { Divergence } from '../model/cluster/divergence.ts'
import type { Upstream } from '../model/cluster/peer.ts'
import type { PromotionNote } from '../model/decision/work.ts'
import type { Seen } from '../model/seen.ts'
import type { LoginTry } from '../model/server/logins.ts'
import type { Origin } from '../model/server/origins.ts'
import type { ParameterAnswer } from '../model/server/parameter.ts'
import type {
  PostgresView,
  PostmasterIdentity,
  RecoverySettingsView,
  TimelineSwitch,
} from '../model/server/postgres.ts'
import type { Progress, ShutdownPosition } from '../model/server/progress.ts'
import type { DiskAnswer, Knock, ServerPlace } from '../model/server/vitals.ts'
import type { EffectivePostgresql, PostgresqlConfig } from '../model/settings/config.ts'
import type { Lsn, Millis, Timeline } from '../model/units.ts'

export type StepOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly why: string
      readonly cancelled?: boolean
      /** What somebody has to do before a retry can succeed; absent: the trouble may pass. */
      readonly remedy?: string
      /** Waiting for the start was given up: the server may still come up. */
      readonly stillStarting?: true
    }

export interface StartOptions {
  /** `primary`: no recovery configuration; `standby`: follow `upstream` (null: nobody yet). */
  readonly as: 'primary' | 'standby'
  readonly upstream: Upstream | null
  readonly timeoutMs: Millis
  /** Called as soon as the postmaster exists, before it accepts connections (the fencer needs its identity). */
  readonly onSpawned?: (identity: PostmasterIdentity) => void
}

export interface StopOptions {
  readonly mode: 'fast' | 'immediate'
  /** Run CHECKPOINT first, so that the shutdown checkpoint is short. */
  readonly checkpoint: boolean
  /** null: wait for ever; otherwise escalate to immediate, then SIGKILL. */
  readonly timeoutMs: Millis | null
  /** The control file says `shut down` though the postmaster may still live (slow archiver). */
  readonly onShutDown?: (position: ShutdownPosition) => void
}

export interface LoginQuestion {
  readonly inRecovery: boolean
  /** Of a standby; null: there is nobody to follow. */
  readonly upstream: Upstream | null
  /** pg_rewind may be used, so its account is needed. */
  readonly rewind: boolean
}

export type Report = (progress: Progress) => void

export interface SlotChanges {
  readonly create: readonly string[]
  readonly drop: readonly string[]
  readonly advance: readonly { readonly name: string; readonly to: Lsn }[]
}

export interface Postgres {
  /** One bounded look: data directory, process, and one monitoring query. Never throws. */
  look(budgetMs: Millis): Promise<PostgresView>
  /** Compares the recovery settings in force with those that `upstream` needs (spec/postgres.md 2.7). */
  compareRecovery(upstream: Upstream | null): Promise<Seen<RecoverySettingsView>>
  /** Fresh sessions with the accounts in force, each bounded and closed again. */
  tryLogins(question: LoginQuestion): Promise<readonly LoginTry[]>
  /**
   * A fresh connection, or a login with a query, closed again at once: does the server answer it within `limitMs`? A refusal
   * is an answer too.
   */
  knock(ask: Knock, limitMs: Millis): Promise<boolean>
  /** Writes a page, flushes it and removes it. Pending for as long as the disk hangs: ask once at a time. */
  probeDisk(place: ServerPlace): Promise<DiskAnswer>
  /** The running server still writes its log into hactl's state directory; false: it has one of its own, or none runs. Touches no disk. */
  logsToState(): Promise<boolean>
  /** Called once when the postmaster that was last seen running exits. Returns the function that stops listening. */
  onExit(listener: () => void): () => void

  /**
   * Uses this from now on, whenever it writes something or logs in; open sessions stay. Touches no file. `accounts`:
   * whom to log in as; absent: unchanged.
   */
  use(effective: EffectivePostgresql, accounts?: PostgresqlConfig['authentication']): void
  /**
   * Writes the settings files, and reloads a running server when one changed or `reload` says so. The next look shows
   * what needs a restart.
   */
  writeSettings(reload: boolean): Promise<StepOutcome>

  /**
   * Writes synchronous_standby_names (null: none) into hactl's own file, reloads, and waits until the running server has it in
   * force. Fails while an earlier write hangs on its disk.
   */
  setSyncNames(value: string | null): Promise<StepOutcome>

  initdb(signal: AbortSignal, report: Report): Promise<StepOutcome>
  /** Users, grants and the post_bootstrap command, after the first start. */
  finishBootstrap(signal: AbortSignal, report: Report): Promise<StepOutcome>
  basebackup(from: Upstream, signal: AbortSignal, report: Report): Promise<StepOutcome>
  start(options: StartOptions, signal: AbortSignal): Promise<StepOutcome>
  stop(
    options: StopOptions,
    signal: AbortSignal,
  ): Promise<StepOutcome & { readonly position?: ShutdownPosition | null }>
  /** Stops every server process of this node that does not belong to the data directory's own server. */
  stopOrphans(signal: AbortSignal): Promise<StepOutcome>
  /** Rewrites the recovery settings for `upstream` and reloads (role stays standby). */
  follow(upstream: Upstream | null, signal: AbortSignal): Promise<StepOutcome>
  /** Written durably, before `promote`. */
  notePromotion(note: PromotionNote): Promise<StepOutcome>
  /**
   * Notes who began a timeline of this node's data, once proved; null: only that the last promotion came to nothing.
   */
  noteOrigin(systemIdentifier: string, origin: Origin | null): Promise<StepOutcome>
  /**
   * Makes the next promotion take a higher number: durable when this returns `ok`. Undone by the next `start` or
   * `follow`, unless the promotion came about.
   */
  skipTimelines(timelines: readonly Timeline[]): Promise<StepOutcome>
  /** pg_ctl promote, then wait until the server is out of recovery. */
  promote(timeoutMs: Millis, signal: AbortSignal): Promise<StepOutcome>
  crashRecovery(signal: AbortSignal): Promise<StepOutcome>
  /** `damaged`: the data directory can no longer be trusted as it is. */
  rewind(
    from: Upstream,
    signal: AbortSignal,
    report: Report,
  ): Promise<StepOutcome & { readonly damaged?: boolean }>
  compareTimelines(leader: Upstream, budgetMs: Millis): Promise<Seen<Divergence>>
  /** Does the source let this node in for a copy? Asked before the data here is removed for one. */
  reachSource(from: Upstream): Promise<StepOutcome>
  /** Deletes data, WAL and tablespace directories. */
  removeDataDirectory(): Promise<StepOutcome>
  /** Renames them to `.failed`. */
  setDataDirectoryAside(): Promise<StepOutcome>

  /** CHECKPOINT in the background, so that rewinding peers find the new timeline in the control file. Idempotent. */
  checkpointSoon(): void
  changeSlots(changes: SlotChanges): Promise<StepOutcome>
  resumeReplay(): Promise<StepOutcome>
  /** History file of `timeline` as this node has it, with reasons, for the `history` key. */
  readHistory(
    timeline: Timeline,
  ): Promise<Seen<readonly (TimelineSwitch & { readonly reason: string; readonly atIso: string })[]>>
  /** Writes the accepted dynamic configuration to patroni.dynamic.json (temporary file, rename). */
  cacheDynamicConfig(text: string): Promise<StepOutcome>
  close(): Promise<void>
}

export interface Adoption {
  /** What would be lost, and what to set; empty: hactl may write its settings. */
  readonly refusals: readonly string[]
  /** What changes anyway, for the log. */
  readonly warnings: readonly string[]
  /** Files that the configuration replaces: they are kept as `<path>.found`. */
  readonly replaced: readonly string[]
  /** Why none of this is known; null: it is. */
  readonly unseen: string | null
}

/** Before an agent takes part: may it write its settings for the server that is there? Nothing is written. */
export interface AdoptionCheck {
  lookAtAdoption(effective: EffectivePostgresql): Promise<Adoption>
}

/** What an adapter of a real server also reports, without being asked. */
export interface RecoveryEnd {
  /** Called when the server has left recovery, as soon as it accepts writes: through our promotion, or by hand. */
  onLeftRecovery(listener: () => void): () => void
}

/** For an operator who is about to change parameters. */
export interface ParameterCatalogue {
  parameterFacts(names: readonly string[], limitMs: Millis): Promise<Seen<ParameterAnswer>>
}

/** Everything that an agent has of its own server. */
export type LocalServer = Postgres & RecoveryEnd & AdoptionCheck & ParameterCatalogue

export type { Divergence, Progress, ShutdownPosition }
