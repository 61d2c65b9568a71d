// A whole hactl cluster on a stage: etcd on hosts of its own, so that a node can be lost without it, the nodes, HAProxy and
// a client. What a cluster test asks again and again (who is primary, is everything well again) is asked here.

import { hactl, type MemberChoice, type Section, startAgent, writeMemberFile } from './member.ts'
import type { Host } from './network.ts'
import { httpStatus, restPort, startEtcd, startHaproxy } from './servers.ts'
import { type Running, type Stage, setStage } from './stage.ts'
import { until } from './until.ts'

export interface Node {
  readonly host: Host
  /** The YAML file. */
  readonly file: string
  /** The agent that was started last. */
  readonly agent: Running
}

export interface Cluster {
  readonly stage: Stage
  readonly etcd: readonly Host[]
  readonly client: Host
  nodes(): readonly Node[]
  node(name: string): Node
  /** Starts the node's agent again, after it or its host was killed. */
  restart(name: string): Promise<void>
  /** The node whose REST API says that it is the primary, other than `not`; waits for it. */
  primary(limitMs: number, not?: Node): Promise<Node>
  /** Waits until there is a primary and all other nodes stream from it. */
  healthy(limitMs: number): Promise<void>
}

/** Three nodes `pg1` to `pg3` with the dynamic configuration `dcs`, all healthy when this returns. */
export async function startCluster(dcs: Section, choice: Partial<MemberChoice> = {}): Promise<Cluster> {
  const names = ['pg1', 'pg2', 'pg3']
  const stage = await setStage([...names, 'etcd1', 'etcd2', 'etcd3', 'client'])
  try {
    const etcd = ['etcd1', 'etcd2', 'etcd3'].map(name => stage.host(name))
    const hosts = names.map(name => stage.host(name))
    await startEtcd(stage, etcd)
    const nodes = await Promise.all(
      hosts.map(async host => {
        const file = await writeMemberFile(stage, host, { etcd, dcs, ...choice })
        return { host, file, agent: await startAgent(stage, host, file) }
      }),
    )
    const client = stage.host('client')
    await startHaproxy(stage, client, hosts)
    const cluster = clusterOf(stage, etcd, client, nodes)
    await cluster.healthy(60_000)
    return cluster
  } catch (error) {
    await stage.close()
    throw error
  }
}

function clusterOf(stage: Stage, etcd: readonly Host[], client: Host, started: readonly Node[]): Cluster {
  const nodes = new Map(started.map(node => [node.host.name, node]))
  const node = (name: string) => {
    const found = nodes.get(name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }
  return {
    stage,
    etcd,
    client,
    node,
    nodes: () => [...nodes.values()],
    async restart(name) {
      const { host, file } = node(name)
      nodes.set(name, { host, file, agent: await startAgent(stage, host, file) })
    },
    primary(limitMs, not) {
      const others = [...nodes.values()].filter(({ host }) => host.name !== not?.host.name)
      return until('a node is primary', () => findPrimary(client, others), limitMs)
    },
    async healthy(limitMs) {
      const [first] = nodes.values()
      if (first === undefined) throw new Error('a cluster without nodes')
      await until(
        'one leader and all others streaming',
        () => isHealthy(client, first.file, nodes.size),
        limitMs,
      )
    },
  }
}

async function findPrimary(client: Host, nodes: readonly Node[]): Promise<Node | null> {
  const answers = await Promise.all(
    nodes.map(({ host }) => httpStatus(client, `http://${host.address}:${restPort}/primary`)),
  )
  return nodes.find((_, index) => answers[index] === 200) ?? null
}

/** As `hactl list` shows it, from the client: so this sees what an operator sees. */
async function isHealthy(client: Host, file: string, size: number): Promise<boolean> {
  const { code, stdout, stderr } = await hactl(client, file, ['list', '-f', 'json'])
  if (code !== 0) throw new Error(`hactl list: exit code ${code}: ${stderr}`)
  const members = JSON.parse(stdout) as readonly { readonly Role: string; readonly State: string }[]
  const count = (role: string, state: string) =>
    members.filter(({ Role, State }) => Role === role && State === state).length
  if (count('Leader', 'running') === 1 && count('Replica', 'streaming') === size - 1) return true
  throw new Error(stdout)
}
