// How long nobody can write, and whether two nodes ever accept writes at once: a planned switchover, PostgreSQL killed, the
// leader's machine lost, the leader's agent killed or frozen. A writer notes every acknowledgement.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Summary } from '../cluster/harness/acknowledgements.ts'
import type { MixedNode } from '../cluster/harness/mixed.ts'
import { processesOn, signalHost } from '../cluster/harness/network.ts'
import { lostRows } from '../cluster/harness/writer.ts'
import {
  findLeader,
  leaderOf,
  nodeNames,
  type Side,
  settle,
  untilSeldom,
  writableAgain,
  writeTo,
} from './side.ts'

const seconds = (ms: number) => ms / 1000

/** Longest gaps between two acknowledged writes of planned switchovers, seconds. */
export async function switchovers(side: Side, times: number): Promise<readonly number[]> {
  const gaps: number[] = []
  for (let round = 0; round < times; round += 1) {
    const leader = await leaderOf(side)
    const candidate = nodeNames.find(name => name !== leader.name) ?? ''
    const writer = await writeTo(side, 'in-turn')
    const tool = side.program === 'hactl' ? 'hactl' : 'patronictl'
    const args = ['switchover', 'test', '--leader', leader.name, '--candidate', candidate, '--force']
    const { code, stdout, stderr } = await side.cluster.ctl(tool, args)
    if (code !== 0) throw new Error(`${tool} switchover: exit code ${code}: ${stdout}${stderr}`)
    await writableAgain(writer, 60_000, leader)
    gaps.push(seconds((await writer.finish()).longestGap.ms))
    await settle(side)
  }
  return gaps
}

/** Longest gaps when the postmaster of the primary is killed and its agent lives, seconds. */
export async function postgresKills(side: Side, times: number): Promise<readonly number[]> {
  const gaps: number[] = []
  for (let round = 0; round < times; round += 1) {
    const leader = await leaderOf(side)
    const writer = await writeTo(side, 'in-turn')
    process.kill(await postmasterOf(side, leader), 'SIGKILL')
    // The old connections die with the postmaster, or a moment later; the insert after them is the end of the gap.
    await sleep(200)
    await writableAgain(writer, 90_000)
    gaps.push(seconds((await writer.finish()).longestGap.ms))
    await settle(side)
  }
  return gaps
}

/** Longest gaps when everything on the leader's machine is killed at once, seconds. */
export async function nodeLosses(side: Side, times: number): Promise<readonly number[]> {
  const gaps: number[] = []
  for (let round = 0; round < times; round += 1) {
    const leader = await leaderOf(side)
    const writer = await writeTo(side, 'in-turn')
    await signalHost(leader.host, 'SIGKILL')
    await writableAgain(writer, 90_000, leader)
    gaps.push(seconds((await writer.finish()).longestGap.ms))
    await untilSeldom('the host is empty', async () => (await processesOn(leader.host)).length === 0, 10_000)
    await side.cluster.start(leader.name)
    await settle(side)
  }
  return gaps
}

export interface TwoWriters {
  /** From the first write accepted by the new primary to the last one accepted by the old. */
  readonly seconds: number
  /** Acknowledged rows that the cluster does not have in the end. */
  readonly lost: number
  /** Longest time without a writable node, seconds. */
  readonly gap: number
}

/** The leader's agent gets the signal and stays so for `forMs`, longer than its lease, while PostgreSQL is left as it is. */
export async function agentLoss(
  side: Side,
  signal: 'SIGKILL' | 'SIGSTOP',
  forMs: number,
): Promise<TwoWriters> {
  const leader = await leaderOf(side)
  const writer = await writeTo(side, 'all-at-once')
  side.cluster.agent(leader.name).signal(signal)
  await sleep(forMs)
  if (signal === 'SIGSTOP') side.cluster.agent(leader.name).signal('SIGCONT')
  else await side.cluster.start(leader.name)
  await settle(side)
  await writableAgain(writer, 30_000)
  const summary = await writer.finish()
  const now = (await findLeader(side)) ?? leader
  const lost = await lostRows(writer, side.cluster.client, now.host)
  return { seconds: overlap(summary), lost: lost.length, gap: seconds(summary.longestGap.ms) }
}

function overlap({ twoWriters }: Summary): number {
  const [first] = twoWriters
  if (first === undefined) return 0
  const last = Math.max(...twoWriters.map(({ old }) => old.executedMs))
  const begin = Math.min(...twoWriters.map(({ newer }) => newer.executedMs))
  return seconds(last - begin)
}

async function postmasterOf({ cluster }: Side, { name }: MixedNode): Promise<number> {
  const file = join(cluster.stage.directory, name, 'data', 'postmaster.pid')
  const pid = Number((await readFile(file, 'utf8')).split('\n', 1)[0])
  if (!(pid > 1)) throw new Error(`no postmaster on ${name}`)
  return pid
}
