// What a program costs while nothing happens: processor time and memory of the agent with all its processes except
// PostgreSQL, and the requests that etcd gets from three nodes.

import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { inside, processesOn } from '../cluster/harness/network.ts'
import { run } from '../cluster/harness/run.ts'
import { nowMs } from '../cluster/harness/until.ts'
import { nodeNames, type Side } from './side.ts'

/** A minute after a cluster was made autovacuum looks at its tables, which writes WAL, whose position every node tells. */
const settlingMs = 70_000

export interface Footprint {
  /** Per node, percent of one core. */
  readonly cpuPercent: readonly number[]
  /** Per node, MB (10^6 bytes): resident, and with shared pages divided among those who share them. */
  readonly residentMb: readonly number[]
  readonly proportionalMb: readonly number[]
  /** All nodes together, a minute: messages that etcd received, and calls that were started. */
  readonly messages: number
  readonly calls: number
}

export async function footprint(side: Side, forMs: number): Promise<Footprint> {
  // What led here (a new table, a restart) is still told to etcd, and is not what a cluster at rest costs.
  await sleep(settlingMs)
  const before = await sample(side)
  await sleep(forMs)
  const after = await sample(side)
  const ms = after.atMs - before.atMs
  const perMinute = (count: (of: Sample) => number) => ((count(after) - count(before)) * 60_000) / ms
  const memory = await Promise.all(nodeNames.map(name => memoryOf(side, name)))
  return {
    cpuPercent: nodeNames.map(
      (_, index) => (((after.cpuMs[index] ?? 0) - (before.cpuMs[index] ?? 0)) * 100) / ms,
    ),
    residentMb: memory.map(({ residentMb }) => residentMb),
    proportionalMb: memory.map(({ proportionalMb }) => proportionalMb),
    messages: perMinute(({ messages }) => messages),
    calls: perMinute(({ calls }) => calls),
  }
}

interface Sample {
  readonly atMs: number
  readonly cpuMs: readonly number[]
  readonly messages: number
  readonly calls: number
}

async function sample(side: Side): Promise<Sample> {
  const { cluster } = side
  const metrics = await Promise.all(
    cluster.etcd.map(({ address }) =>
      run(inside(cluster.client, ['curl', '-s', '-f', '-m', '5', `http://${address}:2379/metrics`])),
    ),
  )
  const total = (name: string) => metrics.reduce((sum, page) => sum + counter(page, name), 0)
  return {
    atMs: nowMs(),
    cpuMs: await Promise.all(nodeNames.map(name => cpuMsOf(side, name))),
    messages: total('grpc_server_msg_received_total'),
    calls: total('grpc_server_started_total'),
  }
}

/** Sum over all methods. */
function counter(page: string, name: string): number {
  return page
    .split('\n')
    .filter(line => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** The agent and what it started, without PostgreSQL. */
async function agentProcesses({ cluster }: Side, name: string): Promise<readonly number[]> {
  const ids = await processesOn(cluster.node(name).host)
  const own = await Promise.all(
    ids.map(async pid => {
      const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'postgres')
      return command.trim() === 'postgres' ? [] : [pid]
    }),
  )
  return own.flat()
}

/** Time on a processor of all threads, and of the children that have ended. */
async function cpuMsOf(side: Side, name: string): Promise<number> {
  const times = (await agentProcesses(side, name)).map(async pid => {
    const threads = await readdir(`/proc/${pid}/task`)
    const nanoseconds = await Promise.all(
      threads.map(async thread =>
        Number((await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')).split(' ')[0]),
      ),
    )
    // Fields 16 and 17 of stat, in ticks of 10 ms; counted after the name, which may hold blanks.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const childrenMs = (Number(fields[13]) + Number(fields[14])) * 10
    return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6 + childrenMs
  })
  return (await Promise.all(times)).reduce((sum, each) => sum + each, 0)
}

async function memoryOf(
  side: Side,
  name: string,
): Promise<{ readonly residentMb: number; readonly proportionalMb: number }> {
  const pages = await Promise.all(
    (await agentProcesses(side, name)).map(pid => readFile(`/proc/${pid}/smaps_rollup`, 'utf8')),
  )
  const sum = (field: string) =>
    pages.reduce(
      (total, page) => total + Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(page)?.[1] ?? 0),
      0,
    )
  return { residentMb: (sum('Rss') * 1024) / 1e6, proportionalMb: (sum('Pss') * 1024) / 1e6 }
}
