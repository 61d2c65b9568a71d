// Names of clusters and of their members, for the shell's completion. Somebody waits at the keyboard, so there is one
// bounded look, and no message if it fails.

import type { MemberName, Millis } from '../../model/units.ts'
import type { Operator } from '../use-case.ts'

/**
 * What a shell takes as it is. bash expands the words of a completion, so that a name such as `$(…)` would be a command
 * that runs when somebody presses the tab key.
 */
const PLAIN_WORD = /^[\p{L}\p{N}_.:@%+,=-]+$/u

const BUDGET_MS: Millis = 300

export async function clusterNames({ store }: Operator): Promise<readonly string[]> {
  const names = await store.glanceScopes(BUDGET_MS)
  return names.filter(name => PLAIN_WORD.test(name))
}

/** `cluster` null: the configured one. */
export async function memberNames(
  { store, defaultCluster }: Operator,
  cluster: string | null,
): Promise<readonly MemberName[]> {
  const name = cluster ?? defaultCluster
  const view = name === null ? null : await store.glance(name, BUDGET_MS)
  const members = view?.known === true ? view.value.members : []
  return members.map(member => member.name).filter(name => PLAIN_WORD.test(name))
}
