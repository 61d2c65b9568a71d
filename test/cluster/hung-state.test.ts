// The disk of the leader's state directory hangs, where PostgreSQL's log is: sessions that log nothing go on, but a checkpoint, a stop
// in good order and a promotion wait inside the kernel. By hand, with HACTL_LONG=1: six minutes.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Cluster, list, type Node, startCluster } from './harness/cluster.ts'
import { freezeDisk, makeDisk } from './harness/frozen-disk.ts'
import { beginIncident, type Incident } from './harness/incident.ts'
import { hactl, type MemberChoice } from './harness/member.ts'
import { signalHost } from './harness/network.ts'
import { makeDirectory, type Stage } from './harness/stage.ts'
import { nowMs, until } from './harness/until.ts'

const failedDiskTimeoutS = 15
/** As for a hung disk of the data (hung-disk.test.ts): the setting, noticing, a stop that cannot end, and the lease. */
const takeoverLimitMs = failedDiskTimeoutS * 1000 + 45_000
/** Five seconds make a disk hung, a probe comes every five, and then the beat has to hear of it. */
const noticedLimitMs = 20_000
const mayLose = { lastMs: 1000 }

const ifLong = test.skipIf(process.env.HACTL_LONG !== '1')

let cluster: Cluster
const disks = new Map<string, string>()

beforeAll(async () => {
  if (process.env.HACTL_LONG !== '1') return
  const dcs = { ttl: 5, loop_wait: 1, retry_timeout: 2, failed_disk_timeout: failedDiskTimeoutS }
  cluster = await startCluster(dcs, {}, { node: stateDisk })
})

afterAll(() => cluster?.stage.close())

async function stateDisk(stage: Stage, name: string): Promise<Partial<MemberChoice>> {
  await makeDirectory(stage, name)
  const path = await makeDisk(stage, `${name}-state`, 64)
  disks.set(name, path)
  return { hactl: { state_directory: path } }
}

async function freezeState({ host }: Node) {
  const disk = await freezeDisk(disks.get(host.name) ?? '')
  onTestFinished(() => disk.thaw())
  return disk
}

async function isShown(from: Node, { host }: Node): Promise<void> {
  const says = async () => {
    const members = await list(cluster.client, from.file)
    const row = JSON.stringify(members.find(({ Member }) => Member === host.name))
    return row.includes('the disk of the state directory hangs') ? true : Promise.reject(new Error(row))
  }
  await until('list says that the disk hangs', says, noticedLimitMs, 500)
}

function standbyOf({ leader }: Incident): Node {
  const [standby] = cluster.others(leader)
  if (standby === undefined) throw new Error('no standby')
  return standby
}

ifLong('a switchover is refused in words, and the leader makes way by itself', async () => {
  const incident = await beginIncident(cluster, 'the disk of the state directory hangs, then a switchover')
  const { leader } = incident
  const standby = standbyOf(incident)
  incident.strike()
  const disk = await freezeState(leader)
  await isShown(standby, leader)
  const asked = await hactl(cluster.client, standby.file, ['switchover', '--force'])
  expect(asked.code, asked.stdout + asked.stderr).not.toBe(0)
  expect(asked.stdout + asked.stderr).toMatch(/could not stop in good order|leads/)
  const next = await incident.writesAgain(takeoverLimitMs, leader)
  await disk.thaw()
  const measured = await incident.end({ mayLose, limitMs: 90_000 })
  expect(measured.reigns.map(({ server }) => server)).toEqual([leader.host.address, next.host.address])
  expect(measured.serverGap.ms).toBeLessThan(takeoverLimitMs)
})

ifLong('a switchover that was begun before the disk is known to hang ends all the same', async () => {
  const incident = await beginIncident(cluster, 'a switchover, and the disk of the state directory hangs')
  const { leader } = incident
  const standby = standbyOf(incident)
  incident.strike()
  const disk = await freezeState(leader)
  const startMs = nowMs()
  const asking = hactl(cluster.client, standby.file, ['switchover', '--force'], takeoverLimitMs + 60_000)
  const next = await incident.writesAgain(takeoverLimitMs, leader)
  const asked = await asking
  console.log(`measured | the command ended with ${asked.code} after ${Math.round(nowMs() - startMs)} ms`)
  await disk.thaw()
  const measured = await incident.end({ mayLose, limitMs: 90_000 })
  expect(measured.reigns.map(({ server }) => server)).toEqual([leader.host.address, next.host.address])
  expect(measured.serverGap.ms).toBeLessThan(takeoverLimitMs)
})

ifLong('a standby wins and its disk hangs: it does not keep the lease, and another one leads', async () => {
  const incident = await beginIncident(cluster, 'the winner of the race has a hung state directory')
  const { leader } = incident
  const [first, second] = cluster.others(leader)
  if (first === undefined || second === undefined) throw new Error('two standbys are needed')
  // Only the first can win.
  await signalHost(second.host, 'SIGSTOP')
  incident.strike()
  const disk = await freezeState(first)
  await signalHost(leader.host, 'SIGKILL')
  await first.agent.says(/leader\.promote: /, 30_000)
  await signalHost(second.host, 'SIGCONT')
  const next = await incident.writesAgain(takeoverLimitMs)
  expect(next.host.name).toBe(second.host.name)
  await first.agent.says(/busy\.disk-hangs: /, 1000)
  await disk.thaw()
  await cluster.mend()
  await incident.end({ mayLose, limitMs: 120_000 })
})
