// `hactl agent --validate-config`: everything that would keep an agent from starting here, found without starting it or
// changing anything. The schema's messages come first, then the findings on this machine; all at once.

import { createDynamicConfiguration } from '../agent/dynamic-config.ts'
import { findLoss, firstDynamicConfiguration } from '../agent/start-up.ts'
import type { Finding } from '../config/checks/contradictions.ts'
import { effectivePostgresql } from '../config/effective.ts'
import { type ConfigResult, readLocalConfig } from '../config/node-config.ts'
import { LOCAL } from '../config/schema/schema.ts'
import type { AnySetting } from '../config/schema/setting.ts'
import type { ConfigSource } from '../config/sources/merge-sources.ts'
import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import { isSecretName, redact } from '../model/command/redact.ts'
import type { AgentConfig } from '../model/settings/config.ts'
import { isJsonObject } from '../model/settings/patch.ts'
import type { Problem } from '../model/settings/problem.ts'
import type { Log } from '../ports/log.ts'
import { createPostgres } from '../postgres/postgres.ts'
import { systemClock } from '../system/clock.ts'
import { checkCertificates } from './certificates.ts'
import { checkDirectories } from './directories.ts'
import { checkHosts } from './hosts.ts'
import { checkListen } from './listen.ts'
import { checkPrograms } from './server-programs.ts'
import { checkWatchdog } from './watchdog.ts'

export interface Validation {
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** File and variables merged, with every password masked; null: nothing could be read. */
  readonly merged: JsonObject | null
}

export async function validateConfig(
  from: ConfigSource,
  { ignoreListenPort }: { readonly ignoreListenPort: boolean },
): Promise<Validation> {
  const read = await readLocalConfig(from)
  const schemaErrors = read.ok ? [] : read.errors
  const { values, source } = read
  if (values === null || source === null)
    return { errors: schemaErrors, warnings: read.warnings, merged: null }
  const found = await Promise.all([
    checkListen(values, ignoreListenPort),
    checkHosts(values),
    checkDirectories(values),
    checkPrograms(values),
    checkCertificates(values),
    checkWatchdog(values),
    adoption(read),
  ])
  const problems = (kind: Finding['kind']) =>
    found
      .flat()
      .filter(finding => finding.kind === kind)
      .map(({ path, message, hint }) => ({ path, place: source.placeOf(path), message, hint: hint ?? null }))
  return {
    errors: [...schemaErrors, ...problems('error')],
    warnings: [...read.warnings, ...(read.ok ? read.open : []), ...problems('warning')],
    merged: masked(source.tree(), ''),
  }
}

/** Root may read and write everything, and the adapter of PostgreSQL refuses to be root. */
const AS_ROOT: Finding = {
  kind: 'warning',
  path: 'postgresql.data_dir',
  message: 'what the user of the agent may read and write was not checked, because this is root',
  hint: 'Run it as that user, usually postgres.',
}

/** Settings of an existing PostgreSQL that the agent would refuse to take over. */
async function adoption(read: ConfigResult): Promise<readonly Finding[]> {
  if (process.getuid?.() === 0) return [AS_ROOT]
  if (!read.ok) return []
  const findings: Finding[] = []
  const path = 'postgresql'
  const warning = (message: string): void => void findings.push({ kind: 'warning', path, message })
  const log: Log = { debug: () => {}, info: () => {}, warning, error: warning }
  const dynamic = createDynamicConfiguration(log)
  await firstDynamicConfiguration(read.config, dynamic, log)
  const postgres = postgresOf(read.config, dynamic.settings().document)
  const loss = await findLoss(read.config, dynamic, postgres, log).finally(() => postgres.close())
  return loss === null ? findings : [...findings, { kind: 'error', path, message: loss }]
}

function postgresOf(config: AgentConfig, document: JsonObject) {
  return createPostgres({
    config: config.postgresql,
    scope: config.scope,
    name: config.name,
    bootstrap: config.bootstrap,
    clock: systemClock(),
    log: () => {},
    effective: effectivePostgresql(config, document, 'replica'),
    stateDirectory: config.stateDirectory,
  })
}

/** The schema knows which settings are secret; below free mappings (bootstrap.users) the key's name decides. */
function masked(tree: JsonObject, parent: string): JsonObject {
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => {
      const path = parent === '' ? key : `${parent}.${key}`
      const setting: AnySetting | undefined = Object.hasOwn(LOCAL, path)
        ? LOCAL[path as keyof typeof LOCAL]
        : undefined
      if (value !== null && (setting?.secret === true || isSecretName(key))) return [key, '***']
      return [key, maskedValue(value, path)]
    }),
  )
}

function maskedValue(value: Json, path: string): Json {
  if (typeof value === 'string') return redact(value)
  return isJsonObject(value) ? masked(value, path) : value
}
