// A whole hactl cluster on a stage: nodes with an agent and PostgreSQL, three etcd members on hosts of their own or on the
// nodes, HAProxy and a client. What a cluster test asks again and again (who is primary, is everything well again) is asked
// here.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hactl, type MemberChoice, type Section, startAgent, writeMemberFile } from './member.ts'
import { type Host, heal, processesOn, signalHost } from './network.ts'
import { httpStatus, query, restPort, startEtcd, startEtcdMember, startHaproxy } from './servers.ts'
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
  others(than: Node): readonly Node[]
  /** The process of the etcd member that was started last on a host. */
  etcdMember(host: Host): Running
  /** Starts what was killed on the host of a node: its etcd member, if it has one, and its agent. */
  restart(name: string): Promise<void>
  /** Starts a killed etcd member from its data. */
  restartEtcd(host: Host): Promise<void>
  /** Ends cuts and freezes and starts what has ended: what a failed test left behind must not fail the next one. */
  mend(): Promise<void>
  /** The node whose REST API says that it is the primary, other than `not`; waits for it. */
  primary(limitMs: number, not?: Node): Promise<Node>
  /** Waits until there is a primary and all other nodes stream from it, on its timeline. */
  healthy(limitMs: number): Promise<void>
}

export interface Layout {
  /** `apart`: etcd outlives a node. `together`: each node has a member, as in most small clusters. */
  readonly etcd?: 'apart' | 'together'
  /** What is different on a node. */
  readonly node?: (stage: Stage, name: string) => Promise<Partial<MemberChoice>>
  /** Variables of a node's agent, whenever it is started. */
  readonly env?: (stage: Stage, name: string) => Readonly<Record<string, string>>
  /** Further hosts on the stage, for whoever the test needs beside the cluster. */
  readonly more?: readonly string[]
}

/** A row of `hactl list`. */
export interface Listed {
  readonly Member: string
  readonly Role: string
  readonly State: string
  readonly TL: number | string
  readonly Tags?: Section
  readonly 'Pending restart'?: string
  readonly 'Pending restart reason'?: unknown
}

type StartAgent = (stage: Stage, host: Host, file: string) => Promise<Running>

const names = ['pg1', 'pg2', 'pg3']

/** Three nodes `pg1` to `pg3` with the dynamic configuration `dcs`, all healthy when this returns. */
export async function startCluster(
  dcs: Section,
  choice: Partial<MemberChoice> = {},
  layout: Layout = {},
): Promise<Cluster> {
  const etcdNames = layout.etcd === 'together' ? names : ['etcd1', 'etcd2', 'etcd3']
  const stage = await setStage([...new Set([...names, ...etcdNames, 'client', ...(layout.more ?? [])])])
  const start: StartAgent = (on, host, file) => startAgent(on, host, file, layout.env?.(on, host.name))
  try {
    const etcd = etcdNames.map(name => stage.host(name))
    const hosts = names.map(name => stage.host(name))
    const members = await startEtcd(stage, etcd)
    const nodes = await Promise.all(
      hosts.map(async host => {
        const own = (await layout.node?.(stage, host.name)) ?? {}
        const file = await writeMemberFile(stage, host, { etcd, dcs, ...choice, ...own })
        return { host, file, agent: await start(stage, host, file) }
      }),
    )
    const client = stage.host('client')
    await startHaproxy(stage, client, hosts)
    const cluster = clusterOf(stage, etcd, members, client, nodes, start)
    await cluster.healthy(90_000)
    return cluster
  } catch (error) {
    await stage.close()
    throw error
  }
}

