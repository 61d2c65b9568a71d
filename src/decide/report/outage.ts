// The log lines about an outage, beside the rules: one when it begins, and one when it is over, with its length, the old and
// the new leader, and how much is missing as far as this node knows. No decision depends on it.

import type { Member } from '../../model/cluster/cluster.ts'
import type { News } from '../../model/decision/decision.ts'
import type { Memory, Outage } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { leadershipEndsAtMs } from '../../model/timing.ts'
import { type BootMillis, type Bytes, formatLsn, type Millis } from '../../model/units.ts'
import { parseInstant } from '../../wire/times.ts'
import { bindingPromise } from '../election/failsafe-gate.ts'
import { isRunning, mayLead, seconds, server, storeName } from '../facts.ts'
import { reasonSeen, saysUnusable, takeoverAfter, takeoverKept } from '../lead/how-it-leads.ts'

/** A shorter silence is a late answer, not an outage. */
const SILENCE_MS: Millis = 5000
const BLINDNESS_MS: Millis = 1000

interface OutageReport {
  readonly outage: Outage | null
  readonly takeover: Memory['takeover']
  readonly news: readonly News[]
}

/** `before`: the memory before this look, `memory`: with what it showed. */
export function reportOutage(before: Memory, memory: Memory, snap: Snapshot): OutageReport {
  const { outage, takeover, news } = followOutage(before, memory, snap)
  return {
    outage,
    takeover,
    news: [...news, ...seesAgain(before, memory, snap), ...answersAgain(before, snap)],
  }
}

function followOutage(before: Memory, memory: Memory, snap: Snapshot): OutageReport {
  const { outage } = before
  const takeover = takeoverKept(before, snap)
  if (outage === null) return { takeover, ...begins(before, memory, snap) }
  const leader = leaderOf(snap)
  if (serves(snap))
    return { outage: null, takeover: takeoverAfter(outage, snap), news: [ownEnd(outage, snap)] }
  if (leader !== null && leader !== snap.self.name) {
    // While a leader holds the key, a server that is down there concerns no other node.
    return { outage: null, takeover, news: [othersEnd(outage, leader, snap)] }
  }
  return { outage: goesOn(outage, snap), takeover, news: [] }
}

function begins(before: Memory, memory: Memory, snap: Snapshot): Omit<OutageReport, 'takeover'> {
  if (wentDown(before, snap)) {
    const planned = memory.handover !== null || snap.stopRequested || snap.settings.paused || restarts(snap)
    const outage = goesOn(
      { ...NOTHING_KNOWN, sinceMs: stoppedAt(snap), formerLeader: snap.self.name, planned },
      snap,
    )
    return { outage, news: [] }
  }
  const { lastLeader } = memory
  if (!snap.cluster.known || snap.cluster.value.leader !== null || lastLeader === null)
    return { outage: null, news: [] }
  if (isLed(memory, snap)) return { outage: null, news: [] }
  const { members, lastLeader: record } = snap.cluster.value
  // The record beside the leader key is empty if the key was released in good order.
  const planned = record?.value === null
  // A leader's member key hangs on the same lease as the leader key.
  const isGone = (list: readonly Member[]): boolean => !list.some(({ name }) => name === lastLeader)
  const leaseEnded = !planned && !isGone(before.lastMembers) && isGone(members)
  // A server that is stopped because it hangs does not hang any more.
  const unusable = before.lastMembers.some(member => member.name === lastLeader && saysUnusable(member))
  const begun = {
    ...NOTHING_KNOWN,
    ...{ sinceMs: snap.nowMs, formerLeader: lastLeader, planned, leaseEnded, unusable },
  }
  const why = leaseEnded
    ? `the lease of ${lastLeader} ended`
    : `${lastLeader} does not hold the leader key any more`
  const news: News = { id: 'outage.begins', level: 'warning', text: `nobody leads: ${why}` }
  return { outage: goesOn(begun, snap), news: planned ? [] : [news] }
}

const NOTHING_KNOWN = { leaseEnded: false, optime: null, ownLsn: null, lastCommitMs: null } as const

/** An agent that was frozen sees the end of its lease late. */
function stoppedAt({ lease, nowMs }: Snapshot): BootMillis {
  const endedMs = leadershipEndsAtMs(lease)
  return endedMs > 0 ? Math.min(nowMs, endedMs) : nowMs
}

/** This node led, and its server no longer runs, is being stopped, or is starting again. */
function wentDown(before: Memory, snap: Snapshot): boolean {
  if (before.lastLeader !== snap.self.name || before.lastRole !== 'primary' || serves(snap)) return false
  const { process } = snap.postgres
  const comesUp = process.kind === 'running' && process.readiness === 'rejecting'
  return !isRunning(snap) || comesUp || snap.work?.job.kind === 'stop' || restarts(snap)
}

