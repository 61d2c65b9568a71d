// The disk of the primary's data directory is full: PostgreSQL cannot write WAL and ends, again and again. Another node
// takes over once, nothing that was acknowledged is lost, and the node comes back when there is space.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, list, replicateSynchronously, startCluster } from './harness/cluster.ts'
import { beginIncident } from './harness/incident.ts'
import type { MemberChoice } from './harness/member.ts'
import { edit, SYNCHRONOUS_MODES, useMode } from './harness/modes.ts'
import { run, tryRun } from './harness/run.ts'
import { query } from './harness/servers.ts'
import { makeDirectory, type Stage } from './harness/stage.ts'
import { nowMs, until } from './harness/until.ts'

let cluster: Cluster
const mounts: string[] = []

beforeAll(async () => {
  cluster = await startCluster({ ttl: 5, loop_wait: 1, retry_timeout: 2 }, {}, { node: smallDisk })
})

/** Unmounted lazily: PostgreSQL still runs on it. */
afterAll(async () => {
  for (const path of mounts) await tryRun(['umount', '-l', path])
  await cluster.stage.close()
})

/** A file system of its own for the data directory of each node, so that filling it up fills nothing else. */
async function smallDisk(stage: Stage, name: string): Promise<Partial<MemberChoice>> {
  const disk = await makeDirectory(stage, `${name}-disk`)
  await run(['mount', '-t', 'tmpfs', '-o', 'size=384m,mode=01777', 'tmpfs', disk])
  mounts.push(disk)
  return { postgresql: { data_dir: join(disk, 'data') } }
}

async function diskIsFull(name: string): Promise<void> {
  const incident = await beginIncident(cluster, name)
  const { leader } = incident
  const ballast = join(cluster.stage.directory, `${leader.host.name}-disk`, 'ballast')
  incident.strike()
  // dd ends with an error when nothing more fits; that is what it is for here.
  await tryRun(['dd', 'if=/dev/zero', `of=${ballast}`, 'bs=64k'])
  // The segment in use was allocated before: the next one is not.
  await query(cluster.client, leader.host, 'select pg_switch_wal()').catch(() => undefined)
  const next = await incident.writesAgain(40_000, leader)
  const endMs = nowMs() + 10_000
  await until('two leases later', () => nowMs() > endMs, 15_000)
  expect((await cluster.primary(20_000)).host.name).toBe(next.host.name)
  // It recovers from the WAL that it has and lets nobody in, or does not even start.
  const shown = async () => {
    const members = await list(cluster.client, next.file)
    const { State } = members.find(({ Member }) => Member === leader.host.name) ?? {}
    expect(State).toMatch(/^(running, no access|starting|start failed|crashed|stopped)$/)
    return State
  }
  console.log(`measured | the full node is shown as ${await until('how it fares', shown, 40_000, 500)}`)
  await leader.agent.says(/No space left on device/, 30_000)
  await rm(ballast)
  const { reigns } = await incident.end()
  expect(reigns.map(({ server }) => server)).toEqual([leader.host.address, next.host.address])
}

test('the primary’s disk is full: one failover, the reason is told, and it comes back when there is space', async () => {
  // Otherwise what no standby had received yet, when PostgreSQL ended, might be missing.
  await replicateSynchronously(cluster, true)
  await diskIsFull('the primary’s disk is full')
})

test.skipIf(process.env.HACTL_LONG !== '1').each(SYNCHRONOUS_MODES)(
  '%s: the primary’s disk is full: one failover, no acknowledged row is lost',
  async mode => {
    if (mode === 'on') await edit(cluster, 'postgresql.parameters.synchronous_standby_names=null')
    await useMode(cluster, mode)
    await diskIsFull(`the primary’s disk is full, mode ${mode}`)
  },
)
