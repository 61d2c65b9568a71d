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
}

export interface Configuration {
  self(): Self
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
}: ConfigurationPorts): Configuration {
  let config = start.config
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
    const read = await readLocalConfig({ path: start.configPath, env: start.env })
    for (const warning of read.warnings) log.warning(formatProblem(warning))
    if (!read.ok) {
      log.error(
        `reload refused, the configuration in force stays: ${read.errors.map(formatProblem).join('; ')}`,
      )
      return
    }
    warnOfFixed(config, read.config, log)
    config = { ...read.config, name: config.name, scope: config.scope, namespace: config.namespace }
    await reloadRest(config.restapi)
    log.info('local configuration reloaded')
  }

  return {
    self: () => self,
    requestReload: () => {
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
    },
  }
}

/** Settings that only a new start of the agent changes. */
function warnOfFixed(before: AgentConfig, after: AgentConfig, log: Log): void {
  const fixed: readonly (readonly [string, unknown, unknown])[] = [
    ['name', before.name, after.name],
    ['scope', before.scope, after.scope],
    ['namespace', before.namespace, after.namespace],
    ['postgresql.data_dir', before.postgresql.dataDir, after.postgresql.dataDir],
    ['etcd3', JSON.stringify(before.etcd), JSON.stringify(after.etcd)],
    ['postgresql.listen', addressOf(before), addressOf(after)],
    ['postgresql.bin_dir', before.postgresql.binDir, after.postgresql.binDir],
    ['postgresql.database', before.postgresql.database, after.postgresql.database],
    ['postgresql.pgpass', before.postgresql.pgpass, after.postgresql.pgpass],
    ['ctl', JSON.stringify(before.ctl), JSON.stringify(after.ctl)],
  ]
  for (const [name, old, fresh] of fixed) {
    if (old !== fresh)
      log.warning(`${name} changed in the file; it takes effect when the agent is started again`)
  }
}

function addressOf({ postgresql }: AgentConfig): string {
  return `${postgresql.listenAddresses}:${postgresql.port}`
}
