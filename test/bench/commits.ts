// `node test/bench/commits.ts [seconds]`: what a commit costs in each mode of synchronous replication, with fsync on, under
// hactl and under Patroni in one run. Prints the table of docs/modes.md. Needs root (network namespaces), `bin/setup` and
// pgbench. Nothing else should run meanwhile. All nodes are on one machine and one disk: the network's way is not in it.

import { readdir, readFile, rm } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { superuserPassword } from '../cluster/harness/member.ts'
import type { MixedCluster, Program, Row } from '../cluster/harness/mixed.ts'
import { inside } from '../cluster/harness/network.ts'
import { run } from '../cluster/harness/run.ts'
import { postgresPort, restPort } from '../cluster/harness/servers.ts'
import { nodeNames, startSide } from './side.ts'

/** A mode as it is asked for, and the members that must be shown as synchronous before anything is measured. */
interface Mode {
  readonly name: string
  readonly settings: Readonly<Record<string, string | number>>
  readonly synchronous: number
}

const modes: readonly Mode[] = [
  { name: 'off', settings: { synchronous_mode: 'off', synchronous_node_count: 1 }, synchronous: 0 },
  { name: 'on', settings: { synchronous_mode: 'on', synchronous_node_count: 1 }, synchronous: 1 },
  { name: 'on, 2 standbys', settings: { synchronous_mode: 'on', synchronous_node_count: 2 }, synchronous: 2 },
  { name: 'quorum', settings: { synchronous_mode: 'quorum', synchronous_node_count: 1 }, synchronous: 2 },
]

/** The founder leads for the whole run: nothing strikes it. */
const leaderName = nodeNames[0]

const clients = [1, 16] as const
const seconds = Number(process.argv[2] ?? 10)

/** Milliseconds of the commits of one run of pgbench. */
interface Measured {
  readonly p50: number
  readonly p99: number
  readonly perSecond: number
}

await main()

async function main(): Promise<void> {
  console.log(
    `${new Date().toISOString().slice(0, 10)}, load before ${loadavg()[0]?.toFixed(2)}, ${seconds} s each`,
  )
  for (const program of ['hactl', 'patroni'] as const) await measureProgram(program)
}

async function measureProgram(program: Program): Promise<void> {
  const { cluster } = await startSide(program, { isDurable: true })
  try {
    await onLeader(cluster, ['-c', 'create table bench_commit (id bigserial primary key, filler text)'])
    for (const mode of modes) {
      await useMode(cluster, mode)
      for (const count of clients) {
        const { p50, p99, perSecond } = await measure(cluster, count)
        const figures = [p50.toFixed(2), p99.toFixed(2), perSecond.toFixed(0)].join(' | ')
        console.log(`| ${program} | ${mode.name} | ${count} | ${figures} |`)
      }
    }
  } finally {
    await cluster.stage.close()
  }
}

async function onLeader(cluster: MixedCluster, args: readonly string[]): Promise<string> {
  const { address } = cluster.node(leaderName).host
  const command = [
    'psql',
    '-X',
    '-q',
    '-A',
    '-t',
    '-h',
    address,
    '-p',
    String(postgresPort),
    '-U',
    'postgres',
  ]
  return run(inside(cluster.client, [...command, ...args]), { env: { PGPASSWORD: superuserPassword } })
}

async function useMode(cluster: MixedCluster, { name, settings, synchronous }: Mode): Promise<void> {
  const url = `http://${cluster.node(leaderName).host.address}:${restPort}/config`
  const patch = ['curl', '-s', '-f', '-m', '5', '-X', 'PATCH', '-d', JSON.stringify(settings), url]
  await run(inside(cluster.client, patch))
  const isSynchronous = ({ Role }: Row) => Role === 'Sync Standby' || Role === 'Quorum Standby'
  for (let look = 0; look < 120; look += 1) {
    const rows = await cluster.list('hactl')
    const names = await onLeader(cluster, ['-c', 'show synchronous_standby_names'])
    const isSettled =
      rows.filter(isSynchronous).length === synchronous && (synchronous === 0) === (names.trim() === '')
    if (isSettled) return
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  throw new Error(`mode ${name} is not in force after a minute`)
}

async function measure(cluster: MixedCluster, count: number): Promise<Measured> {
  const { address } = cluster.node(leaderName).host
  const script = join(cluster.stage.directory, 'commit.sql')
  await run(['tee', script], { input: "insert into bench_commit (filler) values (repeat('x', 100));\n" })
  const log = join(cluster.stage.directory, 'latency')
  const pgbench = ['pgbench', '-n', '-M', 'prepared', '-c', String(count), '-j', '1', '-T', String(seconds)]
  const where = [
    '-h',
    address,
    '-p',
    String(postgresPort),
    '-U',
    'postgres',
    '-f',
    script,
    '-l',
    `--log-prefix=${log}`,
  ]
  await run(inside(cluster.client, [...pgbench, ...where, 'postgres']), {
    env: { PGPASSWORD: superuserPassword },
    limitMs: (seconds + 30) * 1000,
  })
  const files = (await readdir(cluster.stage.directory)).filter(name => name.startsWith('latency.'))
  const took: number[] = []
  for (const name of files) {
    const path = join(cluster.stage.directory, name)
    // client_id transaction_no time(µs) script_no time_epoch time_us
    for (const line of (await readFile(path, 'utf8')).split('\n'))
      if (line !== '') took.push(Number(line.split(' ')[2]) / 1000)
    await rm(path)
  }
  if (took.length < 100) throw new Error(`pgbench made ${took.length} commits only`)
  const sorted = took.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), perSecond: took.length / seconds }
}
