// Adoption of data that hactl never configured: before anything is written, the settings that its server reads are
// compared with those that hactl would write. If a setting would be lost, the adoption is refused with the key to set;
// settings that are decided elsewhere from now on are named.

import { readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errorText } from '../../model/error-text.ts'
import type { EffectivePostgresql } from '../../model/settings/config.ts'
import type { Adoption } from '../../ports/postgres.ts'
import type { Context } from '../context.ts'
import { findMark } from '../data/marks.ts'
import {
  DIRECTORY,
  lastArgument,
  readStartArguments,
  type StartArgument,
} from '../server/postmaster-options.ts'
import { queryOnce } from '../session/connection.ts'
import { ownConf } from '../settings/backups.ts'
import { type ConfChain, lastValue, readConfChain } from '../settings/conf-chain.ts'
import { exists } from '../settings/durable-file.ts'
import { CONTROLLED_NAMES } from '../settings/parameters.ts'
import { type Places, placesOf, sameDirectory } from '../settings/places.ts'
import { parameterText } from '../settings/server-values.ts'
import { changesByAdoption, replacedFiles } from './adoption-changes.ts'

const NOTHING: Adoption = { refusals: [], warnings: [], replaced: [], unseen: null }
const EMPTY: ConfChain = { assignments: [], files: [] }
const ASK_LIMIT_MS = 3000

/** The settings that the server reads, running or not. */
export interface Found {
  readonly running: boolean
  /**
   * True when the server was started here before: a copy that never ran brings its source's files, which nobody read
   * here.
   */
  readonly started: boolean
  /** null: a stopped server that left no trace of it. */
  readonly configFile: string | null
  readonly hbaFile: string | null
  readonly identFile: string | null
  readonly settings: ConfChain
  readonly auto: ConfChain
  readonly given: readonly StartArgument[]
}

/** Never throws. */
export async function lookAtAdoption(context: Context, effective: EffectivePostgresql): Promise<Adoption> {
  const places = placesOf(context.config, context.programs.runAs)
  try {
    if (!(await exists(join(places.dataDir, 'PG_VERSION')))) return await lookAtStrangeDirectory(places)
    const last = await readStartArguments(places.dataDir)
    const given = last ?? []
    const running = (await context.watch.find()) !== null
    if (await isEstablished(places)) return running ? await otherFileInForce(places, given) : NOTHING
    for (const mark of ['copy-unfinished', 'bootstrap-unfinished'] as const)
      if ((await findMark(context, mark)) !== null) return NOTHING
    const found = await lookAtServer(context, places, { running, started: last !== null, given })
    const file = await configFileRefused(context, places, found)
    const refusals = [
      ...file,
      ...(await accessFileRefused(effective, file.length > 0 ? besideConfig(places, found) : places, found)),
      ...argumentsRefused(effective, found),
    ]
    if (refusals.length > 0) return { ...NOTHING, refusals }
    const replaced = await replacedFiles(effective, places)
    return { ...NOTHING, warnings: await changesByAdoption(context, effective, found, replaced), replaced }
  } catch (error) {
    return { ...NOTHING, unseen: errorText(error) }
  }
}

/** True when a file of ours or of Patroni's is there: then there is nothing left to lose. */
async function isEstablished(places: Places): Promise<boolean> {
  if (await exists(join(places.configDir, places.baseName))) return true
  return (await exists(places.conf)) && (await ownConf(places)) === null
}

/** Debian keeps postgresql.conf in a directory of its own, which is easily taken for the data directory. */
async function lookAtStrangeDirectory({ dataDir }: Places): Promise<Adoption> {
  const named = lastValue(await readConfChain(join(dataDir, 'postgresql.conf')), 'data_directory')
  if (named === null || (await sameDirectory(named, dataDir))) return NOTHING
  const why =
    `${dataDir} is a configuration directory, whose postgresql.conf names the data directory ${named}: ` +
    `set postgresql.data_dir: ${named} and postgresql.config_dir: ${dataDir}`
  return { ...NOTHING, refusals: [why] }
}

