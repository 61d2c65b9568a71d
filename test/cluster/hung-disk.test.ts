// The disk of the primary hangs: that of its data directory, or that of pg_wal alone. Every process that writes waits inside the
// kernel, where no signal ends it, while the server goes on answering who only reads. By hand, with HACTL_LONG=1: six minutes.

import { mkdir, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Cluster, list, type Node, startCluster } from './harness/cluster.ts'
import { freezeDisk, makeDisk } from './harness/frozen-disk.ts'
import { beginIncident, type EndChoice } from './harness/incident.ts'
import type { MemberChoice } from './harness/member.ts'
import { type Mode, useMode } from './harness/modes.ts'
import { run } from './harness/run.ts'
import { httpStatus, restPort } from './harness/servers.ts'
import { postgresUser, type Stage } from './harness/stage.ts'
import { nowMs, until } from './harness/until.ts'

/** The least time for which the disk hangs; it is thawed when another node has led for a while. */
const HANGS_MS = 45_000
/** failed_disk_timeout's default, a lease, and what a probe and a stop that cannot end take. */
const takeoverLimitMs = 75_000
/** Five seconds make a disk hung, a probe comes every five, and then the beat has to hear of it. */
const noticedLimitMs = 20_000
/** A load balancer hears of it when it has lasted for failed_disk_timeout: a slow disk is not a hung one. */
const takenAwayLimitMs = 30_000 + noticedLimitMs

const ifLong = test.skipIf(process.env.HACTL_LONG !== '1')

let cluster: Cluster

beforeAll(async () => {
  if (process.env.HACTL_LONG !== '1') return
  cluster = await startCluster({ ttl: 5, loop_wait: 1, retry_timeout: 2 }, {}, { node: disksOf })
})

afterAll(() => cluster?.stage.close())

const dataDisk = (name: string) => `${name}-disk`
const walDisk = (name: string) => `${name}-wal-disk`

async function disksOf(stage: Stage, name: string): Promise<Partial<MemberChoice>> {
  const disk = await makeDisk(stage, dataDisk(name), 512)
  await makeDisk(stage, walDisk(name), 256)
  return { postgresql: { data_dir: join(disk, 'data') } }
}

/** As an operator does it: the node is stopped, the directory is moved, a link is in its place. */
async function moveWal({ host, agent }: Node): Promise<void> {
  await agent.stop('SIGTERM', 40_000)
  const directory = join(cluster.stage.directory, walDisk(host.name), 'pg_wal')
  const from = join(cluster.stage.directory, dataDisk(host.name), 'data', 'pg_wal')
  const { uid, gid } = await postgresUser()
  await mkdir(directory, { mode: 0o700 })
  await run(['cp', '-a', `${from}/.`, directory])
  await rename(from, `${from}-before`)
  await symlink(directory, from)
  await run(['chown', '-h', `${uid}:${gid}`, directory, from])
  await run(['rm', '-r', `${from}-before`])
  await cluster.restart(host.name)
  await cluster.healthy(60_000)
}

/** What operators and load balancers are shown of the node. */
async function isShown(from: Node, { host }: Node, problem: string): Promise<void> {
  const says = async () => {
    const members = await list(cluster.client, from.file)
    const row = members.find(({ Member }) => Member === host.name)
    return JSON.stringify(row).includes(problem) ? true : Promise.reject(new Error(JSON.stringify(row)))
  }
  await until(`list says: ${problem}`, says, noticedLimitMs, 500)
  const primary = () => httpStatus(cluster.client, `http://${host.address}:${restPort}/primary`)
  await until('/primary is taken away', async () => (await primary()) === 503, takenAwayLimitMs, 200)
}

async function diskHangs(what: 'data' | 'wal', mode: Mode): Promise<void> {
  await useMode(cluster, mode)
  const place = what === 'data' ? 'the data directory' : 'pg_wal'
  const incident = await beginIncident(cluster, `the disk of ${place} hangs, mode ${mode}`)
  const { leader } = incident
  const [other] = cluster.others(leader)
  if (other === undefined) throw new Error('no replica')
  const path = join(
    cluster.stage.directory,
    what === 'data' ? dataDisk(leader.host.name) : walDisk(leader.host.name),
  )
  incident.strike()
  const endMs = nowMs() + HANGS_MS
  const disk = await freezeDisk(path)
  onTestFinished(() => disk.thaw())
  const struckMs = nowMs()
  await isShown(other, leader, `the disk of ${place} hangs`)
  console.log(`measured | the hung disk of ${place} is shown after ${Math.round(nowMs() - struckMs)} ms`)
  const next = await incident.writesAgain(takeoverLimitMs, leader)
  await until('the disk has hung for long', () => nowMs() > endMs, HANGS_MS)
  expect((await cluster.primary(20_000)).host.name).toBe(next.host.name)
  await disk.thaw()
  const mayLose: EndChoice = mode === 'off' ? { mayLose: { lastMs: 1000 } } : {}
  const measured = await incident.end({ ...mayLose, limitMs: 90_000 })
  expect(measured.reigns.map(({ server }) => server)).toEqual([leader.host.address, next.host.address])
  expect(measured.serverGap.ms).toBeLessThan(takeoverLimitMs)
}

ifLong.each(['off', 'on'] as const)(
  'the disk of the data directory hangs, mode %s: another node leads, the old one comes back when it answers',
  mode => diskHangs('data', mode),
)

ifLong.each(['off', 'on'] as const)(
  'the disk of pg_wal alone hangs, mode %s: another node leads, the old one comes back when it answers',
  async mode => {
    if (mode === 'off') for (const node of cluster.nodes()) await moveWal(node)
    await diskHangs('wal', mode)
  },
)
