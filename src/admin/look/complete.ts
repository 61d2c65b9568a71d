// Names of clusters and of their members, for the shell's completion. Somebody waits at the keyboard, so there is one
// bounded look, and no message if it fails.

import type { MemberName, Millis } from '../../model/units.ts'
import type { Operator } from '../use-case.ts'

const BUDGET_MS: Millis = 300

export async function clusterNames({ store }: Operator): Promise<readonly string[]> {
  return store.glanceScopes(BUDGET_MS)
}

/** `cluster` null: the configured one. */
export async function memberNames(
  { store, defaultCluster }: Operator,
  cluster: string | null,
): Promise<readonly MemberName[]> {
  const name = cluster ?? defaultCluster
  const view = name === null ? null : await store.glance(name, BUDGET_MS)
  return view?.known === true ? view.value.members.map(member => member.name) : []
}
