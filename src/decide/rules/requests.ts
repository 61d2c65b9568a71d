// What the lease holder does with a request in `failover`: refuse it with a reason, wait for its time, or begin the
// handover (spec/ha.md 3.8.4, 3.15.2). Everything is validated again here: anybody may write that key.

import { type CandidateVerdict, rankCandidates, receiversOf, withoutSilent } from '../../model/candidates.ts'
import type { FailoverRequest, UnreadableKey } from '../../model/cluster.ts'
import { isExpired } from '../../model/request.ts'
import type { Revision } from '../../model/units.ts'
import { otherMembers, unsupportedMode, verdicts } from '../election.ts'
import {
  type ClusterFacts,
  failedLately,
  outcomeOf,
  runsAsPrimary,
  seconds,
  server,
  tried,
} from '../facts.ts'
import type { Choice, Rule } from '../rule.ts'

/** A claim that etcd did not confirm: soon again, while somebody waits for it. */
const LOOK_AGAIN_MS = 1000

export const requestRules: readonly Rule<ClusterFacts>[] = [
  {
    id: 'leader.request-unreadable',
    why: 'a request is honoured whole or not at all: without the part that nobody understands it would be another one',
    level: 'warning',
    when: isUnreadable,
    choose: refuseUnreadable,
  },
  {
    id: 'leader.request-expired',
    why: 'a request that was given up does not come about later, unattended; whether the server answers does not matter',
    level: 'warning',
    when: f => mayClear(f) && runsAsPrimary(f) && f.view.failover !== null && expired(f) !== null,
    choose: f => refuse(f, expired(f) ?? ''),
  },
  refusal('leader.request-unscheduled', 'a time that nobody can read is not a schedule', f => {
    const at = request(f).scheduledAt
    return at !== null && at.wallMs === null ? `cannot read the time "${at.text}"` : null
  }),
  {
    id: 'leader.request-waits',
    why: 'a scheduled switchover happens at its time',
    when: f => isPending(f) && dueInMs(f) > 0,
    choose: f => ({
      reason: `the leader with the lock; awaiting switchover at ${request(f).scheduledAt?.text} (in ${Math.round(dueInMs(f) / 1000)} seconds)`,
      wakeInMs: Math.min(dueInMs(f), f.snap.settings.loopWaitMs),
    }),
  },
  refusal(
    'leader.request-stale',
    'a schedule that nobody was there to keep is not kept hours later (spec/ha.md 8.C13)',
    f =>
      request(f).scheduledAt !== null && dueInMs(f) < -1.5 * f.snap.settings.loopWaitMs
        ? `its time ${request(f).scheduledAt?.text} passed ${seconds(-dueInMs(f))} ago`
        : null,
  ),
  refusal('leader.request-other-leader', 'a switchover names the leader it is meant for', f => {
    const { leader } = request(f)
    return leader !== null && leader !== f.snap.self.name
      ? `leader name does not match: ${leader} != ${f.snap.self.name}`
      : null
  }),
  refusal(
    'leader.request-mode',
    'under a mode that this version cannot carry out nobody would take over',
    f => {
      const mode = unsupportedMode(f)
      return mode === null ? null : `${mode} is on, which this version of hactl cannot honour`
    },
  ),
  refusal(
    'leader.request-stop-failed',
    'a stop that just failed is not tried again for the same request',
    f =>
      failedLately(f, ['stop'], f.snap.settings.ttlMs)
        ? `PostgreSQL could not be stopped: ${f.memory.lastFailure?.why}`
        : null,
  ),
  refusal('leader.request-self', 'nothing to do', f =>
    request(f).candidate === f.snap.self.name ? `I am already the leader, no need to ${kind(f)}` : null,
  ),
  {
    id: 'leader.ask-candidates',
    why: 'nobody is demoted before somebody is known to be able to take over',
    when: f => isPending(f) && f.snap.peers === null,
    choose: f => ({
      reason: `${kind(f)} requested${target(f)}; asking the candidates`,
      actions: [
        {
          kind: 'ask-peers',
          members: otherMembers(f).filter(
            m => request(f).candidate === null || m.name === request(f).candidate,
          ),
        },
      ],
    }),
  },
  refusal('leader.request-impossible', 'without a candidate that can take over the leader stays', f => {
    const judged = judgedCandidates(f)
    if (rankCandidates(judged).length > 0) return null
    const reasons = judged.map(verdict => `${verdict.name}: ${verdict.reason}`).join('; ')
    return `no healthy members found, ${kind(f)} is not possible (${reasons || `${request(f).candidate ?? 'nobody'} is not a member`})`
  }),
  {
    id: 'leader.claim-request',
    why: 'a request that was withdrawn or replaced meanwhile is not begun, and one that is begun cannot be withdrawn: etcd decides',
    when: f => isPending(f) && !isClaimed(f) && !tried(f.snap, 'claim-failover'),
    choose: f => ({
      reason: `${kind(f)} requested${target(f)}; taking it up`,
      actions: [
        {
          kind: 'claim-failover',
          request: claimed(f),
          ifRevision: f.view.failover?.modRevision ?? 0,
        },
      ],
    }),
  },
  {
    id: 'leader.request-not-claimed',
    why: 'what etcd did not confirm is not begun',
    when: f => isPending(f) && !isClaimed(f),
    choose: f => ({
      reason: `the ${kind(f)} is not begun: ${whyNotClaimed(f)}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  },
  {
    id: 'leader.begin-handover',
    why: 'a checkpoint first, so that the shutdown is short; then stop, and hand the lease to whoever has the last record',
    log: 'event',
    when: isPending,
    choose: f => ({
      reason: `${kind(f)}: demoting myself${target(f)} (${rankCandidates(judgedCandidates(f))
        .map(v => v.name)
        .join(', ')} can take over)`,
      actions: [
        { kind: 'begin', job: { kind: 'stop', mode: 'fast', checkpoint: true, timeoutMs: stopTimeout(f) } },
      ],
      remember: {
        handover: {
          candidate: request(f).candidate,
          startedAtMs: f.snap.nowMs,
          requestRevision: f.view.failover?.modRevision ?? 0,
          position: null,
          stoppedAtMs: null,
        },
      },
      next: 'settled',
    }),
  },
]

export function refusal(
  id: string,
  why: string,
  objection: (facts: ClusterFacts) => string | null,
): Rule<ClusterFacts> {
  return {
    id,
    why,
    level: 'warning',
    when: f => isPending(f) && !tried(f.snap, 'clear-failover') && objection(f) !== null,
    choose: f => refuse(f, objection(f) ?? ''),
  }
}

/** Told, kept for whoever looks later, and taken away by the revision that was read. */
export function refuse(facts: ClusterFacts, objection: string): Choice {
  return refusing(
    facts,
    `refusing the ${kind(facts)} request: ${objection}`,
    facts.view.failover?.modRevision,
  )
}

export function isUnreadable(facts: ClusterFacts): boolean {
  return mayClear(facts) && runsAsPrimary(facts) && unreadable(facts) !== null
}

export function refuseUnreadable(facts: ClusterFacts): Choice {
  const key = unreadable(facts)
  const hint = 'HINT: ask with hactl switchover or hactl failover'
  return refusing(facts, `refusing the request in the failover key: ${key?.why}. ${hint}`, key?.modRevision)
}

function refusing({ snap }: ClusterFacts, reason: string, ifRevision: Revision = 0): Choice {
  return {
    reason,
    actions: [{ kind: 'clear-failover', ifRevision }],
    remember: { refusedRequest: { reason, atMs: snap.nowMs, wallMs: snap.wallMs } },
  }
}

function unreadable({ view }: ClusterFacts): UnreadableKey | null {
  return view.unreadable?.find(({ key }) => key === 'failover') ?? null
}

function mayClear({ memory, snap }: ClusterFacts): boolean {
  return memory.handover === null && !tried(snap, 'clear-failover')
}

function expired(facts: ClusterFacts): string | null {
  const { note } = request(facts)
  if (!isExpired(request(facts), facts.snap.wallMs) || note?.untilMs == null) return null
  const now = new Date(facts.snap.wallMs).toISOString()
  return `it was to be begun until ${new Date(note.untilMs).toISOString()}, and it is ${now} here: who asked waits no longer (or the clocks differ)`
}

export function isClaimed(facts: ClusterFacts): boolean {
  return request(facts).note?.begunBy === facts.snap.self.name
}

export function claimed(facts: ClusterFacts): FailoverRequest {
  const { note } = request(facts)
  const nothing = { id: null, by: null, atMs: null, untilMs: null }
  return { ...request(facts), note: { ...nothing, ...note, begunBy: facts.snap.self.name } }
}

function whyNotClaimed({ snap }: ClusterFacts): string {
  const outcome = outcomeOf(snap, 'claim-failover')
  return outcome !== null && outcome.kind !== 'done' ? outcome.why : 'etcd does not show it yet'
}

/** Who does not stream from here would not get the last record: PostgreSQL would stop, and start again for nothing. */
function judgedCandidates(facts: ClusterFacts): readonly CandidateVerdict[] {
  const { self } = facts.snap
  const senders = server(facts.snap)?.replication ?? null
  const judged = verdicts(facts, request(facts).candidate)
  return withoutSilent(judged, otherMembers(facts), self.name, senders === null ? null : receiversOf(senders))
}

export function isPending(facts: ClusterFacts): boolean {
  return (
    facts.view.failover !== null &&
    facts.memory.handover === null &&
    !tried(facts.snap, 'clear-failover') &&
    runsAsPrimary(facts) &&
    server(facts.snap) !== null
  )
}

export function request({ view }: ClusterFacts): FailoverRequest {
  if (view.failover === null) throw new Error('no failover request')
  return view.failover.value
}

function kind(facts: ClusterFacts): string {
  return request(facts).leader === null ? 'manual failover' : 'switchover'
}

function target(facts: ClusterFacts): string {
  const { candidate } = request(facts)
  return candidate === null ? '' : ` in favour of ${candidate}`
}

function dueInMs(facts: ClusterFacts): number {
  const at = request(facts).scheduledAt?.wallMs ?? null
  return at === null ? 0 : at - facts.snap.wallMs
}

/**
 * Only in synchronous mode, as Patroni has it: a stop that is enforced leaves no last record by which anybody could see that the
 * candidate has everything, so that the switchover would be taken back.
 */
function stopTimeout({ snap }: ClusterFacts): number | null {
  const { synchronousMode, primaryStopTimeoutMs } = snap.settings
  return synchronousMode !== 'off' && primaryStopTimeoutMs > 0 ? primaryStopTimeoutMs : null
}
