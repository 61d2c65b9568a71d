// One incident under load: an application behind HAProxy and a watcher on every server write, the test breaks something and
// mends it, and here is asked what must be true of every incident: no two servers accepted writes at once, nothing is
// missing that was acknowledged, the application writes again, and the cluster is whole.

import { expect, onTestFinished } from 'vitest'
import {
  type Acknowledgement,
  findTwoWriters,
  type Gap,
  longestGap,
  NO_ANSWER,
  type Reign,
  summarise,
} from './acknowledgements.ts'
import type { Cluster, Node } from './cluster.ts'
import { stolenMs, withEvidence } from './evidence.ts'
import { superuserPassword } from './member.ts'
import { etcdVotes, haproxyPort, postgresPort } from './servers.ts'
import { nowMs } from './until.ts'
import { createTable, lostRows, type Note, startWriter, type Writer, type WriterChoice } from './writer.ts'

export interface Incident {
  /** Who led when it began. */
  readonly leader: Node
  /** The application: one connection through HAProxy. */
  readonly application: Writer
  /** A connection to each server, so that HAProxy's checks have no part in what it sees. */
  readonly watcher: Writer
  /** Marks the instant from which gaps count; call it right before the fault. */
  strike(): void
  /** Waits until the application writes again, elsewhere than on `not`; gives the node that took it. */
  writesAgain(limitMs: number, not?: Node): Promise<Node>
  /** Waits until all is well, asserts what must always be true, prints and gives what was measured. */
  end(choice?: EndChoice): Promise<Measured>
}

export interface EndChoice {
  /**
   * Acknowledged rows that may be missing: `none` (when left out), or those that the old primary acknowledged in the last
   * milliseconds before it ended or after it was cut off, which no standby had received: asynchronous replication.
   */
  readonly mayLose?: 'none' | { readonly acknowledgedAfterMs: number } | { readonly lastMs: number }
  readonly limitMs?: number
}

export interface Measured {
  /** Longest time without an acknowledgement since the strike: for the application, and for whoever asks all servers. */
  readonly applicationGap: Gap
  readonly serverGap: Gap
  /** Of all servers, in order. */
  readonly reigns: readonly Reign[]
  readonly acknowledged: number
  readonly lost: number
  /** How often etcd voted meanwhile: its new leader gives every lease its whole ttl again. */
  readonly etcdVotes: number
  /** What the server that led when it began answered to the watcher since the strike instead of taking a row. */
  readonly refusals: readonly Note[]
}

/** Longer than any pause that a busy machine makes, shorter than any failover of these tests. */
const unnoticedMs = 3000

/** The leader stayed the leader, and whoever asked it got an answer. */
export function expectUnnoticed({ leader }: Incident, { reigns, refusals, serverGap }: Measured): void {
  expect(reigns.map(({ server }) => server)).toEqual([leader.host.address])
  expect(refusals).toEqual([])
  expect(serverGap.ms).toBeLessThan(unnoticedMs)
}

/** The same of an incident in which HAProxy saw every agent answer, so that it cut no connection either. */
export function expectUnnoticedByAll(incident: Incident, measured: Measured): void {
  expectUnnoticed(incident, measured)
  expect(measured.applicationGap.ms).toBeLessThan(unnoticedMs)
}

/**
 * Of the application, when the lease of a lost leader has to end: its ttl, and what an election and the check intervals of
 * HAProxy take. More than the budget, because machines that test are busy; a vote of etcd begins the lease anew.
 */
export function takeoverLimitMs(ttlMs: number, { etcdVotes: votes }: Measured): number {
  return ttlMs + 4000 + votes * ttlMs
}

