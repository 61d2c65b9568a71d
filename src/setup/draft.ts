// A configuration that is being written: the tree, and notes on what to check. Variables win over what was found or
// guessed, as they do when the file is read, and need no note.

import { at } from '../config/checks/check-document.ts'
import { adoptEtcdV2 } from '../config/etcd-section.ts'
import { readEnvironment } from '../config/sources/environment.ts'
import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import { isJsonObject, patchDocument } from '../model/settings/patch.ts'
import { TIMING_PROFILE_NAMES, TIMING_PROFILES } from '../model/settings/timing-profile.ts'
import type { Scope } from '../model/units.ts'
import type { Place } from './own-place.ts'

export interface Draft {
  readonly tree: JsonObject
  /** Dotted paths, and what stands above them in the file. */
  readonly notes: readonly Note[]
}

export type Note = readonly [path: string, text: string]

/** What both kinds have in common. `postgresql` and `dcs` differ. */
export function frame(
  { name, address }: Place,
  {
    scope,
    dcs,
    initdb,
    postgresql,
  }: {
    readonly scope: Scope
    readonly dcs: JsonObject
    readonly initdb: Json | null
    readonly postgresql: JsonObject
  },
): JsonObject {
  const api = `${address.includes(':') ? `[${address}]` : address}:8008`
  return {
    scope,
    name,
    log: { type: 'plain', level: 'INFO' },
    restapi: { listen: api, connect_address: api },
    etcd3: { hosts: ['127.0.0.1:2379'] },
    bootstrap: {
      dcs: { ttl: 30, loop_wait: 10, retry_timeout: 10, maximum_lag_on_failover: 1_048_576, ...dcs },
      ...(initdb === null ? {} : { initdb }),
    },
    postgresql,
    tags: { failover_priority: 1, noloadbalance: false, clonefrom: false, nostream: false, nosync: false },
  }
}

const PROFILES = TIMING_PROFILE_NAMES.map(
  name => `${name} ${Object.values(TIMING_PROFILES[name]).join('/')}`,
).join(', ')

export const COMMON_NOTES: readonly Note[] = [
  ['etcd3.hosts', 'FIXME: all members of etcd'],
  [
    'bootstrap',
    'Used once, when the cluster is created; afterwards its configuration is changed with hactl edit-config.',
  ],
  [
    'bootstrap.dcs.ttl',
    `ttl, loop_wait and retry_timeout belong together, e.g. ${PROFILES} (docs/modes.md).`,
  ],
]

export async function withVariables(draft: Draft, env: NodeJS.ProcessEnv): Promise<Draft> {
  const { tree: given } = adoptEtcdV2(await readEnvironment(env))
  const { etcd3, ...rest } = draft.tree
  // One way of naming the endpoints is enough, and hosts would win over host.
  const base = given.etcd3 === undefined ? { ...draft.tree } : rest
  void etcd3
  const merged = inOrder(patchDocument(base, given), Object.keys(draft.tree))
  const notes = draft.notes.filter(
    ([path, text]) => !text.startsWith('FIXME') || at(given, path) === undefined,
  )
  return {
    tree: merged,
    notes: notes.filter(([path]) => at(merged, path) !== undefined && answered(path, given)),
  }
}

/** A variable that sets the password makes the note about it unnecessary. */
function answered(path: string, given: JsonObject): boolean {
  return !path.endsWith('.username') || at(given, path.replace(/username$/, 'password')) === undefined
}

function inOrder(tree: Json, names: readonly string[]): JsonObject {
  if (!isJsonObject(tree)) return {}
  const all = [...names, ...Object.keys(tree)]
  return Object.fromEntries(
    [...new Set(all)].flatMap(name => (tree[name] === undefined ? [] : [[name, tree[name]]])),
  )
}
