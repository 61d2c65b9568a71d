// Keeps everybody's configuration what the two sources say: the local file (read again on SIGHUP) and the dynamic
// document in etcd. It is put in force between beats, never in the middle of one. A beat waits only so long for the file to
// be read and for PostgreSQL's settings to be written: a leader must not lose its lease to a disk that does not answer.

import { effectivePostgresql } from '../config/effective.ts'
import { readLocalConfig } from '../config/node-config.ts'
import type { JsonObject, Role } from '../model/cluster/cluster.ts'
import type { Self } from '../model/decision/snapshot.ts'
import type { AgentConfig, EffectivePostgresql, RestApiConfig } from '../model/settings/config.ts'
import { formatProblem } from '../model/settings/problem.ts'
import type { Millis } from '../model/units.ts'
import type { Log } from '../ports/log.ts'
import type { Postgres } from '../ports/postgres.ts'
import type { Store } from '../ports/store.ts'
import type { DynamicConfiguration } from './dynamic-config.ts'
import type { NodeStart } from './node.ts'
import { selfOf } from './self.ts'
import { createSideWork } from './side-work.ts'

export interface ConfigurationPorts {
  readonly start: Pick<NodeStart, 'config' | 'values' | 'identity' | 'configPath' | 'env' | 'log' | 'clock'>
  readonly dynamic: DynamicConfiguration
  readonly store: Pick<Store, 'view' | 'retime'>
  readonly postgres: Pick<Postgres, 'configure' | 'cacheDynamicConfig'>
  readonly log: Log
  readonly reloadRest: (config: RestApiConfig) => Promise<boolean>
  /** To the service manager. */
  readonly notify: (state: string) => void
  readonly wake: (cause: string) => void
}

export interface Configuration {
  self(): Self
  /** The local configuration in force. */
  local(): AgentConfig
  requestReload(): void
  /** Before each beat: a requested reload, a new dynamic document, a changed role. What takes long goes on beside the beats. */
  bringUpToDate(role: Role): Promise<void>
}

type Read = Awaited<ReturnType<typeof readLocalConfig>>

/** What is in force in memory, and is to be written. */
interface Due {
  readonly effective: EffectivePostgresql
  readonly document: JsonObject
  readonly accounts: AgentConfig['postgresql']['authentication']
  /** Somebody asked for a reload, and waits for its end. */
  readonly isReload: boolean
  /** null: unchanged. */
  readonly restapi: RestApiConfig | null
}

/** A renewal that is due waits this long at most. */
const WAIT_MAX_MS: Millis = 2000

export function createConfiguration(ports: ConfigurationPorts): Configuration {
  const { start, dynamic, store, log, notify, wake } = ports
  const { clock } = start
  let { config, values } = start
  let reloadRequested = false
  let overlay: 'primary' | 'replica' | null = null
  let due: Due | null = null
  let self = selfOf(
    config,
    effectivePostgresql(config, dynamic.settings().document, 'replica'),
    start.identity,
  )
  const reading = createSideWork<Read>({ what: 'reading the configuration file', clock, log, wake })
  const writing = createSideWork<void>({ what: 'applying the configuration', clock, log, wake })

  /** Whether the file is in force. */
  function takeOver(read: Read): boolean {
    for (const warning of read.warnings) log.warning(formatProblem(warning))
    if (!read.ok) {
      log.error(
        `reload refused, the configuration in force stays: ${read.errors.map(formatProblem).join('; ')}`,
      )
      return false
    }
    ;({ config, values } = read)
    start.log.configure(config.log)
    tellWaiting(read.waiting, log)
    return true
  }

  function putInForce(role: 'primary' | 'replica', isReload: boolean, isRead: boolean): Due {
    const { ttlMs, retryTimeoutMs, document } = dynamic.settings()
    store.retime({ ttlMs, retryTimeoutMs })
    const effective = effectivePostgresql(config, document, role)
    self = selfOf(config, effective, start.identity)
    const accounts = config.postgresql.authentication
    // What an earlier beat could not write yet is written with this.
    const restapi = isRead ? config.restapi : (due?.restapi ?? null)
    return { effective, document, accounts, isReload: isReload || due?.isReload === true, restapi }
  }

  return {
    self: () => self,
    local: () => config,
    requestReload: () => {
      if (!reloadRequested) notify('RELOADING=1')
      reloadRequested = true
    },
    async bringUpToDate(role) {
      const untilMs = clock.bootMs() + Math.min(WAIT_MAX_MS, dynamic.settings().ttlMs / 6)
      if (reloadRequested && !reading.isRunning()) {
        reloadRequested = false
        reading.begin(() => readLocalConfig({ path: start.configPath, env: start.env }, values))
      }
      const read = await reading.take(untilMs)
      const isRead = read !== null && takeOver(read)
      const view = store.view()
      const changed = view.known && dynamic.consider(view.value)
      const wanted = role === 'primary' ? 'primary' : 'replica'
      if (read !== null || changed || wanted !== overlay) due = putInForce(wanted, read !== null, isRead)
      overlay = wanted
      if (due !== null && !writing.isRunning()) {
        const now = due
        due = null
        writing.begin(() => write(now, ports))
      }
      await writing.take(untilMs)
    },
  }
}

/** Changes nothing that a beat looks at. */
async function write(due: Due, { postgres, log, reloadRest, notify }: ConfigurationPorts): Promise<void> {
  const { effective, document, accounts, isReload, restapi } = due
  if (restapi !== null) {
    await reloadRest(restapi)
    log.info('local configuration reloaded')
  }
  const written = await postgres.configure(effective, { rewriteAlways: isReload, accounts })
  if (!written.ok) log.warning(`PostgreSQL's settings: ${written.why}`)
  const cached = await postgres.cacheDynamicConfig(JSON.stringify(document))
  if (!cached.ok) log.debug(`patroni.dynamic.json: ${cached.why}`)
  if (isReload) notify('READY=1')
}

/** Said with each reload until it is so: an operator must not wait for what will not come. */
function tellWaiting(paths: readonly string[], log: Log): void {
  for (const path of paths)
    log.warning(
      path.startsWith('bootstrap.')
        ? `${path} changed in the file; it is only read when a cluster is created. HINT: hactl edit-config changes the configuration of a running cluster`
        : `${path} changed in the file; it takes effect when the agent is started again`,
    )
}