/** Begins when both writers are under way on a healthy cluster. */
export async function beginIncident(
  cluster: Cluster,
  name: string,
  writing: Pick<WriterChoice, 'serverClock'> = {},
): Promise<Incident> {
  const { client, stage } = cluster
  await cluster.mend()
  await cluster.healthy(60_000)
  const leader = await cluster.primary(20_000)
  await createTable(client, leader.host)
  const direct = cluster.nodes().map(({ host }) => `${host.address}:${postgresPort}`)
  const [application, watcher] = await Promise.all([
    startWriter(
      stage,
      client,
      { ...writing, addresses: [`${client.address}:${haproxyPort}`] },
      superuserPassword,
    ),
    startWriter(stage, client, { ...writing, addresses: direct, mode: 'all-at-once' }, superuserPassword),
  ])
  onTestFinished(() => {
    for (const writer of [application, watcher]) writer.process.signal('SIGKILL')
  })
  await Promise.all([application.nextAcknowledgement(40_000), watcher.nextAcknowledgement(40_000)])
  const votesBefore = await etcdVotes(client, cluster.etcd)
  let struckMs = nowMs()
  const stolenBeforeMs = await stolenMs()
  return {
    leader,
    application,
    watcher,
    strike() {
      struckMs = nowMs()
    },
    async writesAgain(limitMs, not) {
      const { server } = await application.nextAcknowledgement(limitMs, not?.host)
      const node = cluster.nodes().find(({ host }) => host.address === server)
      if (node === undefined) throw new Error(`${server} is none of the nodes`)
      return node
    },
    async end({ mayLose = 'none', limitMs = 60_000 } = {}) {
      await cluster.healthy(limitMs)
      await application.nextAcknowledgement(30_000)
      await Promise.all([application.finish(), watcher.finish()])
      const measured = await withEvidence(stage, stolenBeforeMs, () =>
        account(cluster, [application, watcher], { leader, struckMs, votesBefore }, mayLose),
      )
      tell(name, measured)
      return measured
    },
  }
}

type MayLose = NonNullable<EndChoice['mayLose']>

interface Begun {
  readonly leader: Node
  readonly struckMs: number
  readonly votesBefore: number
}

async function account(
  cluster: Cluster,
  writers: readonly [application: Writer, watcher: Writer],
  { leader, struckMs, votesBefore }: Begun,
  mayLose: MayLose,
): Promise<Measured> {
  const [application, watcher] = await Promise.all(writers.map(writer => writer.acknowledgements()))
  if (application === undefined || watcher === undefined) throw new Error('two writers')
  const all = [...application, ...watcher]
  expect(findTwoWriters(all)).toEqual([])
  const { reigns } = summarise(all)
  const { host } = await cluster.primary(20_000)
  const lost = (await Promise.all(writers.map(writer => lostRows(writer, cluster.client, host)))).flat()
  expect(lost.filter(row => !isExcused(row, reigns, mayLose))).toEqual([])
  return {
    applicationGap: gapSince(application, struckMs),
    serverGap: gapSince(watcher, struckMs),
    reigns,
    acknowledged: all.length,
    lost: lost.length,
    etcdVotes: (await etcdVotes(cluster.client, cluster.etcd)) - votesBefore,
    refusals: refusalsIn(await writers[1].notes(), leader, struckMs),
  }
}

/** That an attempt took too long is in the gap already. */
function refusalsIn(notes: readonly Note[], { host }: Node, sinceMs: number): readonly Note[] {
  return notes.filter(
    ({ atMs, address, text }) =>
      atMs >= sinceMs && address === `${host.address}:${postgresPort}` && !text.startsWith(NO_ANSWER),
  )
}

function isExcused(row: Acknowledgement, reigns: readonly Reign[], mayLose: MayLose): boolean {
  if (mayLose === 'none') return false
  if ('acknowledgedAfterMs' in mayLose) return row.acknowledgedMs >= mayLose.acknowledgedAfterMs
  const reign = reigns.find(({ server, timeline }) => server === row.server && timeline === row.timeline)
  return reign !== undefined && reign !== reigns.at(-1) && row.acknowledgedMs >= reign.lastMs - mayLose.lastMs
}

/** The last acknowledgement before the strike is where its gap begins. */
function gapSince(acknowledgements: readonly Acknowledgement[], sinceMs: number): Gap {
  const sorted = acknowledgements.toSorted((a, b) => a.acknowledgedMs - b.acknowledgedMs)
  const first = sorted.findLastIndex(({ acknowledgedMs }) => acknowledgedMs <= sinceMs)
  return longestGap(sorted.slice(Math.max(0, first)))
}

/** One line that can be found in the output of a test run; the figures go to docs/. */
function tell(name: string, { applicationGap, serverGap, reigns, acknowledged, lost }: Measured): void {
  const figures = [
    `gap through HAProxy ${Math.round(applicationGap.ms)} ms`,
    `at the servers ${Math.round(serverGap.ms)} ms`,
    `primaries ${reigns.map(({ server, timeline }) => `${server}/${timeline}`).join(' ')}`,
    `acknowledged ${acknowledged}`,
    `lost ${lost}`,
  ]
  console.log(`measured | ${name} | ${figures.join(' | ')}`)
}
