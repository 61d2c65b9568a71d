// The configuration of a node: file or directory, PATRONI_* variables over it, one check that lists everything that is
// wrong at once, and then the typed AgentConfig.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import type { AgentConfig } from '../model/settings/config.ts'
import type { Problem, ProblemPlace } from '../model/settings/problem.ts'
import { buildAgentConfig } from './agent-config.ts'
import { at, checkTree } from './checks/check-document.ts'
import { findContradictions, type LocalValues } from './checks/contradictions.ts'
import { type Advice, adviseDynamicOnly, adviseUnknown } from './checks/misplaced-keys.ts'
import { openDoors } from './checks/open-doors.ts'
import { takeOver, waitingForStart } from './checks/restart-needed.ts'
import { readDynamic } from './dynamic.ts'
import { readEtcd } from './etcd-section.ts'
import { OTHER_STORES } from './schema/general-sections.ts'
import { DYNAMIC, LOCAL } from './schema/schema.ts'
import type { Source } from './sources/config-files.ts'
import { type ConfigSource, gatherSource, placesOf } from './sources/merge-sources.ts'
import { warnOpenFiles } from './sources/open-files.ts'
import { warnUnquoted } from './sources/unquoted.ts'
import { readTags } from './tags-section.ts'

export type ConfigResult =
  | {
      readonly ok: true
      readonly config: AgentConfig
      /** The values that `config` was made from. */
      readonly values: LocalValues
      readonly source: MergedSource
      /** Changed paths that wait for a restart of the agent; empty at its start. */
      readonly waiting: readonly string[]
      readonly warnings: readonly Problem[]
      /** What is left open to the network. Nothing is wrong with it, as long as the operator knows. */
      readonly open: readonly Problem[]
    }
  | {
      readonly ok: false
      readonly errors: readonly Problem[]
      /** The part that could be read; required settings may be missing. null: nothing could. */
      readonly values: LocalValues | null
      readonly source: MergedSource | null
      readonly warnings: readonly Problem[]
    }

interface MergedSource {
  /** File and variables merged, secrets included: a function, so that no dump of a result shows them. */
  readonly tree: () => JsonObject
  readonly placeOf: (path: string) => ProblemPlace | null
}

/**
 * Reads and checks everything; never throws for an operator's mistake. `inForce` are the values that a running agent
 * uses: those that it cannot change while it runs stay as they are.
 */
export async function readLocalConfig(
  from: ConfigSource,
  inForce: LocalValues | null = null,
): Promise<ConfigResult> {
  const source = await gatherSource(from)
  const unusable = source.errors.length > 0 && Object.keys(source.tree).length === 0
  const { warnings } = source
  if (unusable) return { ok: false, errors: source.errors, values: null, source: null, warnings }
  if (Object.keys(source.tree).length === 0)
    return { ok: false, errors: [nothing()], values: null, source: null, warnings }
  return checkLocal(source, from.env, inForce)
}

function nothing(): Problem {
  const hint = 'Name a file, or set the PATRONI_* variables.'
  return { path: null, place: null, message: 'the configuration is empty', hint }
}

function checkLocal(source: Source, env: NodeJS.ProcessEnv, inForce: LocalValues | null): ConfigResult {
  const { tree } = source
  const placeOf = placesOf(source)
  const checked = checkTree(tree, LOCAL, {
    prefix: '',
    placeOf,
    unknown: (path, value) => adviseLocal(path, value, tree),
  })
  const { values } = checked
  const found = findContradictions(values, tree, placeOf)
  const etcd = readEtcd(values, placeOf)
  const tags = readTags(values.read('tags'))
  const inTags = ({ tag, message }: { tag: string; message: string }): Problem => {
    return { path: `tags.${tag}`, place: placeOf(`tags.${tag}`), message, hint: null }
  }
  const dcs = readDynamic(values.read('bootstrap.dcs'), null, 'bootstrap.dcs.', placeOf)
  const errors = [
    ...source.errors,
    ...checked.errors,
    ...found.errors,
    ...etcd.errors,
    ...missingEtcd(etcd.etcd !== null || etcd.errors.length > 0, checked.errors, tree),
    ...tags.errors.map(inTags),
    ...(dcs.ok ? [] : dcs.errors),
  ]
  const warnings = [
    ...source.warnings,
    ...checked.warnings,
    ...warnUnquoted(source, LOCAL, placeOf),
    ...warnOpenFiles(source, LOCAL),
    ...found.warnings,
    ...etcd.warnings,
    ...tags.warnings.map(inTags),
    ...dcs.warnings,
  ]
  const merged: MergedSource = { tree: () => tree, placeOf }
  if (errors.length > 0 || etcd.etcd === null)
    return { ok: false, errors: unique(errors), values, source: merged, warnings }
  const taken = inForce === null ? values : takeOver(inForce, values)
  const endpoints = readEtcd(taken, placeOf).etcd ?? etcd.etcd
  const config = buildAgentConfig({ values: taken, tree, etcd: endpoints, tags: tags.tags, env })
  const waiting = inForce === null ? [] : waitingForStart(inForce, values)
  const open = [...openDoors(config, taken)].map(
    ({ path, message, hint }): Problem => ({ path, place: placeOf(path), message, hint: hint ?? null }),
  )
  return { ok: true, config, values: taken, source: merged, waiting, warnings, open }
}

/** No endpoint, and nothing wrong that explains it. A store that is refused is a better message than a missing etcd. */
function missingEtcd(present: boolean, errors: readonly Problem[], tree: JsonObject): readonly Problem[] {
  const explained = errors.some(error => error.path?.startsWith('etcd3') === true)
  const otherStore = OTHER_STORES.some(store => (at(tree, store) ?? null) !== null)
  if (present || explained || otherStore) return []
  const hint = 'Set etcd3.hosts, or the variable PATRONI_ETCD3_HOSTS.'
  return [{ path: 'etcd3', place: null, message: 'is missing: hactl needs to know where etcd is', hint }]
}

function adviseLocal(path: string, value: Json, tree: JsonObject): Advice | null {
  if (OTHER_STORES.includes(path)) return null
  if (Object.hasOwn(DYNAMIC, path)) return adviseDynamicOnly(path)
  if (isMethodSection(path, value, tree)) return null
  return adviseUnknown(path, 'local')
}

/** Sections of custom replica and bootstrap methods have names of the user's choice. */
function isMethodSection(path: string, value: Json, tree: JsonObject): boolean {
  const [section, name, ...rest] = path.split('.')
  if (name === undefined || rest.length > 0 || typeof value !== 'object') return false
  if (section === 'bootstrap') return at(tree, 'bootstrap.method') === name
  if (section !== 'postgresql') return false
  const methods =
    at(tree, 'postgresql.create_replica_methods') ?? at(tree, 'postgresql.create_replica_method')
  return Array.isArray(methods) ? methods.includes(name) : methods === name
}

function unique(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>()
  return problems.filter(({ path, message }) => {
    const key = `${path}\n${message}`
    return !seen.has(key) && seen.add(key)
  })
}
