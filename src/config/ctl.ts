// The configuration of an operator's command: the same file as the agent's, of which only etcd and the credentials of
// the REST API matter. Nothing else in it can stop a command.

import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { codeOrText } from '../model/error-text.ts'
import type { CtlConfig, EtcdConfig } from '../model/settings/config.ts'
import type { Problem } from '../model/settings/problem.ts'
import type { MemberName, Scope } from '../model/units.ts'
import { buildCtl, trimSlashes } from './agent-config.ts'
import { at, checkTree } from './checks/check-document.ts'
import { readEtcd } from './etcd-section.ts'
import { OTHER_STORES } from './schema/general-sections.ts'
import { OPERATOR } from './schema/schema.ts'
import type { Source } from './sources/config-files.ts'
import { type DcsUrl, parseDcsUrl } from './sources/dcs-url.ts'
import { gatherSource, placesOf } from './sources/merge-sources.ts'
import { warnUnquoted } from './sources/unquoted.ts'

interface CtlSource {
  /** `-c`; null: PATRONICTL_CONFIG_FILE, then the usual places. */
  readonly path: string | null
  readonly env: NodeJS.ProcessEnv
  /** `-d`; undefined: DCS_URL, then the file. */
  readonly dcsUrl?: string | undefined
  /** `-k`. */
  readonly insecure?: boolean | undefined
}

export interface OperatorConfig {
  /** null: the command line must name the cluster. */
  readonly scope: Scope | null
  readonly namespace: string
  /** Name of this node, when the file is that of an agent. */
  readonly name: MemberName | null
  readonly etcd: EtcdConfig
  readonly ctl: CtlConfig
  /** Journal and fencer records of this node; null when the file is not that of an agent. */
  readonly stateDirectory: string | null
  /** Where the configuration was found; null: command line and environment only. */
  readonly file: string | null
}

export type OperatorResult =
  | { readonly ok: true; readonly config: OperatorConfig; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly errors: readonly Problem[]; readonly warnings: readonly Problem[] }

export async function readCtlConfig(source: CtlSource): Promise<OperatorResult> {
  const found = await findFile(source)
  const url = readUrl(source)
  const errors = [...found.errors, ...url.errors]
  if (errors.length > 0) return { ok: false, errors, warnings: [] }
  // With everything on the command line no file is read: loading the YAML package alone takes 25 ms.
  const gathered = await gatherSource({ path: found.path, env: source.env })
  if (gathered.errors.length > 0) return { ok: false, errors: gathered.errors, warnings: gathered.warnings }
  const result = check(gathered, found.path, url.url, source.insecure === true)
  return result.ok ? result : { ...result, errors: explained(result.errors, found.unreadable) }
}

function check(gathered: Source, file: string | null, url: DcsUrl | null, insecure: boolean): OperatorResult {
  const placeOf = placesOf(gathered)
  // With -d the sections of all stores are ignored.
  const sections = Object.entries(gathered.tree).filter(
    ([key]) => url === null || (key !== 'etcd3' && !OTHER_STORES.includes(key)),
  )
  const tree = Object.fromEntries(sections)
  const checked = checkTree(tree, OPERATOR, { prefix: '', placeOf, partial: true, unknown: () => null })
  const { values } = checked
  const etcd = url === null ? readEtcd(values, placeOf) : { etcd: fromUrl(url), errors: [], warnings: [] }
  const store = OTHER_STORES.find(name => (at(tree, name) ?? null) !== null)
  const missing = etcd.etcd === null && etcd.errors.length === 0 && checked.errors.length === 0
  const errors = [
    ...checked.errors,
    ...etcd.errors,
    ...(store === undefined ? [] : [otherStore(store)]),
    ...(missing && store === undefined ? [noEtcd()] : []),
  ]
  // Only warnings about the keys read here; the agent logs the others.
  const warnings = [
    ...gathered.warnings.filter(({ path }) => path?.startsWith('etcd') === true),
    ...checked.warnings,
    ...warnUnquoted({ ...gathered, tree }, OPERATOR, placeOf),
    ...etcd.warnings,
  ]
  if (errors.length > 0 || etcd.etcd === null) return { ok: false, errors, warnings }
  const dataDirectory = values.given('postgresql.data_dir') ? values.read('postgresql.data_dir') : null
  const ctl = buildCtl(values)
  const config: OperatorConfig = {
    scope: values.given('scope') ? values.read('scope') : null,
    namespace: trimSlashes(url?.namespace ?? values.read('namespace')),
    name: values.given('name') ? values.read('name') : null,
    etcd: etcd.etcd,
    ctl: { ...ctl, insecure: ctl.insecure || insecure },
    stateDirectory:
      values.read('hactl.state_directory') ?? (dataDirectory === null ? null : `${dataDirectory}.hactl`),
    file,
  }
  return { ok: true, config, warnings: [...warnings, ...version2(url)] }
}

