// The steps before a node takes part: the first dynamic configuration, and the search for a node of the same
// name that is already running (two of them would share one lease, spec/ha.md 8.C15).

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { effectivePostgresql } from '../config/effective.ts'
import type { ClusterView, Json, JsonObject } from '../model/cluster/cluster.ts'
import { errorCode, errorText } from '../model/error-text.ts'
import type { AgentConfig } from '../model/settings/config.ts'
import { isJsonObject, tooDeep } from '../model/settings/patch.ts'
import type { Log } from '../ports/log.ts'
import type { Peers } from '../ports/peers.ts'
import type { AdoptionCheck } from '../ports/postgres.ts'
import type { DynamicConfiguration } from './dynamic-config.ts'

const NAMESAKE_LIMIT_MS = 3000

/** The cached copy beside the data if there is one, else bootstrap.dcs; etcd's own replaces either at first sight. */
export async function firstDynamicConfiguration(
  config: AgentConfig,
  dynamic: DynamicConfiguration,
  log: Log,
): Promise<void> {
  const cached = await readCache(join(config.postgresql.dataDir, 'patroni.dynamic.json'), log)
  if (cached !== null) dynamic.startWith(cached, 'patroni.dynamic.json')
  else if (config.bootstrap !== null) dynamic.startWith(config.bootstrap.dcs, 'bootstrap.dcs')
}

async function readCache(path: string, log: Log): Promise<JsonObject | null> {
  try {
    const parsed: Json = JSON.parse(await readFile(path, 'utf8'))
    if (isJsonObject(parsed) && !tooDeep(parsed)) return parsed
    log.warning(`${path} does not hold a JSON object, or one nested too deep; ignoring it`)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT')
      log.warning(`${path} cannot be read (${errorText(error)}); ignoring it`)
  }
  return null
}

/** Why this node must not start: settings of the existing server would be lost; null: none would. */
export async function findLoss(
  config: AgentConfig,
  dynamic: DynamicConfiguration,
  postgres: AdoptionCheck,
  log: Log,
): Promise<string | null> {
  const effective = effectivePostgresql(config, dynamic.settings().document, 'primary')
  const { refusals, warnings, unseen } = await postgres.lookAtAdoption(effective)
  // An agent that stays away would cost a leader its server: what cannot be seen only keeps the settings from being
  // written.
  if (unseen !== null)
    log.warning(`whether settings of the PostgreSQL here would be lost is not known: ${unseen}`)
  for (const warning of warnings) log.warning(warning)
  if (refusals.length === 0) return null
  return `nothing was changed, because the settings of the PostgreSQL that is here would be: ${refusals.join('; ')}`
}

/** Why this node must not start: another node answers at the address in its member key; null: none does. */
export async function findNamesake(view: ClusterView, name: string, peers: Peers): Promise<string | null> {
  const member = view.members.find(other => other.name === name)
  const apiUrl = member?.record.apiUrl ?? null
  if (apiUrl === null || !(await peers.answers(apiUrl, NAMESAKE_LIMIT_MS))) return null
  return `Can't start; there is already a node named '${name}' running (it answers at ${apiUrl})`
}
