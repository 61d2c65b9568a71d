// The intended changes of an adoption: parameters that the cluster decides from now on, and access files that the
// configuration replaces. They are named before they happen, and replaced files are kept.

import { copyFile } from 'node:fs/promises'
import type { EffectivePostgresql } from '../../model/settings/config.ts'
import type { Context } from '../context.ts'
import { readMajorVersion } from '../data/data-directory.ts'
import { lastArgument } from '../server/postmaster-options.ts'
import { chownToServerUser } from '../server/run-as.ts'
import { lastValue } from '../settings/conf-chain.ts'
import { readIfPresent } from '../settings/durable-file.ts'
import { isGenerated } from '../settings/file-text.ts'
import { CONTROLLED_NAMES, serverParameters } from '../settings/parameters.ts'
import type { Places } from '../settings/places.ts'
import { sameText } from '../settings/server-values.ts'
import type { Found } from './adoption.ts'

/** This node's own, from postgresql.listen and scope. */
const OF_THE_NODE = ['listen_addresses', 'port']

export async function changesByAdoption(
  context: Context,
  effective: EffectivePostgresql,
  found: Found,
  replaced: readonly string[],
): Promise<readonly string[]> {
  const changed = await changedParameters(context, effective, found)
  const byCluster = changed.filter(({ name }) => !OF_THE_NODE.includes(name)).map(({ text }) => text)
  const byNode = changed.filter(({ name }) => OF_THE_NODE.includes(name)).map(({ text }) => text)
  return [
    ...(byCluster.length === 0
      ? []
      : [
          `only the dynamic configuration decides ${byCluster.join(', ')}: with the next start of PostgreSQL, ` +
            'unless hactl edit-config changes it before',
        ]),
    ...(byNode.length === 0 ? [] : [`postgresql.listen decides ${byNode.join(', ')}`]),
    ...replaced.map(
      path => `${path} is replaced by the list in the configuration, and kept as ${path}.found`,
    ),
  ]
}

async function changedParameters(
  { config, dataDir, scope }: Context,
  effective: EffectivePostgresql,
  { given, auto, settings }: Found,
): Promise<readonly { readonly name: string; readonly text: string }[]> {
  const majorVersion = (await readMajorVersion(dataDir)) ?? 150000
  const wanted = serverParameters({ effective, config, scope, majorVersion, warn: () => {} })
  return [...CONTROLLED_NAMES].flatMap(name => {
    const was = lastArgument(given, name) ?? lastValue(auto, name) ?? lastValue(settings, name)
    const will = wanted.get(name)
    if (was === null || will === null || name === 'cluster_name' || sameText(was, will)) return []
    return [{ name, text: `${name} (was ${was}, will be ${will})` }]
  })
}

/** Access files that an operator wrote and that a list in the configuration replaces. */
export async function replacedFiles(
  effective: EffectivePostgresql,
  places: Places,
): Promise<readonly string[]> {
  const lists = [
    ...((effective.pgHba?.length ?? 0) > 0 ? [places.hba] : []),
    ...(effective.pgIdent === null ? [] : [places.ident]),
  ]
  const replaced: string[] = []
  for (const path of lists) {
    const text = await readIfPresent(path)
    if (text !== null && !isGenerated(text)) replaced.push(path)
  }
  return replaced
}

/** Before the first writing. Throws errors of the file system. */
export async function keepReplacedFiles({ programs }: Context, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await copyFile(path, `${path}.found`)
    await chownToServerUser(`${path}.found`, programs.runAs)
  }
}
