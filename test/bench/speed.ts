// How fast the two programs answer: health checks of the real agent under 32 connections, and `list` as a whole process.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launcher } from '../cluster/harness/member.ts'
import { inside } from '../cluster/harness/network.ts'
import { patroniEnvironment } from '../cluster/harness/patroni.ts'
import { run } from '../cluster/harness/run.ts'
import { restPort } from '../cluster/harness/servers.ts'
import { leaderOf, type Side } from './side.ts'

export interface Throughput {
  readonly perSecond: number
  readonly p99Ms: number
  /** Answers other than 200, and broken connections, as wrk counts them. */
  readonly errors: string
}

/** GET /primary of the leader's agent with 32 connections, for so many seconds. */
export async function healthChecks(side: Side, forSeconds: number): Promise<Throughput> {
  const { host } = await leaderOf(side)
  const url = `http://${host.address}:${restPort}/primary`
  const wrk = ['wrk', '-t1', '-c32', `-d${forSeconds}s`, '--latency', url]
  const printed = await run(inside(side.cluster.client, wrk), { limitMs: forSeconds * 1000 + 20_000 })
  const [, p99 = '', unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(printed) ?? []
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1]),
    p99Ms: Number(p99) * { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's'],
    errors: /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(printed)?.[0] ?? '',
  }
}

/** Milliseconds of `list`, from the start of the process to its end; the first two are not counted. */
export async function listTimes({ program, cluster }: Side, times: number): Promise<readonly number[]> {
  const { file } = cluster.node('pg1')
  const command =
    program === 'hactl'
      ? [launcher, 'list', '-c', file]
      : ['/usr/bin/python3', cluster.patroni.ctl, '-c', file, 'list']
  const directory = await mkdtemp(join(tmpdir(), 'hactl-bench-'))
  const report = join(directory, 'hyperfine.json')
  const hyperfine = ['hyperfine', '-N', '--warmup', '2', '--runs', String(times), '--export-json', report]
  try {
    await run(inside(cluster.client, [...hyperfine, '--', command.join(' ')]), {
      limitMs: 120_000,
      env: program === 'hactl' ? {} : patroniEnvironment(cluster.patroni),
    })
    const { results } = JSON.parse(await readFile(report, 'utf8')) as {
      readonly results: readonly { readonly times: readonly number[] }[]
    }
    return (results[0]?.times ?? []).map(time => time * 1000)
  } finally {
    await rm(directory, { recursive: true })
  }
}
