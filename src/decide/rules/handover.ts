// This node stopped PostgreSQL to hand the lease over (switchover, manual failover). The lease is still ours: it is
// given up as soon as a candidate confirms that it has everything, and otherwise we go back to work (spec/ha.md 3.13.1, 8.B18-B20).

import type { Member } from '../../model/cluster.ts'
import type { Handover } from '../../model/memory.ts'
import { formatLsn } from '../../model/units.ts'
import { mayEndEarly } from '../../model/work.ts'
import { receivedEverything } from '../election.ts'
import { type ClusterFacts, type Facts, isRunning, seconds, tried } from '../facts.ts'
import { heldMarginMs } from '../fencing.ts'
import { formerMayWrite } from '../former.ts'
import { hasTimeLeft } from '../lease.ts'
import type { Rule } from '../rule.ts'
import { closingStatus } from '../status.ts'

/** How long the candidate may take to confirm: its WAL receiver has to get the last record over a network. */
const CONFIRM_LIMIT_MS = 5000
const ASK_AGAIN_MS = 30

export const handoverRules: readonly Rule<ClusterFacts>[] = [
  {
    id: 'handover.ask',
    why: 'the lease is handed over only to somebody who has the last record that was written here',
    when: f => inHandover(f) && f.snap.peers === null && candidates(f).length > 0 && !isLate(f),
    choose: f => ({
      reason: `stopped at ${position(f)}; asking ${candidates(f)
        .map(member => member.name)
        .join(', ')} whether it has that`,
      actions: [{ kind: 'ask-peers', members: candidates(f) }],
    }),
  },
  {
    id: 'handover.release-lease',
    why: 'the candidate has everything: it may promote at once',
    when: f =>
      inHandover(f) && confirmed(f) !== null && !formerMayWrite(f) && !tried(f.snap, 'release-lease'),
    choose: f => ({
      reason: `${confirmed(f)} has ${position(f)}; handing the lease over`,
      actions: [
        { kind: 'release-lease', status: closingStatus(f, handover(f).position?.previousLsn ?? null) },
      ],
      remember: { rejoin: 'check', agreesWith: null, lastRole: 'standby' },
    }),
  },
  {
    id: 'handover.wait',
    why: 'a slow candidate gets time, within limits, before we go back to work',
    when: f => inHandover(f) && !isLate(f) && handover(f).position !== null && candidates(f).length > 0,
    choose: f => ({ reason: `no candidate has confirmed ${position(f)} yet`, wakeInMs: ASK_AGAIN_MS }),
  },
  {
    id: 'handover.take-back',
    why: 'nobody can take over without losing what was written here: this node goes on as primary',
    level: 'warning',
    when: f => inHandover(f) && hasTimeLeft(f),
    choose: f => ({
      reason: `${whyTakenBack(f)}; going on as primary`,
      actions: [
        { kind: 'arm-fencer', marginMs: heldMarginMs(f.snap) },
        { kind: 'begin', job: { kind: 'start', as: 'primary', upstream: null, timeoutMs: startTimeout(f) } },
        { kind: 'clear-failover', ifRevision: handover(f).requestRevision },
      ],
      remember: { handover: null },
    }),
  },
]

/** The stop may wait for a standby that reads nothing any more, up to wal_sender_timeout: not longer than a candidate may. */
const endLingering: Rule<ClusterFacts> = {
  id: 'handover.end-stop',
  why: 'a server that is shut down but for a standby that reads nothing keeps nobody from going on as primary',
  level: 'warning',
  when: f =>
    inHandover(f) &&
    f.snap.work?.cancelled === false &&
    mayEndEarly(f.snap.work.job, 'nobody-takes-over') &&
    handover(f).position !== null,
  choose: f => ({
    reason: `${whyTakenBack(f)}; ending the last processes of the stop`,
    actions: [{ kind: 'cancel-work', why: 'nobody can take over' }],
    next: 'settled',
  }),
}

/** While the last processes of the stop linger (a slow archiver), the lease can already be handed over. */
export const earlyHandoverRules: readonly Rule<Facts>[] = [
  ...handoverRules.filter(rule => rule.id !== 'handover.take-back'),
  endLingering,
].map(rule => ({
  ...rule,
  id: rule.id.replace('handover.', 'busy.handover-'),
  when: facts => withView(facts) !== null && rule.when(withView(facts) ?? never()),
  choose: facts => rule.choose(withView(facts) ?? never()),
}))

function withView(facts: Facts): ClusterFacts | null {
  const { cluster } = facts.snap
  return cluster.known ? { ...facts, view: cluster.value } : null
}

function never(): never {
  throw new Error('a rule was asked about a cluster that is not known')
}

export function startTimeout({ snap }: ClusterFacts): number {
  return snap.settings.primaryStartTimeoutMs > 0 ? snap.settings.primaryStartTimeoutMs : 60_000
}

function inHandover({ memory, snap }: ClusterFacts): boolean {
  if (memory.handover === null || memory.handover.stoppedAtMs === null) return false
  return !isRunning(snap) || snap.work?.progress?.stoppedAt !== undefined
}

function handover({ memory }: ClusterFacts): Handover {
  if (memory.handover === null) throw new Error('no handover is on its way')
  return memory.handover
}

/** The named candidate alone counts (spec/ha.md 8.B20); without a name anybody but us. */
function candidates(facts: ClusterFacts): readonly Member[] {
  const { candidate } = handover(facts)
  // In maintenance mode nobody takes over who was not named.
  if (candidate === null && facts.snap.settings.paused) return []
  const others = facts.view.members.filter(
    member => member.name !== facts.snap.self.name && member.record.apiUrl !== null,
  )
  return candidate === null ? others : others.filter(member => member.name === candidate)
}

function confirmed(facts: ClusterFacts): string | null {
  const needed = handover(facts).position
  const peers = facts.snap.peers
  if (needed === null || peers === null) return null
  const ready = candidates(facts).find(member => {
    const answer = peers.get(member.name)
    return answer?.known === true && receivedEverything(answer.value, needed.checkpointLsn)
  })
  return ready?.name ?? null
}

function isLate(facts: ClusterFacts): boolean {
  const stoppedAt = handover(facts).stoppedAtMs ?? facts.snap.nowMs
  return facts.snap.nowMs - stoppedAt > CONFIRM_LIMIT_MS
}

function whyTakenBack(facts: ClusterFacts): string {
  if (handover(facts).position === null) return 'where the WAL ended is not known, so nobody can confirm it'
  const { candidate } = handover(facts)
  if (candidate === null && facts.snap.settings.paused) return 'nobody was named, and maintenance mode is on'
  if (candidates(facts).length === 0) return `${candidate ?? 'nobody'} cannot be asked any more`
  return `no candidate confirmed ${position(facts)} in ${seconds(CONFIRM_LIMIT_MS)}`
}

function position(facts: ClusterFacts): string {
  const at = handover(facts).position
  return at === null ? 'an unknown position' : formatLsn(at.checkpointLsn)
}
