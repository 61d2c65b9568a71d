// docs/benchmarks.md: the table with where, when, with what and how it was measured.

import { readFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { tryRun } from '../cluster/harness/run.ts'
import { postgresBin } from '../cluster/harness/servers.ts'
import { type Line, showTable } from './results.ts'

export interface Machine {
  readonly date: string
  readonly hardware: string
  readonly system: string
  readonly versions: string
  readonly load: string
  readonly took: string
}

export async function describeMachine(patroni: string, loadBefore: number, tookMs: number): Promise<Machine> {
  const first = async (command: readonly string[]) =>
    (await tryRun(command)).stdout.split('\n', 1)[0]?.trim() ?? ''
  const top = `${import.meta.dirname}/../..`
  const commit = await first(['git', '-C', top, 'rev-parse', '--short', 'HEAD'])
  const system = /PRETTY_NAME="(.*)"/.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'Linux'
  const [cpu] = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    hardware: `${cpus().length} × ${cpu?.model.trim() ?? 'processor'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory`,
    system: `${system}, Linux ${release()}`,
    versions: [
      `hactl ${commit}`,
      `Node ${process.versions.node}`,
      `Patroni ${patroni}`,
      await first(['/usr/bin/python3', '--version']),
      await first([`${postgresBin}/postgres`, '--version']),
      (await first(['etcd', '--version'])).replace('etcd Version:', 'etcd'),
    ].join(', '),
    load: loadBefore.toFixed(2),
    took: `${Math.round(tookMs / 60_000)} minutes`,
  }
}

export function page(machine: Machine, lines: readonly Line[]): string {
  const missed = lines.filter(({ met }) => met === false || met === null).length
  return `# Benchmarks

Made by \`node test/bench/run.ts\` (${machine.took}); written anew by each whole run, so do not edit it.
The budgets are those that hactl sets itself. ${missed === 0 ? 'All are met.' : `${missed} of ${lines.length} lines miss theirs or were not measured.`}

${showTable(lines)}

Where there are several measurements the figure is their median, and a budget counts as met only if the worst one meets it.

| | |
|---|---|
| Date | ${machine.date} |
| Machine | ${machine.hardware}, shared by both clusters, six etcd members and the writers |
| System | ${machine.system} |
| Versions | ${machine.versions} |
| Load average before the start | ${machine.load} |

## How it is measured

* Two clusters at the same time, one under each program, of three nodes each, with three etcd members each, every host a
  network namespace of its own. The YAML files are the same; \`ttl: 30\`, \`loop_wait: 10\`, \`retry_timeout: 10\` (Patroni's defaults)
  unless the line says otherwise; with \`ttl: 20\` they are 10 and 5, with \`ttl: 5\` they are 1 and 2. Asynchronous
  replication, \`fsync: off\` (both), and \`use_pg_rewind\` and \`use_slots\` on.
* hactl runs from the bundle that \`bin/setup\` builds, through \`bin/hactl\`.
* What is measured in turn has the machine to itself, except for the other cluster at rest: list, health checks, switchover,
  PostgreSQL killed. What mostly waits for a lease to end runs side by side: rest, lost nodes, lost agents.
* **Gaps**: an application with the three addresses in its connection string inserts a row, notes the acknowledgement, waits 5 ms,
  and goes on; after a failure it tries the next address after 10 ms. The figure is the longest time between two
  acknowledgements. A node is lost by SIGKILL to everything on its host at once; it comes back afterwards.
* **Two writers**: a connection to each node at the same time. The leader's agent gets SIGKILL or SIGSTOP for 35 s (ttl 20); its
  PostgreSQL is left alone. The time is from the first row that the new primary accepted to the last one that the old one did;
  lost are acknowledged rows that the cluster does not have after both are back.
* **Health checks**: wrk against the leader's real agent, 8 s, one thread, 32 connections kept alive.
* **\`list\`**: hyperfine, whole processes without a shell, two warm-up runs.
* **At rest**: 60 s without any client, begun when PostgreSQL has written its last WAL: each position that moves is told to etcd by
  every node, under both programs. Processor time of all threads of the agent and what it starts, PostgreSQL left out,
  as the scheduler counts it; memory from \`smaps_rollup\` (hactl with its fencer). More than half of hactl's resident memory are clean
  pages of Node's own program file, which the page cache holds once for all that run Node; the proportional figure divides
  them among the three agents here. On a machine with one agent and no other Node process nobody shares them. Requests are what the metrics of the three etcd members
  count: gRPC messages received (\`grpc_server_msg_received_total\`, streams included) and calls started
  (\`grpc_server_started_total\`). Patroni's JSON requests pass through etcd's gateway and are counted in the same place. What hactl
  sends beyond its calls are the watches asking for a sign of life, five times a minute each: that tells a carrier that hangs
  from one that is quiet before the lease of a leader that died with it can end. Asked less often it would meet the
  budget, and notice too late.
`
}