async function otherFileInForce(places: Places, given: readonly StartArgument[]): Promise<Adoption> {
  const file = startedWith(given) ?? join(places.dataDir, 'postgresql.conf')
  if (await sameFile(file, places.conf)) return NOTHING
  const why =
    `the running PostgreSQL reads ${file}: what hactl writes to ${places.conf} is in force when it is ` +
    'started again'
  return { ...NOTHING, warnings: [why] }
}

async function lookAtServer(
  context: Context,
  places: Places,
  { running, started, given }: Pick<Found, 'running' | 'started' | 'given'>,
): Promise<Found> {
  const { dataDir } = places
  const asked = running ? await ask(context) : null
  const inData = join(dataDir, 'postgresql.conf')
  const configFile = asked?.config_file ?? startedWith(given) ?? (started ? inData : null)
  const settings = await readConfChain(configFile ?? places.conf)
  const auto = await readConfChain(places.autoConf)
  const fileOf = (name: 'hba_file' | 'ident_file', file: string): string | null => {
    const set = lastArgument(given, name) ?? lastValue(auto, name) ?? lastValue(settings, name)
    if (set !== null) return resolve(dataDir, set)
    // The default is beside what -D names, not beside config_file.
    return configFile === null ? null : join(startDirectory(given) ?? dataDir, file)
  }
  return {
    running,
    started,
    given,
    configFile,
    settings,
    auto,
    hbaFile: asked?.hba_file ?? fileOf('hba_file', 'pg_hba.conf'),
    identFile: asked?.ident_file ?? fileOf('ident_file', 'pg_ident.conf'),
  }
}

function startedWith(given: readonly StartArgument[]): string | null {
  const directory = startDirectory(given)
  return (
    lastArgument(given, 'config_file') ?? (directory === null ? null : join(directory, 'postgresql.conf'))
  )
}

/** null: not known, or relative to a directory that is not known. */
function startDirectory(given: readonly StartArgument[]): string | null {
  const directory = lastArgument(given, DIRECTORY)
  return directory?.startsWith('/') === true ? directory : null
}

/** null: it does not let us in, or still starts; its command line and its files say the same, if less surely. */
async function ask(context: Context): Promise<Readonly<Record<string, string>> | null> {
  const target = await context.access.local('hactl adoption')
  const names = ['config_file', 'hba_file', 'ident_file', 'data_directory']
  const columns = names.map(name => `pg_catalog.current_setting('${name}') AS ${name}`)
  const answer = await queryOnce(target, `SELECT ${columns.join(', ')}`, ASK_LIMIT_MS)
  const row = answer.ok ? answer.rows[0] : undefined
  if (row === undefined) return null
  const texts = Object.fromEntries(names.map(name => [name, String(row[name])]))
  return (await sameDirectory(texts.data_directory ?? '', context.dataDir)) ? texts : null
}

async function configFileRefused(context: Context, places: Places, found: Found): Promise<readonly string[]> {
  const { config, dataDir } = context
  const { configFile, running } = found
  // The operator names the included file and answers for its content.
  if (config.customConf !== null) return []
  const there = configFile !== null && (await exists(configFile))
  if (there && !(await sameFile(configFile, places.conf))) {
    const reads = running ? 'the running PostgreSQL reads' : 'PostgreSQL was last started with'
    return [
      `${reads} ${configFile}, and its settings would be lost with ${places.conf}: set ` +
        `${setFor(configFile, config.configBaseName)}, or put what shall stay into ` +
        `${join(places.configDir, places.baseName)}`,
    ]
  }
  if (await exists(places.conf)) return []
  if (await exists(join(dataDir, `${places.baseName}.backup`))) return []
  if (await exists(join(dataDir, 'postgresql.conf'))) return []
  const likely = await clusterOnDebian(dataDir)
  const advice =
    likely === null
      ? 'set postgresql.config_dir: to the directory of its postgresql.conf'
      : `set ${setFor(likely, config.configBaseName)}`
  return [`there is no ${places.conf}, and its settings would be lost: ${advice}`]
}

