// Which files in the data directory are the node's own, though every copy and every rewind takes them from another
// node: its base file and what that includes, who may log in, certificates and their keys.

import { readdir } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { PostgresqlConfig } from '../../model/settings/config.ts'
import { ownConf } from './backups.ts'
import { type ConfChain, lastValue, readConfChain } from './conf-chain.ts'
import { exists, readIfPresent } from './durable-file.ts'
import type { Places } from './places.ts'

/** Settings that name files, with their defaults; a relative path starts at the data directory. */
const SERVER_FILES: Readonly<Record<string, string>> = {
  ssl_cert_file: 'server.crt',
  ssl_key_file: 'server.key',
  ssl_ca_file: '',
  ssl_crl_file: '',
  ssl_dh_params_file: '',
  krb_server_keyfile: '',
  hba_file: '',
  ident_file: '',
}
/** libpq's files of the accounts that hactl logs in with. */
const ACCOUNT_FILES = ['sslcert', 'sslkey', 'sslrootcert', 'sslcrl']

export interface OwnPath {
  /** The path relative to the data directory, to which it is restored. */
  readonly name: string
  /** The current path. */
  readonly path: string
}

/** The existing ones, each once. */
export async function ownPaths(config: PostgresqlConfig, places: Places): Promise<readonly OwnPath[]> {
  const { configDir, dataDir, baseName } = places
  const base = join(configDir, baseName)
  // A postgresql.conf that hactl never wrote would become the base.
  const own = (await exists(base)) || (await ownConf(places)) === null ? base : places.conf
  const chain = await readConfChain(places.conf)
  const auto = await readConfChain(places.autoConf)
  const served = await serverFiles([auto, chain], dataDir)
  const access = [places.hba, places.ident, ...served]
  const found = [
    ...chain.files.filter(file => file !== places.conf),
    ...access,
    ...(await Promise.all(access.map(accessIncludes))).flat(),
    ...accountFiles(config),
  ]
  const byName = new Map(found.map(path => [path, path]))
  byName.set(base, own)
  const inside = [...byName].filter(([name]) => name.startsWith(`${dataDir}/`))
  const there = await Promise.all(inside.map(([, path]) => exists(path)))
  return inside
    .filter((_pair, index) => there[index] === true)
    .map(([name, path]) => ({ name: name.slice(dataDir.length + 1), path }))
}

async function serverFiles(chains: readonly ConfChain[], dataDir: string): Promise<readonly string[]> {
  const value = (name: string) => chains.map(chain => lastValue(chain, name)).find(text => text !== null)
  const files = Object.entries(SERVER_FILES)
    .map(([name, fallback]) => (value(name) ?? fallback).replace(/^FILE:/, ''))
    .filter(path => path !== '')
    .map(path => resolve(dataDir, path))
  const directory = value('ssl_crl_dir') ?? ''
  if (directory === '') return files
  const lists = resolve(dataDir, directory)
  return [...files, ...(await readdir(lists).catch(() => [])).map(name => join(lists, name))]
}

/** Files that pg_hba.conf or pg_ident.conf names: included ones, and lists of names behind an `@`. */
async function accessIncludes(path: string): Promise<readonly string[]> {
  if (!/\.conf$/.test(path)) return []
  const text = (await readIfPresent(path).catch(() => null))?.toString() ?? ''
  const lines = text.split('\n').map(line => line.replace(/#.*/, ''))
  const named = lines.flatMap(line => [
    ...[...line.matchAll(/^\s*include(?:_if_exists)?\s+"?([^\s"]+)/g)].map(match => match[1] ?? ''),
    ...[...line.matchAll(/@"?([^\s,"]+)/g)].map(match => match[1] ?? ''),
  ])
  return named.map(name => resolve(dirname(path), name))
}

function accountFiles({ authentication }: PostgresqlConfig): readonly string[] {
  const { superuser, replication, rewind } = authentication
  return [superuser, replication, rewind]
    .flatMap(account => ACCOUNT_FILES.map(name => account?.options[name] ?? ''))
    .filter(isAbsolute)
}
