// Switching the modes of a cluster test's cluster by its dynamic configuration, and waiting until a mode is in force.

import { expect } from 'vitest'
import { type Cluster, list, type Node } from './cluster.ts'
import { hactl } from './member.ts'
import { getText } from './servers.ts'
import { until } from './until.ts'

export type Mode = 'on' | 'quorum' | 'off'

/** In which no acknowledged row may be lost. */
export const SYNCHRONOUS_MODES = ['on', 'quorum'] as const

const ROLES = { on: 'Sync Standby', quorum: 'Quorum Standby', off: 'Replica' } as const

/** `hactl edit-config -s SETTING …`; each as `name=value`. */
export async function edit(cluster: Cluster, ...settings: readonly string[]): Promise<void> {
  const { client } = cluster
  const args = settings.flatMap(setting => ['-s', setting])
  const ran = await hactl(client, cluster.node('pg1').file, ['edit-config', ...args, '--force'])
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
}

/** Switches the mode on a cluster that is well again, and waits until `count` members have the role that it gives. */
export async function useMode(
  cluster: Cluster,
  mode: Mode,
  count = mode === 'on' ? 1 : 2,
  strict = false,
): Promise<readonly Node[]> {
  await cluster.mend()
  await cluster.healthy(60_000)
  await edit(cluster, `synchronous_mode=${mode}`, `synchronous_mode_strict=${strict}`)
  return withRole(cluster, mode, count)
}

/** Waits until `count` members have the role that the mode gives, and gives them. */
export async function withRole(
  cluster: Cluster,
  mode: Mode,
  count: number,
  limitMs = 40_000,
): Promise<readonly Node[]> {
  const look = async () => {
    const rows = await list(cluster.client, cluster.node('pg1').file)
    const found = rows.filter(({ Role }) => Role === ROLES[mode])
    if (found.length === count) return found.map(({ Member }) => cluster.node(Member))
    throw new Error(JSON.stringify(rows))
  }
  return until(`${count} members are ${ROLES[mode]}`, look, limitMs, 200)
}

/** Switches failsafe mode, and waits until every member has it and knows all of them by the key. */
export async function useFailsafe(cluster: Cluster, on: boolean): Promise<void> {
  await edit(cluster, `failsafe_mode=${on}`)
  const knows = async ({ host }: Node) => {
    const { failsafe_mode: isOn = false } = JSON.parse(await getText(cluster.client, host, '/config'))
    if (!on) return isOn === false
    return Object.keys(JSON.parse(await getText(cluster.client, host, '/failsafe'))).length === 3
  }
  for (const node of cluster.nodes())
    await until(`${node.host.name} has failsafe mode ${on ? 'on' : 'off'}`, () => knows(node), 30_000, 200)
}
