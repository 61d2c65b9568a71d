// What the lease holder does with a request in `failover`: refuse it with a reason, wait for its time, or begin the handover
// (spec/ha.md 3.8.4, 3.15.2). Everything is checked again here, because anybody may write that key.

import type { FailoverRequest, UnreadableKey, Versioned } from '../../../model/cluster/cluster.ts'
import { isExpired } from '../../../model/cluster/request.ts'
import type { Action } from '../../../model/decision/action.ts'
import type { MemberName, Millis, WallMillis } from '../../../model/units.ts'
import { unsupportedMode } from '../../election/election.ts'
import {
  type ClusterFacts,
  type Facts,
  outcomeOf,
  recentFailure,
  runsAsPrimary,
  seconds,
  storeName,
  tried,
} from '../../facts.ts'
import { disturbingStop, tellDisk } from '../../failing-disk.ts'
import { heldMarginMs } from '../../lead/fencing.ts'
import { isRefusedAs, verdictOn, whyImpossible } from '../../lead/judged-request.ts'
import { stopToHandOver } from '../../lead/making-way.ts'
import {
  claimed,
  isClaimed,
  kindOf,
  mayClear,
  pendingRequest,
  refusal,
  refuse,
  refusing,
  target,
} from '../../lead/pending-request.ts'
import { type Choice, type Rule, rule } from '../../rule.ts'

/** A claim that etcd did not confirm is tried again soon: somebody waits for it. */
const LOOK_AGAIN_MS = 1000

/** The situation of the lease holder: `leader`, or `paused` in maintenance mode. */
type Place = 'leader' | 'paused'

/** In the order in which a request is judged. In maintenance mode nothing happens on a schedule. */
export function requestRules(place: Place): readonly Rule<ClusterFacts>[] {
  return [
    ...withdrawnRules(place),
    ...(place === 'leader' ? timeRules : []),
    ...purposeRules(place),
    ...candidateRules(place),
    ...beginRules(place),
  ]
}

/** Requests that cannot be read or have expired. */
function withdrawnRules(place: Place): readonly Rule<ClusterFacts>[] {
  return [
    rule({
      id: `${place}.request-unreadable`,
      why: 'a request is honoured whole or not at all: without the part that cannot be read it would be another request',
      level: 'warning',
      match: f => mayClear(f) && runsAsPrimary(f) && unreadable(f),
      choose: (f, { why, modRevision }) => {
        const hint = 'HINT: ask with hactl switchover or hactl failover'
        return refusing(f, `refusing the request in the failover key: ${why}. ${hint}`, modRevision)
      },
    }),
    rule({
      id: `${place}.request-expired`,
      why: 'a request that its author no longer waits for is not carried out later, unattended, even if the server does not answer now',
      level: 'warning',
      match: f => {
        const { failover } = f.view
        if (failover === null || !mayClear(f) || !runsAsPrimary(f)) return null
        const why = expired(failover.value, f.snap.wallMs)
        return why !== null && { key: failover, why }
      },
      choose: (f, { key, why }) => refuse(f, key, why),
    }),
  ]
}

const timeRules: readonly Rule<ClusterFacts>[] = [
  refusal(
    'leader.request-unscheduled',
    'a time that cannot be read is not a schedule',
    ({ scheduledAt: at }) => (at !== null && at.wallMs === null ? `cannot read the time "${at.text}"` : null),
  ),
  rule({
    id: 'leader.request-waits',
    why: 'a scheduled switchover happens at its time',
    match: f => {
      const scheduled = schedule(pendingRequest(f)?.value ?? null, f)
      return scheduled !== null && scheduled.inMs > 0 && scheduled
    },
    choose: (f, { text, inMs }) => ({
      reason: `no action. I am (${f.snap.self.name}), the leader with the lock; awaiting switchover at ${text} (in ${Math.round(inMs / 1000)} seconds)`,
      wakeInMs: Math.min(inMs, f.snap.settings.loopWaitMs),
    }),
  }),
  refusal(
    'leader.request-stale',
    // spec/ha.md 8.C13
    'a switchover whose time was missed is not made up for hours later',
    (request, f) => {
      const scheduled = schedule(request, f)
      return scheduled !== null && scheduled.inMs < -1.5 * f.snap.settings.loopWaitMs
        ? `its time ${scheduled.text} passed ${seconds(-scheduled.inMs)} ago`
        : null
    },
  ),
]

/** Requests that this node cannot or need not carry out. */
function purposeRules(place: Place): readonly Rule<ClusterFacts>[] {
  return [
    refusal(`${place}.request-other-leader`, 'a switchover names the leader it is meant for', (request, f) =>
      isRefusedAs('other-leader', request, f)
        ? `leader name does not match: ${request.leader} != ${f.snap.self.name}`
        : null,
    ),
    refusal(
      `${place}.request-mode`,
      'no node would take over under a mode that this version cannot keep',
      (request, f) =>
        isRefusedAs('mode', request, f)
          ? `${unsupportedMode(f)} is on, which this version of hactl cannot honour`
          : null,
    ),
    refusal(
      `${place}.request-stop-failed`,
      'a stop that just failed is not tried again for the same request',
      (_, f) => {
        const failure = recentFailure(f, ['stop'], f.snap.settings.ttlMs)
        return failure === null ? null : `PostgreSQL could not be stopped: ${failure.why}`
      },
    ),
    refusal(
      `${place}.request-disk-hangs`,
      'a stop in good order waits for a disk that hangs, with the lease, and nobody leads meanwhile',
      (_, f) => {
        const disk = disturbingStop(f)
        return disk === null ? null : `PostgreSQL could not stop in good order: ${tellDisk(disk)}${wayOut(f)}`
      },
    ),
    refusal(`${place}.request-self`, 'the candidate leads already', (request, f) => {
      if (!isRefusedAs('self', request, f)) return null
      const { candidate } = request
      return candidate === f.snap.self.name
        ? `${candidate} is the leader already`
        : `${candidate} is named as the leader and as the candidate`
    }),
  ]
}

