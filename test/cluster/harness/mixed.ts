// A cluster of nodes under hactl and nodes under Patroni on one stage, on the same kind of YAML, and what a test of their
// living together asks: what each program's tool shows, which slots each node has, and whether a log holds a complaint.

import { hactl, type MemberChoice, type Section, startAgent, writeMemberFile } from './member.ts'
import type { Host } from './network.ts'
import { fetchPatroni, type Patroni, patronictl, startPatroni } from './patroni.ts'
import type { Ran } from './run.ts'
import { etcdctl, query, startEtcd } from './servers.ts'
import { type Running, type Stage, setStage } from './stage.ts'
import { until } from './until.ts'

/** Each look is a process or two, on a machine that has a cluster to run. */
const LOOK_EVERY_MS = 500

export type Program = 'hactl' | 'patroni'
export type Tool = 'hactl' | 'patronictl'

export interface MixedNode {
  readonly name: string
  readonly host: Host
  readonly program: Program
  /** The YAML file, which either program reads. */
  readonly file: string
}

/** A row of `list -f json`, which both tools print with the same columns; empty ones are left out. */
export interface Row {
  readonly Member: string
  readonly Role: string
  readonly State: string
  readonly TL?: number
  readonly [column: string]: unknown
}

export interface MixedCluster {
  readonly stage: Stage
  readonly etcd: readonly Host[]
  readonly client: Host
  readonly patroni: Patroni
  node(name: string): MixedNode
  /** Starts the node's agent, or starts it again. */
  start(name: string): Promise<Running>
  /** The agent that was started last. */
  agent(name: string): Running
  /** Runs one of the two tools on the client host. */
  ctl(tool: Tool, args: readonly string[]): Promise<Ran>
  /** `list -f json` of a tool. */
  list(tool: Tool): Promise<readonly Row[]>
  /** Waits until one member leads, of this name when one is given, and all others, `size` in all, stream on its timeline. */
  healthy(limitMs: number, leader?: string, size?: number): Promise<readonly Row[]>
  /** Lines of all logs so far that report a defect of a program. */
  complaints(): Promise<readonly string[]>
}

/** Patroni refuses a ttl below 20. */
/** hactl's list warns of an API that is open to all, and patronictl's does not: what the two print is compared. */
const CLOSED = { allowlist: ['127.0.0.1', '10.77.0.0/24'] } as const

export const mixedTimings = { ttl: 20, loop_wait: 2, retry_timeout: 3 } as const

/** Hosts, etcd and the YAML files; no agent runs yet. `programs`: node name to the program that manages it. */
export async function setMixedStage(
  programs: Readonly<Record<string, Program>>,
  dcs: Section = mixedTimings,
  choice: Partial<MemberChoice> = {},
): Promise<MixedCluster> {
  const patroni = await fetchPatroni()
  const stage = await setStage([...Object.keys(programs), 'etcd1', 'etcd2', 'etcd3', 'client'])
  try {
    const etcd = ['etcd1', 'etcd2', 'etcd3'].map(name => stage.host(name))
    await startEtcd(stage, etcd)
    const nodes = new Map<string, MixedNode>()
    for (const [name, program] of Object.entries(programs)) {
      const host = stage.host(name)
      nodes.set(name, {
        name,
        host,
        program,
        file: await writeMemberFile(stage, host, { etcd, dcs, restapi: CLOSED, ...choice }),
      })
    }
    return mixedCluster(stage, etcd, patroni, nodes)
  } catch (error) {
    await stage.close()
    throw error
  }
}