/** The file that says where etcd is exists, but this user may not read it: the error has to say so. */
function explained(errors: readonly Problem[], unreadable: readonly Problem[]): readonly Problem[] {
  const onlyMissing = errors.every(error => error.path === 'etcd3' && error.place === null)
  return onlyMissing && unreadable.length > 0 ? unreadable : errors
}

function fromUrl(url: DcsUrl): EtcdConfig {
  return { endpoints: url.endpoints, tls: null, credentials: null }
}

function version2(url: DcsUrl | null): readonly Problem[] {
  if (url?.version2 !== true) return []
  const message = 'the scheme etcd is read as etcd3: hactl speaks only version 3 of the etcd API'
  return [{ path: null, place: null, message, hint: null }]
}

function noEtcd(): Problem {
  const hint = 'Name a configuration with -c, or etcd with -d host:port.'
  return { path: 'etcd3', place: null, message: 'is missing: hactl needs to know where etcd is', hint }
}

function otherStore(store: string): Problem {
  const message = `is not supported: hactl works with etcd, not with ${store}`
  return { path: store, place: null, message, hint: 'Name etcd with -d host:port.' }
}

function readUrl(source: CtlSource): { readonly url: DcsUrl | null; readonly errors: readonly Problem[] } {
  const text = source.dcsUrl ?? source.env.DCS_URL ?? ''
  if (text === '') return { url: null, errors: [] }
  const parsed = parseDcsUrl(text)
  if (parsed.ok) return { url: parsed.value, errors: [] }
  const place = source.dcsUrl === undefined ? ({ kind: 'environment', name: 'DCS_URL' } as const) : null
  const hint = 'Expected: [etcd3://]host[:port][/namespace].'
  return {
    url: null,
    errors: [{ path: null, place, message: `the address of etcd ${parsed.message}`, hint }],
  }
}

interface FoundFile {
  readonly path: string | null
  readonly errors: readonly Problem[]
  /** Usual files that exist but may not be read: the error names them when nothing else says where etcd is. */
  readonly unreadable: readonly Problem[]
}

/** A file that was named must be readable; of the usual places, the first readable one counts. */
async function findFile({ path, env }: CtlSource): Promise<FoundFile> {
  const named = path ?? (env.PATRONICTL_CONFIG_FILE || null)
  if (named !== null) return findNamed(named, path === null)
  const unreadable: Problem[] = []
  for (const usual of usualFiles(env)) {
    const why = await whyUnreadable(usual)
    if (why === null) return { path: usual, errors: [], unreadable }
    if (!isAbsent(why)) unreadable.push(notReadable(usual, why, null))
  }
  return { path: null, errors: [], unreadable }
}

async function findNamed(file: string, byVariable: boolean): Promise<FoundFile> {
  const why = await whyUnreadable(file)
  if (why === null) return { path: file, errors: [], unreadable: [] }
  const hint = byVariable ? 'Check the variable PATRONICTL_CONFIG_FILE.' : 'Check the -c option.'
  return { path: null, errors: [notReadable(file, why, isAbsent(why) ? hint : null)], unreadable: [] }
}

function notReadable(file: string, why: string, hint: string | null): Problem {
  const advice = why === 'EACCES' ? 'Run as a user who may read it, or name another file with -c.' : hint
  const message = isAbsent(why) ? 'does not exist' : `cannot be read (${why})`
  return { path: null, place: { kind: 'file', file, line: null }, message, hint: advice }
}

function isAbsent(why: string): boolean {
  return why === 'ENOENT' || why === 'ENOTDIR'
}

export function usualFiles(env: NodeJS.ProcessEnv): readonly string[] {
  const home = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config')
  return [join(home, 'patroni', 'patronictl.yaml'), '/etc/patroni/patroni.yml', '/etc/hactl/hactl.yml']
}

/** null: it can be read; otherwise the code of the error. */
async function whyUnreadable(path: string): Promise<string | null> {
  return access(path, constants.R_OK).then(() => null, codeOrText)
}
