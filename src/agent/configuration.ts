// Keeps the configuration in force in step with its two sources: the local file (read again on SIGHUP) and the dynamic
// document in etcd. It changes in memory and only between beats. PostgreSQL and the HTTP API get it when a rule says so
// (src/decide/rules/outdated.ts), and no beat waits for a disk.

import { effectivePostgresql } from '../config/effective.ts'
import { readLocalConfig } from '../config/node-config.ts'
import type { JsonObject, Role } from '../model/cluster/cluster.ts'
import type { Self } from '../model/decision/snapshot.ts'
import type { AgentConfig, EffectivePostgresql, RestApiConfig } from '../model/settings/config.ts'
import type { ConfigurationView } from '../model/settings/configuration-view.ts'
import { formatProblem, type Problem } from '../model/settings/problem.ts'
import type { Millis } from '../model/units.ts'
import type { ConfigurationWriter } from '../ports/configuration.ts'
import type { Log } from '../ports/log.ts'
import type { Postgres, StepOutcome } from '../ports/postgres.ts'
import type { Store } from '../ports/store.ts'
import { createApplication } from './application.ts'
import type { DynamicConfiguration } from './dynamic-config.ts'
import type { NodeStart } from './node.ts'
import { selfOf } from './self.ts'
import { createSideWork } from './side-work.ts'

export interface ConfigurationPorts {
  readonly start: Pick<NodeStart, 'config' | 'values' | 'identity' | 'configPath' | 'env' | 'log' | 'clock'>
  readonly dynamic: DynamicConfiguration
  readonly store: Pick<Store, 'view' | 'retime'>
  readonly postgres: Pick<Postgres, 'use' | 'writeSettings' | 'cacheDynamicConfig'>
  readonly log: Log
  readonly reloadRest: (config: RestApiConfig) => Promise<boolean>
  /** Notifies the service manager. */
  readonly notify: (state: string) => void
  readonly wake: (cause: string) => void
}

export interface Configuration extends ConfigurationWriter {
  self(): Self
  view(): ConfigurationView
  /** The local configuration in force. */
  local(): AgentConfig
  requestReload(): void
  /**
   * Called before each beat: takes up a requested reload, a new dynamic document or a changed role, without waiting.
   */
  bringUpToDate(role: Role): void
}

type Read = Awaited<ReturnType<typeof readLocalConfig>>

/** The configuration that is in force in memory and has to be written. */
interface Due {
  readonly effective: EffectivePostgresql
  readonly document: JsonObject
  /** A reload was asked for, and somebody waits for its end. */
  readonly isReload: boolean
  /** null: unchanged. */
  readonly restapi: RestApiConfig | null
}

/** If reading the file takes longer, its disk does not answer. */
const READING_MS: Millis = 2000

export function createConfiguration(ports: ConfigurationPorts): Configuration {
  const { start, dynamic, store, postgres, wake } = ports
  const { clock } = start
  let { config, values } = start
  let overlay: Overlay | null = null
  let self = selfOf(
    config,
    effectivePostgresql(config, dynamic.settings().document, 'replica'),
    start.identity,
  )
  const file = createFileReader(ports)
  const application = createApplication<Due>({
    clock,
    write: createWriter(ports),
    ended: () => wake('the configuration was applied'),
  })

  function putInForce(role: Overlay, read: Extract<Read, { ok: true }> | null, isReload: boolean): Due {
    if (read !== null) ({ config, values } = read)
    const { ttlMs, retryTimeoutMs, document } = dynamic.settings()
    store.retime({ ttlMs, retryTimeoutMs })
    const effective = effectivePostgresql(config, document, role)
    postgres.use(effective, config.postgresql.authentication)
    self = selfOf(config, effective, start.identity)
    // Earlier changes that could not be written yet are written with this one.
    const before = application.due()
    const restapi = read === null ? (before?.restapi ?? null) : config.restapi
    return { effective, document, isReload: isReload || before?.isReload === true, restapi }
  }

  return {
    self: () => self,
    local: () => config,
    apply: application.apply,
    view: () => ({ ...application.view(), refusedFile: file.refused() }),
    requestReload: file.request,
    bringUpToDate(role) {
      const read = file.take(values)
      const view = store.view()
      const wanted = role === 'primary' ? 'primary' : 'replica'
      const trial = (document: JsonObject) => void effectivePostgresql(config, document, wanted)
      const changed = view.known && dynamic.consider(view.value, trial)
      const reasons = [
        ...(overlay === null ? ['the agent started'] : []),
        ...(read === null ? [] : [read.ok ? 'reloaded' : 'reloaded, though the file is refused']),
        ...(changed ? ['the dynamic configuration changed'] : []),
        ...(overlay !== null && overlay !== wanted ? [`now a ${wanted}`] : []),
      ]
      overlay = wanted
      if (reasons.length === 0) return
      const due = putInForce(wanted, read?.ok === true ? read : null, read !== null)
      application.want(due, reasons.join(', '))
    },
  }
}