function mixedCluster(
  stage: Stage,
  etcd: readonly Host[],
  patroni: Patroni,
  nodes: ReadonlyMap<string, MixedNode>,
): MixedCluster {
  const client = stage.host('client')
  const started: { readonly name: string; readonly program: Program; readonly running: Running }[] = []
  const [first] = nodes.values()
  if (first === undefined) throw new Error('a cluster without nodes')
  const ctl = (tool: Tool, args: readonly string[]): Promise<Ran> =>
    tool === 'hactl' ? hactl(client, first.file, args) : patronictl(client, patroni, first.file, args)
  const list = async (tool: Tool): Promise<readonly Row[]> => rowsOf(await ctl(tool, ['list', '-f', 'json']))
  const node = (name: string): MixedNode => {
    const found = nodes.get(name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }
  return {
    stage,
    etcd,
    client,
    patroni,
    node,
    ctl,
    list,
    async start(name) {
      const { host, file, program } = node(name)
      const running =
        program === 'hactl'
          ? await startAgent(stage, host, file)
          : await startPatroni(stage, host, patroni, file)
      started.push({ name, program, running })
      return running
    },
    agent(name) {
      const last = started.findLast(entry => entry.name === name)
      if (last === undefined) throw new Error(`no agent was started on ${name}`)
      return last.running
    },
    healthy: (limitMs, leader, size = nodes.size) =>
      until(
        'one leader and all others streaming',
        async () => healthyRows(await list('hactl'), size, leader),
        limitMs,
        LOOK_EVERY_MS,
      ),
    async complaints() {
      const found = await Promise.all(
        started.map(async ({ name, program, running }) => complaintsIn(await running.log(), program, name)),
      )
      return found.flat()
    },
  }
}

/** The first node makes the cluster; the others join it while it runs. */
export async function setLiveCluster(programs: Readonly<Record<string, Program>>): Promise<MixedCluster> {
  const cluster = await setMixedStage(programs)
  try {
    const [founder = '', ...joining] = Object.keys(programs)
    await cluster.start(founder)
    await cluster.healthy(90_000, founder, 1)
    for (const name of joining) await cluster.start(name)
    await cluster.healthy(90_000, founder)
    return cluster
  } catch (error) {
    await cluster.stage.close()
    throw error
  }
}

/** `[timeline, lsn, reason, timestamp, leader]` */
export type HistoryEntry = readonly [number, number, string, string?, string?]

export async function history({ client, etcd }: MixedCluster): Promise<readonly HistoryEntry[]> {
  return JSON.parse(await etcdctl(client, ['get', '--print-value-only', '/service/test/history'], etcd))
}

export function lastLeader(lines: readonly HistoryEntry[]): string | undefined {
  return lines.at(-1)?.[4]
}

/** Waits until the history says who led each timeline: a new leader writes it with one of its next loops. */
export async function historyBecomes(
  mixed: MixedCluster,
  wanted: readonly (readonly [timeline: number, leader: string])[],
): Promise<void> {
  const look = async () => {
    const told = (await history(mixed)).map(([timeline, , , , leader]) => [timeline, leader])
    if (JSON.stringify(told) === JSON.stringify(wanted)) return true
    throw new Error(JSON.stringify(told))
  }
  await until('the history names every leader', look, 30_000, LOOK_EVERY_MS)
}

/** The table as people see it, to the character. Lags move, so both look until they saw the same moment. */
export async function bothToolsAgree(mixed: MixedCluster): Promise<void> {
  const look = async () => {
    const [ours, theirs] = await Promise.all(
      (['hactl', 'patronictl'] as const).map(tool =>
        mixed.ctl(tool, tool === 'hactl' ? ['list', '--no-ask'] : ['list']),
      ),
    )
    if (ours?.stdout === theirs?.stdout && ours?.code === 0) return true
    throw new Error(`${ours?.stdout}${ours?.stderr}\n${theirs?.stdout}${theirs?.stderr}`)
  }
  await until('hactl list and patronictl list print the same', look, 40_000, LOOK_EVERY_MS)
}

/** Every node keeps a slot for each of the others, so that nobody is cloned again after a failover. */
export async function everyNodeKeepsSlots(mixed: MixedCluster): Promise<void> {
  const names = ['pg1', 'pg2', 'pg3']
  for (const name of names) {
    const others = names.filter(other => other !== name)
    const look = async () => {
      const slots = await slotsOf(mixed.client, mixed.node(name).host)
      if (slots.join() === others.join()) return true
      throw new Error(slots.join())
    }
    await until(`${name} has the slots ${others}`, look, 40_000, LOOK_EVERY_MS)
  }
}

/** The physical slots of a node, sorted. */
async function slotsOf(client: Host, host: Host): Promise<readonly string[]> {
  const text = await query(
    client,
    host,
    "select slot_name from pg_replication_slots where slot_type = 'physical'",
  )
  return text.split('\n').filter(Boolean).sort()
}

function rowsOf({ code, stdout, stderr }: Ran): readonly Row[] {
  if (code !== 0) throw new Error(`list: exit code ${code}: ${stderr}`)
  return JSON.parse(stdout) as readonly Row[]
}

/** Throws what it saw instead, for the message of `until`. */
function healthyRows(rows: readonly Row[], size: number, leader: string | undefined): readonly Row[] {
  const leading = rows.filter(row => row.Role === 'Leader' && row.State === 'running')
  const streaming = rows.filter(
    row => row.Role !== 'Leader' && row.State === 'streaming' && row.TL === leading[0]?.TL,
  )
  const right = leader === undefined || leading[0]?.Member === leader
  if (leading.length === 1 && right && streaming.length === size - 1) return rows
  throw new Error(JSON.stringify(rows))
}

/** What neither program writes while it works as it should: tracebacks, own bugs, values that it could not read. */
function complaintsIn(log: string, program: Program, name: string): readonly string[] {
  const signs =
    program === 'hactl'
      ? /\bbug:|a beat failed|TypeError|UnhandledPromise|unreadable/
      : /report it as a BUG|Traceback|Unexpected exception|Exception when parsing|JSONDecodeError|(Key|Value|Type|Attribute)Error/
  return entriesOf(log)
    .filter(entry => signs.test(entry) && !(program === 'patroni' && slowMachine.test(entry)))
    .map(entry => `${name} (${program}): ${entry}`)
}

/**
 * Patroni logs the whole stack when etcd is slow or elects, and when somebody who asked it did not wait for its answer: that
 * says nothing about what hactl wrote.
 */
const slowMachine =
  /^((BrokenPipe|ConnectionReset|Timeout)Error|socket\.timeout|urllib3\.exceptions\.(ReadTimeout|ConnectTimeout|MaxRetry|Protocol|NewConnection)Error|patroni\.dcs\.etcd3\.(Unavailable|DeadlineExceeded|LeaseNotFound)|patroni\.utils\.RetryFailedError|etcd\.EtcdConnectionFailed)\b/m

/** A line that does not begin with a date goes on with the entry before it. */
function entriesOf(log: string): readonly string[] {
  return log.split(/\n(?=\d{4}-\d\d-\d\d )/)
}
