// An agent starts where a former one lived, and its PostgreSQL still runs though the data directory is another one or none:
// renamed, deleted, hidden by a mount, replaced by an older backup or by another cluster's. The session that was open goes
// on committing until that server is stopped, and nobody leads before that.

import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, type Node, postmasterOf, startCluster } from './harness/cluster.ts'
import { beginIncident } from './harness/incident.ts'
import { hactl } from './harness/member.ts'
import { processesOn, runOn } from './harness/network.ts'
import { postgresBin } from './harness/servers.ts'
import { asPostgres, postgresUser } from './harness/stage.ts'
import { until } from './harness/until.ts'

/** Long enough that a busy machine starts an agent before the former one's fencer acts. */
const ttlMs = 20_000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: 5, retry_timeout: 5 })
})

afterAll(() => cluster.stage.close())

const dataOf = ({ host }: Node): string => join(cluster.stage.directory, host.name, 'data')

interface Loss {
  readonly name: string
  /** Before the agent is killed. */
  readonly prepare?: (node: Node) => Promise<unknown>
  readonly lose: (node: Node) => Promise<unknown>
  /** Afterwards, where nothing else makes the node whole. */
  readonly mend?: (node: Node) => Promise<unknown>
}

const copyAside = (node: Node) => runOn(cluster.client, ['cp', '-a', dataOf(node), `${dataOf(node)}.copy`])

async function putCopyInPlace(node: Node): Promise<void> {
  await rename(dataOf(node), `${dataOf(node)}.led`)
  await rename(`${dataOf(node)}.copy`, dataOf(node))
}

const losses: readonly Loss[] = [
  {
    name: 'renamed, with the state directory',
    lose: async node => {
      await rename(dataOf(node), `${dataOf(node)}.old`)
      await rename(`${dataOf(node)}.hactl`, `${dataOf(node)}.hactl.old`)
    },
  },
  {
    name: 'deleted, and its postmaster hangs',
    lose: async node => {
      process.kill(await postmasterOf(cluster.stage, node), 'SIGSTOP')
      // A session goes on committing.
      await rm(dataOf(node), { recursive: true, maxRetries: 10 })
    },
  },
  {
    // With a postmaster.pid that names the server that runs.
    name: 'replaced by an older copy of its files',
    prepare: copyAside,
    lose: putCopyInPlace,
  },
  {
    name: "replaced by another cluster's",
    // Not in its place: the former agent's fencer ends every server program that works there.
    prepare: node => {
      const initdb = [`${postgresBin}/initdb`, '-D', `${dataOf(node)}.other`, '--no-sync', '-U', 'postgres']
      return runOn(cluster.client, [...asPostgres, ...initdb], 60_000)
    },
    lose: async node => {
      await rename(dataOf(node), `${dataOf(node)}.mine`)
      await rename(`${dataOf(node)}.other`, dataOf(node))
    },
    mend: async node => {
      const { agent } = cluster.node(node.host.name)
      await until('its agent has ended', agent.hasEnded, 40_000)
      expect(await agent.log()).toContain('system ID mismatch')
      await rm(dataOf(node), { recursive: true })
      await cluster.restart(node.host.name)
    },
  },
  {
    // The last one: a mount cannot be renamed.
    name: 'hidden by an empty mount',
    lose: async node => {
      const { uid, gid } = await postgresUser()
      const options = `size=512m,mode=700,uid=${uid},gid=${gid}`
      await runOn(cluster.client, ['mount', '-t', 'tmpfs', '-o', options, 'none', dataOf(node)])
    },
  },
]

test.each(losses)('the data directory of the leader is $name between two lives of its agent', async loss => {
  const incident = await beginIncident(cluster, `leader’s data directory ${loss.name}`)
  const { leader } = incident
  await loss.prepare?.(leader)
  const postmaster = await postmasterOf(cluster.stage, leader)
  await leader.agent.stop('SIGKILL')
  await loss.lose(leader)
  // What is acknowledged from here on, the open sessions have from a server without a directory.
  await incident.watcher.nextAcknowledgement(20_000)
  incident.strike()
  await cluster.restart(leader.host.name)
  const { agent } = cluster.node(leader.host.name)
  await agent.says(/orphaned\.stop: a former server of this node \(pid \d+/, 40_000)
  await until(
    'the former postmaster is gone',
    async () => !(await processesOn(leader.host)).includes(postmaster),
    40_000,
  )
  await incident.writesAgain(ttlMs + 20_000, leader)
  await loss.mend?.(leader)
  // By asynchronous replication, what a server acknowledged in its last moments.
  await incident.end({ mayLose: { lastMs: 500 }, limitMs: 90_000 })
})

test('the data directory of the leader is replaced by an older copy of its files while its agent goes on', async () => {
  const incident = await beginIncident(cluster, 'leader’s data directory replaced under its agent')
  const { leader } = incident
  await rm(`${dataOf(leader)}.led`, { recursive: true, force: true })
  await copyAside(leader)
  incident.strike()
  await putCopyInPlace(leader)
  await leader.agent.says(/leader\.stop-outside: PostgreSQL works in \S+\.led, .* can take over/, 20_000)
  await incident.writesAgain(ttlMs + 20_000, leader)
  // The former leader wrote its control file into the backup as it stopped.
  await leader.agent.says(/names a checkpoint at \S+ that the WAL in this directory does not have/, 40_000)
  const reinit = await hactl(
    cluster.client,
    leader.file,
    ['reinit', 'test', leader.host.name, '--force'],
    90_000,
  )
  expect(reinit).toMatchObject({ code: 0 })
  // In good order: those that stream have everything.
  await incident.end({ limitMs: 90_000 })
})
