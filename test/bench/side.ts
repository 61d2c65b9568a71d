// One of the two clusters that are compared: three nodes of one program on a stage, the same YAML for both, and what every
// benchmark does with it: set the timing, strike the leader, see how long nobody could write, and mend.

import { setTimeout as sleep } from 'node:timers/promises'
import { type MemberChoice, superuserPassword } from '../cluster/harness/member.ts'
import { type MixedCluster, type MixedNode, type Program, setMixedStage } from '../cluster/harness/mixed.ts'
import { inside } from '../cluster/harness/network.ts'
import { run, tryRun } from '../cluster/harness/run.ts'
import { etcdctl, restPort } from '../cluster/harness/servers.ts'
import { nowMs, until } from '../cluster/harness/until.ts'
import { createTable, startWriter, type Writer } from '../cluster/harness/writer.ts'

export const nodeNames = ['pg1', 'pg2', 'pg3'] as const

/** Seconds, as in the dynamic configuration. */
export interface Timing {
  readonly ttl: number
  readonly loop_wait: number
  readonly retry_timeout: number
}

/** Patroni's defaults, with which most clusters run. */
export const defaults: Timing = { ttl: 30, loop_wait: 10, retry_timeout: 10 }

export interface Side {
  readonly program: Program
  readonly cluster: MixedCluster
}

/** A healthy cluster of three nodes of the program, with the table of the writer. */
export async function startSide(program: Program, choice: Partial<MemberChoice> = {}): Promise<Side> {
  const programs = { pg1: program, pg2: program, pg3: program }
  const cluster = await setMixedStage(programs, { ...defaults }, choice)
  const side = { program, cluster }
  try {
    await cluster.start('pg1')
    await cluster.healthy(60_000, 'pg1', 1)
    for (const name of nodeNames.slice(1)) await cluster.start(name)
    await cluster.healthy(90_000)
    await createTable(cluster.client, cluster.node('pg1').host)
    return side
  } catch (error) {
    await cluster.stage.close()
    throw error
  }
}

/** Waits, looking seldom: what waits must not load the machine that is measured. */
export async function untilSeldom<T>(
  what: string,
  look: () => Promise<T>,
  limitMs: number,
): Promise<NonNullable<T>> {
  const slowly = async () => {
    const value = await look()
    if (value === null || value === undefined || value === false) await sleep(250)
    return value
  }
  return until(what, slowly, limitMs) as Promise<NonNullable<T>>
}

/** The node whose REST API says that it is the primary; null: none. */
export async function findLeader({ cluster }: Side): Promise<MixedNode | null> {
  const codes = await Promise.all(nodeNames.map(name => statusOf(cluster, name, 'primary')))
  const index = codes.indexOf('200')
  const name = nodeNames[index]
  return name === undefined ? null : cluster.node(name)
}

export async function leaderOf(side: Side): Promise<MixedNode> {
  return untilSeldom('a node is primary', () => findLeader(side), 60_000)
}

/** One leader and two that stream, seen cheaply first, then as the operator sees it. */
export async function settle(side: Side, limitMs = 120_000): Promise<void> {
  const { cluster } = side
  const end = nowMs() + limitMs
  const counts = async () => {
    const codes = await Promise.all(
      nodeNames.flatMap(name => ['primary', 'replica'].map(path => statusOf(cluster, name, path))),
    )
    return codes.filter(code => code === '200').length === nodeNames.length
  }
  await untilSeldom('a primary and two replicas', counts, limitMs)
  await cluster.healthy(Math.max(1000, end - nowMs()))
}

/** Changes the timing of the running cluster and waits until the leader's lease has the new length. */
export async function retime(side: Side, timing: Timing): Promise<void> {
  const { cluster } = side
  const leader = await leaderOf(side)
  const url = `http://${leader.host.address}:${restPort}/config`
  const patch = ['curl', '-s', '-f', '-m', '5', '-X', 'PATCH', '-d', JSON.stringify(timing), url]
  await run(inside(cluster.client, patch))
  await untilSeldom(
    `the lease lasts ${timing.ttl} s`,
    async () => (await grantedTtl(cluster)) === timing.ttl,
    60_000,
  )
  await settle(side)
}

/** A writer from the client's host. `in-turn` is an application that knows all three addresses. */
export async function writeTo(side: Side, mode: 'in-turn' | 'all-at-once'): Promise<Writer> {
  const { cluster } = side
  const addresses = nodeNames.map(name => `${cluster.node(name).host.address}:5432`)
  const choice = { addresses, mode, attemptMs: 500 } as const
  const writer = await startWriter(cluster.stage, cluster.client, choice, superuserPassword)
  await writer.nextAcknowledgement(20_000)
  return writer
}

/** Waits until an insert is acknowledged by another server than this; without one, by any. */
export async function writableAgain(writer: Writer, limitMs: number, not?: MixedNode): Promise<void> {
  const sinceMs = nowMs()
  const moved = async () =>
    (await writer.acknowledgements()).some(
      ({ sentMs, server }) => sentMs > sinceMs && server !== not?.host.address,
    )
  await untilSeldom(
    `rows are accepted${not === undefined ? '' : ` by another node than ${not.name}`}`,
    moved,
    limitMs,
  )
}

async function statusOf(cluster: MixedCluster, name: string, path: string): Promise<string> {
  const url = `http://${cluster.node(name).host.address}:${restPort}/${path}`
  const curl = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-m', '1', url]
  return (await tryRun(inside(cluster.client, curl))).stdout
}

async function grantedTtl({ client, etcd }: MixedCluster): Promise<number> {
  const answer = await etcdctl(client, ['get', '/service/test/leader', '-w', 'json'], etcd)
  // Not parsed as JSON: the number is greater than JavaScript's own can hold exactly.
  const lease = BigInt(/"lease":(\d+)/.exec(answer)?.[1] ?? 0).toString(16)
  return Number(
    /granted with TTL\((\d+)s\)/.exec(await etcdctl(client, ['lease', 'timetolive', lease], etcd))?.[1],
  )
}