/** Can any member take over? */
function candidateRules(place: Place): readonly Rule<ClusterFacts>[] {
  return [
    rule({
      id: `${place}.ask-candidates`,
      why: 'the leader is not demoted before a member is known to be able to take over',
      match: f => {
        const key = pendingRequest(f)
        const verdict = key === null ? null : verdictOn(key.value, f)
        return key !== null && verdict?.is === 'ask' && { request: key.value, members: verdict.members }
      },
      choose: (_, { request, members }) => ({
        reason: `${kindOf(request)} requested${target(request)}; asking the candidates`,
        actions: [{ kind: 'ask-peers', members }],
      }),
    }),
    refusal(
      `${place}.request-impossible`,
      'without a candidate that can take over the leader stays',
      (request, f) =>
        isRefusedAs('impossible', request, f)
          ? `no healthy members found, ${kindOf(request)} is not possible (${whyImpossible(request, f)})`
          : null,
    ),
  ]
}

function beginRules(place: Place): readonly Rule<ClusterFacts>[] {
  return [
    rule({
      id: `${place}.claim-request`,
      why: 'etcd decides: a request that was withdrawn or replaced meanwhile is not begun, and one that is begun cannot be withdrawn',
      match: f => (tried(f.snap, 'claim-failover') ? null : unclaimedRequest(f)),
      choose: (f, { value: request, modRevision }) => ({
        reason: `${kindOf(request)} requested${target(request)}; taking it up`,
        actions: [
          // The candidate relies on the claim, so the fencer is armed before it.
          ...(place === 'paused' ? [guardHandover(f)] : []),
          { kind: 'claim-failover', request: claimed(request, f), ifRevision: modRevision },
        ],
      }),
    }),
    rule({
      id: `${place}.request-not-claimed`,
      why: 'a handover is not begun before etcd has confirmed the claim',
      match: unclaimedRequest,
      choose: (f, { value: request }) => ({
        reason: `the ${kindOf(request)} is not begun: ${whyNotClaimed(f)}`,
        wakeInMs: LOOK_AGAIN_MS,
      }),
    }),
    rule({
      id: `${place}.begin-handover`,
      why: 'a checkpoint comes first, so that the shutdown is short; then PostgreSQL stops, and the lease goes to a member that has the last record',
      log: 'event',
      match: f => {
        const key = pendingRequest(f)
        const verdict = key === null ? null : verdictOn(key.value, f)
        return (
          key !== null && verdict?.is === 'possible' && { key, able: verdict.able.map(({ name }) => name) }
        )
      },
      choose: beginHandover,
    }),
  ]
}

function beginHandover(
  facts: ClusterFacts,
  { key, able }: { readonly key: Versioned<FailoverRequest>; readonly able: readonly MemberName[] },
): Choice {
  const { value: request, modRevision } = key
  return {
    reason: `${kindOf(request)}: demoting myself${target(request)} (${able.join(', ')} can take over)`,
    ...stopToHandOver(facts, { candidate: request.candidate, requestRevision: modRevision }),
  }
}

/** What happens to a leader with a disk that hangs. */
function wayOut({ snap }: ClusterFacts): string {
  const { failedDiskTimeoutMs, paused } = snap.settings
  return paused
    ? '. HINT: Make it answer, or end the machine'
    : `. When it has hung for ${seconds(failedDiskTimeoutMs)} (failed_disk_timeout), this node gives the lead up by itself to a member that can take over`
}

function unreadable({ view }: ClusterFacts): UnreadableKey | null {
  return view.unreadable?.find(({ key }) => key === 'failover') ?? null
}

function expired(request: FailoverRequest, wallMs: WallMillis): string | null {
  const untilMs = request.note?.untilMs ?? null
  if (!isExpired(request, wallMs) || untilMs === null) return null
  const now = new Date(wallMs).toISOString()
  return `it had to begin before ${new Date(untilMs).toISOString()}, and it is ${now} here: the person who asked no longer waits (or the clocks differ)`
}

function unclaimedRequest(facts: ClusterFacts): Versioned<FailoverRequest> | null {
  const key = pendingRequest(facts)
  return key === null || isClaimed(key.value, facts) ? null : key
}

function whyNotClaimed({ snap }: ClusterFacts): string {
  const outcome = outcomeOf(snap, 'claim-failover')
  return outcome !== null && outcome.kind !== 'done' ? outcome.why : `${storeName(snap)} does not show it yet`
}

/** The other members rely on the claim in etcd: from then on the server must end with the lease. */
export function guardHandover({ snap }: Facts): Action {
  return { kind: 'arm-fencer', marginMs: heldMarginMs(snap) }
}

/** When the request is due; null: it has no time, or one that cannot be read. */
function schedule(
  request: FailoverRequest | null,
  { snap }: Facts,
): { readonly text: string; readonly inMs: Millis } | null {
  const at = request?.scheduledAt ?? null
  return at === null || at.wallMs === null ? null : { text: at.text, inMs: at.wallMs - snap.wallMs }
}