function clusterOf(
  stage: Stage,
  etcd: readonly Host[],
  startedEtcd: readonly Running[],
  client: Host,
  started: readonly Node[],
  start: StartAgent,
): Cluster {
  const nodes = new Map(started.map(node => [node.host.name, node]))
  const members = new Map(etcd.map((host, index) => [host.name, startedEtcd[index]]))
  const node = (name: string) => found(nodes.get(name), name)
  const all = () => [...nodes.values()]
  const others = (than: Node) => all().filter(({ host }) => host.name !== than.host.name)
  const restartEtcd = async (host: Host) => {
    members.set(host.name, await startEtcdMember(stage, host, etcd))
  }
  const restart = async (name: string) => {
    const { host, file } = node(name)
    if (members.get(name)?.hasEnded() === true) await restartEtcd(host)
    nodes.set(name, { host, file, agent: await start(stage, host, file) })
  }
  return {
    stage,
    etcd,
    client,
    node,
    nodes: all,
    others,
    etcdMember: host => found(members.get(host.name), `etcd on ${host.name}`),
    restartEtcd,
    restart,
    async mend() {
      for (const host of stage.hosts) {
        await heal(host)
        await signalHost(host, 'SIGCONT')
      }
      for (const host of etcd) if (members.get(host.name)?.hasEnded() === true) await restartEtcd(host)
      for (const { host, agent } of all()) if (agent.hasEnded()) await restart(host.name)
    },
    primary(limitMs, not) {
      const asked = not === undefined ? all() : others(not)
      return until('a node is primary', () => findPrimary(client, asked), limitMs, 50)
    },
    async healthy(limitMs) {
      const { file } = node('pg1')
      const look = () => isHealthy(client, file, nodes.size)
      await until('one leader and all others streaming', look, limitMs, 250)
    },
  }
}

/** As `hactl list` shows it, from the client: what an operator sees. */
export async function list(client: Host, file: string): Promise<readonly Listed[]> {
  const { code, stdout, stderr } = await hactl(client, file, ['list', '-f', 'json'])
  if (code !== 0) throw new Error(`hactl list: exit code ${code}: ${stderr}`)
  return JSON.parse(stdout) as readonly Listed[]
}

/** Process id of the node's postmaster; throws when there is none. */
export async function postmasterOf(stage: Stage, { host }: Node): Promise<number> {
  const text = await readFile(join(stage.directory, host.name, 'data', 'postmaster.pid'), 'utf8')
  const pid = Number(text.split('\n', 1)[0])
  if (!(await processesOn(host)).includes(pid)) throw new Error(`no process ${pid} on ${host.name}`)
  return pid
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`no ${what} in this cluster`)
  return value
}

async function findPrimary(client: Host, nodes: readonly Node[]): Promise<Node | null> {
  const answers = await Promise.all(
    nodes.map(({ host }) => httpStatus(client, `http://${host.address}:${restPort}/primary`)),
  )
  return nodes.find((_, index) => answers[index] === 200) ?? null
}

async function isHealthy(client: Host, file: string, size: number): Promise<boolean> {
  const members = await list(client, file)
  const leaders = members.filter(({ Role, State }) => Role === 'Leader' && State === 'running')
  const streaming = members.filter(
    ({ Role, State, TL }) => Role !== 'Leader' && State === 'streaming' && TL === leaders[0]?.TL,
  )
  if (leaders.length === 1 && streaming.length === size - 1) return true
  throw new Error(JSON.stringify(members))
}

/**
 * Acknowledged means received by a standby (`on`), or by nobody else. By a plain parameter of the dynamic configuration;
 * returns when the primary acts on it.
 */
export async function replicateSynchronously({ client, ...cluster }: Cluster, on: boolean): Promise<void> {
  const { file } = cluster.node('pg1')
  const [names, state] = on ? ['ANY 1 (pg1,pg2,pg3)', 'quorum'] : ['null', 'async']
  const setting = `postgresql.parameters.synchronous_standby_names=${names}`
  const { code, stderr } = await hactl(client, file, ['edit-config', '-s', setting, '--force'])
  if (code !== 0) throw new Error(`hactl edit-config: exit code ${code}: ${stderr}`)
  const { host } = await cluster.primary(20_000)
  const count = `select count(*) from pg_stat_replication where sync_state = '${state}'`
  const look = async () => (await query(client, host, count)) === '2'
  await until(`both standbys are ${state}`, look, 40_000, 200)
}