type Overlay = 'primary' | 'replica'

/** Reads the file beside the beats after a request to do so. */
function createFileReader({ start, log, notify, wake }: ConfigurationPorts) {
  const { clock } = start
  let isRequested = false
  let isLate = false
  let refused: string | null = null
  const reading = createSideWork<Read>({
    clock,
    ended: () => wake('the configuration file was read'),
    thrown: why => ({ ok: false, errors: [unreadable(why)], warnings: [], values: null, source: null }),
  })

  function sayLate(): void {
    const sinceMs = reading.runningSinceMs()
    const was = isLate
    isLate = sinceMs !== null && clock.bootMs() - sinceMs > READING_MS
    if (isLate && !was)
      log.warning(
        'the configuration file is not read yet, the agent goes on meanwhile. HINT: look for a disk that does not answer',
      )
  }

  return {
    refused: () => refused,
    request(): void {
      if (!isRequested) notify('RELOADING=1')
      isRequested = true
    },
    /** The result of a read since the last call, good or bad; null: none. Begins a read that was asked for. */
    take(inForce: NodeStart['values']): Read | null {
      const read = reading.take()
      sayLate()
      if (isRequested && read === null && reading.runningSinceMs() === null) {
        isRequested = false
        reading.begin(() => readLocalConfig({ path: start.configPath, env: start.env }, inForce))
      }
      if (read === null) return null
      for (const warning of read.warnings) log.warning(formatProblem(warning))
      refused = read.ok ? null : read.errors.map(formatProblem).join('; ')
      if (refused !== null) log.error(`reload refused, the configuration in force stays: ${refused}`)
      if (read.ok) {
        start.log.configure(read.config.log)
        for (const warning of read.open) log.warning(formatProblem(warning))
        sayWaiting(read.waiting, log)
      }
      return read
    },
  }
}

function unreadable(why: string): Problem {
  return { path: null, place: null, message: `the configuration cannot be read: ${why}`, hint: null }
}

/**
 * Writes what is due. A step that succeeded is not repeated when another one has to be tried again: the HTTP API would drop its
 * connections each time, and PostgreSQL would be reloaded. Changes nothing that a beat depends on.
 */
function createWriter({ postgres, log, reloadRest, notify }: ConfigurationPorts) {
  let givenToRest: RestApiConfig | null = null
  let written: Due | null = null
  let announced: Due | null = null

  return async (due: Due): Promise<StepOutcome> => {
    const { document, isReload, restapi } = due
    if (restapi !== null && restapi !== givenToRest) {
      givenToRest = restapi
      // It logs why, and keeps the one that it had: another attempt in five seconds would end its connections again.
      if (await reloadRest(restapi)) log.info('local configuration reloaded')
      else log.warning('local configuration reloaded, but the HTTP API keeps the one that it had')
    }
    const settings = written === due ? DONE : await postgres.writeSettings(isReload)
    if (settings.ok) written = due
    const cached = await postgres.cacheDynamicConfig(JSON.stringify(document))
    if (isReload && announced !== due) notify('READY=1')
    announced = due
    return settings.ok ? cached : settings
  }
}

const DONE: StepOutcome = { ok: true }

/** A warning with each reload until the agent is restarted: an operator must not wait for a change that needs that. */
function sayWaiting(paths: readonly string[], log: Log): void {
  for (const path of paths)
    log.warning(
      path.startsWith('bootstrap.')
        ? `${path} changed in the file; it is only read when a cluster is created. HINT: hactl edit-config changes the configuration of a running cluster`
        : `${path} changed in the file; it takes effect when the agent is started again`,
    )
}
