// The leader's node is lost, cut off, or its agent frozen or killed, under a writer to all nodes at once. Each time another
// node takes over in time, no two nodes accept writes at once, no acknowledged row is missing, and the cluster heals.

import { afterEach, expect, test } from 'vitest'
import { type Cluster, type Node, startCluster } from './harness/cluster.ts'
import { superuserPassword } from './harness/member.ts'
import { cut, heal, signalHost } from './harness/network.ts'
import { nowMs } from './harness/until.ts'
import { createTable, lostRows, startWriter } from './harness/writer.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.stage.close()
  cluster = undefined
})

const ttlMs = 5000
// The lease's end, an election, and a check interval; twice the budget of one second, because machines that test are busy.
const takeoverLimitMs = ttlMs + 2000

interface Fault {
  readonly name: string
  readonly strike: (leader: Node) => Promise<void> | void
  readonly mend: (leader: Node, cluster: Cluster) => Promise<void> | void
}

const faults: readonly Fault[] = [
  {
    name: 'the machine is lost',
    strike: ({ host }) => signalHost(host, 'SIGKILL'),
    mend: ({ host }, { restart }) => restart(host.name),
  },
  {
    name: 'the node is cut off from everybody',
    strike: ({ host }) => cut(host),
    mend: ({ host }) => heal(host),
  },
  {
    name: 'the agent is frozen',
    strike: ({ agent }) => agent.signal('SIGSTOP'),
    mend: ({ agent }) => agent.signal('SIGCONT'),
  },
  {
    name: 'the agent is killed',
    strike: ({ agent }) => agent.signal('SIGKILL'),
    mend: ({ host }, { restart }) => restart(host.name),
  },
]

test.each(faults)('leader: $name', async ({ strike, mend }) => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 })
  const { stage, client } = cluster
  const leader = await cluster.primary(5000)
  await createTable(client, leader.host)
  const addresses = cluster.nodes().map(({ host }) => `${host.address}:5432`)
  const writer = await startWriter(stage, client, { addresses, mode: 'all-at-once' }, superuserPassword)
  await writer.nextAcknowledgement(10_000)

  const struckMs = nowMs()
  await strike(leader)
  const next = await cluster.primary(20_000, leader)
  const accepted = await writer.nextAcknowledgement(10_000)
  expect(accepted.server).toBe(next.host.address)
  await mend(leader, cluster)
  await cluster.healthy(60_000)

  const summary = await writer.finish()
  expect(summary.twoWriters).toEqual([])
  expect(summary.reigns.map(({ server }) => server)).toEqual([leader.host.address, next.host.address])
  expect(summary.longestGap.ms).toBeLessThan(takeoverLimitMs)
  expect(summary.reigns[1]?.firstMs).toBeLessThan(struckMs + takeoverLimitMs)
  // Asynchronous: only what the standbys had not received yet when the old primary ended may be missing.
  const endMs = summary.reigns[0]?.lastMs ?? 0
  const lost = await lostRows(writer, client, next.host)
  expect(lost.filter(({ acknowledgedMs }) => acknowledgedMs < endMs - 500)).toEqual([])
})