/** A restart that was asked for. */
function restarts({ work }: Snapshot): boolean {
  return work?.job.kind === 'restart' && work.job.as === 'primary'
}

/** Adds what this look shows about the former leader's end and about this node's own position before a promotion. */
function goesOn(outage: Outage, snap: Snapshot): Outage {
  const published = snap.cluster.known ? (snap.cluster.value.status?.value.optime ?? null) : null
  const seen = server(snap)
  const standby = seen?.inRecovery === true ? seen : null
  return {
    ...outage,
    ...reasonSeen(outage, snap),
    optime: published ?? outage.optime,
    ownLsn: standby?.position ?? outage.ownLsn,
    lastCommitMs: parseInstant(standby?.replayTimestamp ?? null) ?? outage.lastCommitMs,
  }
}

/** A primary goes on: here, by a proof that is newer than this look at the key, or elsewhere in failsafe mode. */
function isLed(memory: Memory, snap: Snapshot): boolean {
  return serves(snap) || bindingPromise({ snap, memory }) !== null
}

/** This node accepts writes as the leader. */
function serves(snap: Snapshot): boolean {
  return mayLead(snap) && server(snap)?.inRecovery === false
}

function leaderOf(snap: Snapshot): string | null {
  return snap.cluster.known ? (snap.cluster.value.leader?.name ?? null) : null
}

function ownEnd(outage: Outage, snap: Snapshot): News {
  const lasted = seconds(snap.nowMs - outage.sinceMs)
  const { formerLeader: former } = outage
  const name = snap.self.name
  const text =
    former === name
      ? `${name} accepts writes again, after ${lasted}; it is the leader as before`
      : `${name} leads after ${former}: ${withoutWrites(outage, snap)}nobody led for ${lasted}; ${missing(outage)}`
  return over(outage, text)
}

function othersEnd(outage: Outage, leader: string, snap: Snapshot): News {
  const lasted = seconds(snap.nowMs - outage.sinceMs)
  const { formerLeader: former } = outage
  if (former === snap.self.name)
    return over(outage, `${leader} leads, ${lasted} after this node stopped leading`)
  const who = former === leader ? `${leader} leads again` : `${leader} leads after ${former}`
  return over(outage, `${who}; nobody led for ${lasted}`)
}

function over({ planned }: Outage, text: string): News {
  return { id: 'outage.over', level: planned ? 'info' : 'warning', text }
}

/** The former leader may have stopped long before its lease ended: its last transaction shows when, otherwise the lease. */
function withoutWrites({ lastCommitMs, sinceMs, leaseEnded }: Outage, snap: Snapshot): string {
  const leaderlessMs = snap.nowMs - sinceMs
  const { ttlMs } = snap.settings
  const quietMs = lastCommitMs === null ? null : snap.wallMs - lastCommitMs
  // A last transaction older than a lease lasts means that nobody was writing anyway.
  if (quietMs !== null && quietMs > leaderlessMs && quietMs <= leaderlessMs + ttlMs)
    return `no transaction for ${seconds(quietMs)}; `
  return leaseEnded ? `not renewed for ${seconds(ttlMs)}, its lease ended; ` : ''
}

function missing({ optime, ownLsn, formerLeader }: Outage): string {
  if (optime === null || ownLsn === null)
    return `how much of what ${formerLeader} wrote is missing here is not known`
  const lost: Bytes = optime > ownLsn ? optime - ownLsn : 0n
  return lost === 0n
    ? `all that ${formerLeader} last published (${formatLsn(optime)}) is here`
    : `${lost} bytes of what ${formerLeader} last published (${formatLsn(optime)}) are missing here`
}

function seesAgain(before: Memory, memory: Memory, snap: Snapshot): readonly News[] {
  const since = before.blindSinceMs
  if (since === null || memory.blindSinceMs !== null || snap.nowMs - since < BLINDNESS_MS) return []
  const text = `${storeName(snap)} is reachable again, after ${seconds(snap.nowMs - since)}`
  return [{ id: 'etcd.answers', level: 'warning', text }]
}

function answersAgain({ silentSinceMs: since }: Memory, snap: Snapshot): readonly News[] {
  if (since === null || !snap.postgres.server.known || snap.nowMs - since < SILENCE_MS) return []
  const text = `PostgreSQL answers again, after ${seconds(snap.nowMs - since)}`
  return [{ id: 'postgres.answers', level: 'warning', text }]
}
