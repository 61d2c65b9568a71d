// Keeps everybody's configuration what the two sources say: the local file (read again on SIGHUP) and the dynamic
// document in etcd. Applied between beats, never in the middle of one.

import { effectivePostgresql } from '../config/effective.ts'
import { readLocalConfig } from '../config/local.ts'
import type { Role } from '../model/cluster.ts'
import type { AgentConfig, RestApiConfig } from '../model/config.ts'
import { formatProblem } from '../model/problem.ts'
import type { Self } from '../model/snapshot.ts'
import type { Log } from '../ports/log.ts'
import type { Postgres } from '../ports/postgres.ts'
import type { Store } from '../ports/store.ts'
import type { DynamicConfiguration } from './dynamic-config.ts'
import type { NodeStart } from './node.ts'
import { selfOf } from './self.ts'

export interface ConfigurationPorts {
  readonly start: NodeStart
  readonly dynamic: DynamicConfiguration
  readonly store: Store
  readonly postgres: Postgres
  readonly log: Log
  readonly reloadRest: (config: RestApiConfig) => Promise<boolean>
  /** To the service manager. */
  readonly notify: (state: string) => void
}

export interface Configuration {
  self(): Self
  /** The local configuration in force. */
  local(): AgentConfig
  requestReload(): void
  /** Before each beat: a requested reload, a new dynamic document, a changed role. */
  bringUpToDate(role: Role): Promise<void>
}

export function createConfiguration({
  start,
  dynamic,
  store,
  postgres,
  log,
  reloadRest,
  notify,
}: ConfigurationPorts): Configuration {
  let { config, values } = start
  let reloadRequested = false
  let overlay: 'primary' | 'replica' | null = null
  let self = selfOf(
    config,
    effectivePostgresql(config, dynamic.settings().document, 'replica'),
    start.identity,
  )

  async function apply(role: 'primary' | 'replica', rewriteAlways: boolean): Promise<void> {
    const { ttlMs, retryTimeoutMs, document } = dynamic.settings()
    store.retime({ ttlMs, retryTimeoutMs })
    const effective = effectivePostgresql(config, document, role)
    self = selfOf(config, effective, start.identity)
    const accounts = config.postgresql.authentication
    const written = await postgres.configure(effective, { rewriteAlways, accounts })
    if (!written.ok) log.warning(`PostgreSQL's settings: ${written.why}`)
    const cached = await postgres.cacheDynamicConfig(JSON.stringify(document))
    if (!cached.ok) log.debug(`patroni.dynamic.json: ${cached.why}`)
  }

  async function reload(): Promise<void> {
    const read = await readLocalConfig({ path: start.configPath, env: start.env }, values)
    for (const warning of read.warnings) log.warning(formatProblem(warning))
    if (!read.ok) {
      log.error(
        `reload refused, the configuration in force stays: ${read.errors.map(formatProblem).join('; ')}`,
      )
      return
    }
    ;({ config, values } = read)
    start.log.configure(config.log)
    tellWaiting(read.waiting, log)
    await reloadRest(config.restapi)
    log.info('local configuration reloaded')
  }

  return {
    self: () => self,
    local: () => config,
    requestReload: () => {
      if (!reloadRequested) notify('RELOADING=1')
      reloadRequested = true
    },
    async bringUpToDate(role) {
      const again = reloadRequested
      reloadRequested = false
      if (again) await reload()
      const view = store.view()
      const changed = view.known && dynamic.consider(view.value)
      const wanted = role === 'primary' ? 'primary' : 'replica'
      if (again || changed || wanted !== overlay) await apply(wanted, again)
      overlay = wanted
      if (again) notify('READY=1')
    },
  }
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