/** With config_dir set as it is asked for. */
function besideConfig(places: Places, { configFile }: Found): Places {
  const directory = dirname(configFile ?? places.conf)
  return { ...places, hba: join(directory, 'pg_hba.conf'), ident: join(directory, 'pg_ident.conf') }
}

function setFor(configFile: string, baseName: string): string {
  const stem = basename(configFile).replace(/\.conf$/, '')
  const name = stem === baseName ? '' : ` and postgresql.config_base_name: ${stem}`
  return `postgresql.config_dir: ${dirname(configFile)}${name}`
}

/** The configuration of pg_createcluster that names this data directory. */
async function clusterOnDebian(dataDir: string): Promise<string | null> {
  const root = process.env.PG_CLUSTER_CONF_ROOT ?? '/etc/postgresql'
  const below = (path: string) => readdir(path).catch(() => [])
  for (const version of await below(root)) {
    for (const cluster of await below(join(root, version))) {
      const file = join(root, version, cluster, 'postgresql.conf')
      const named = lastValue(await readConfChain(file).catch(() => EMPTY), 'data_directory')
      if (named !== null && (await sameDirectory(named, dataDir))) return file
    }
  }
  return null
}

/** hactl writes hba_file and ident_file: a different file would let other people in, or nobody. */
async function accessFileRefused(
  effective: EffectivePostgresql,
  places: Places,
  found: Found,
): Promise<readonly string[]> {
  const refused: string[] = []
  for (const [name, now, ours, list] of [
    ['hba_file', found.hbaFile, places.hba, effective.pgHba],
    ['ident_file', found.identFile, places.ident, effective.pgIdent],
  ] as const) {
    const configured = parameterOf(effective, name)
    const then = configured === null ? ours : resolve(places.configDir, configured)
    if (now === null || (list?.length ?? 0) > 0 || !(await exists(now)) || (await sameFile(now, then)))
      continue
    // This file is taken over from the data directory.
    if (dirname(now) === places.dataDir && !(await exists(then))) continue
    refused.push(
      `its ${name} is ${now}, and would be ${then}: set postgresql.parameters.${name}: ${now}, or the list ` +
        `postgresql.${name === 'hba_file' ? 'pg_hba' : 'pg_ident'}`,
    )
  }
  return refused
}

/** The options of a stopped server may be those of a single start for repairs. */
function argumentsRefused(effective: EffectivePostgresql, found: Found): readonly string[] {
  if (!found.running) return []
  const lost = lostArguments(effective, found)
  return lost.length === 0
    ? []
    : [
        `the running PostgreSQL was given ${lost.join(', ')} on its command line, which hactl does not repeat: set ${lost.map(name => `postgresql.parameters.${name}`).join(', ')}`,
      ]
}

const PLACES = [DIRECTORY, 'config_file', 'data_directory', 'hba_file', 'ident_file', 'external_pid_file']

function lostArguments(effective: EffectivePostgresql, { given, settings, auto }: Found): readonly string[] {
  const names = new Set(given.map(({ name }) => name))
  return [...names].filter(name => {
    if (PLACES.includes(name) || CONTROLLED_NAMES.has(name) || parameterOf(effective, name) !== null)
      return false
    return (lastValue(auto, name) ?? lastValue(settings, name)) !== lastArgument(given, name)
  })
}

function parameterOf({ parameters }: EffectivePostgresql, name: string): string | null {
  const found = Object.entries(parameters).find(([key]) => key.toLowerCase() === name)
  return found === undefined ? null : parameterText(found[1])
}

async function sameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(path => realpath(path).catch(() => resolve(path))))
  return a === b
}
