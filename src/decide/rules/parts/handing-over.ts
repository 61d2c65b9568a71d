// This node stopped PostgreSQL to hand the lease over (switchover, manual failover), and still holds the lease. It
// releases it as soon as a candidate confirms that it has everything; otherwise it starts as primary again (spec/ha.md
// 3.13.1, 8.B18-B20).

import type { Member } from '../../../model/cluster/cluster.ts'
import type { Action } from '../../../model/decision/action.ts'
import type { Handover } from '../../../model/decision/memory.ts'
import { mayEndEarly } from '../../../model/decision/work.ts'
import type { ShutdownPosition } from '../../../model/server/progress.ts'
import { type BootMillis, formatLsn, type MemberName } from '../../../model/units.ts'
import { receivedEverything } from '../../election/election.ts'
import { electable } from '../../election/successors.ts'
import { type ClusterFacts, type Facts, isRunning, seconds, seenCluster, tried } from '../../facts.ts'
import { heldMarginMs } from '../../lead/fencing.ts'
import { hasTimeToBegin } from '../../lead/watchdog.ts'
import { formerMayWrite } from '../../rejoin/former-life.ts'
import { type Rule, rule, ruleOver } from '../../rule.ts'
import { closingStatus } from '../../upkeep/status-key.ts'

/** How long the candidate may take to confirm: its WAL receiver must fetch the last record over the network. */
const CONFIRM_LIMIT_MS = 5000
const ASK_AGAIN_MS = 30

/** `handover.`: the server is down; `busy.handover-`: the last processes of its stop linger (a slow archiver). */
function handingOver(prefix: 'handover.' | 'busy.handover-'): readonly Rule<ClusterFacts>[] {
  return [
    rule({
      id: `${prefix}ask`,
      why: 'the lease is handed over only to a member that has the last record written here',
      match: f => {
        const handover = stoppedHandover(f)
        if (handover === null || f.snap.peers !== null || isLate(handover, f)) return null
        const asked = candidates(handover, f)
        return asked.length > 0 && { handover, asked }
      },
      choose: (_, { handover, asked }) => ({
        reason: `stopped at ${positionText(handover)}; asking ${asked
          .map(member => member.name)
          .join(', ')} whether it has that`,
        actions: [{ kind: 'ask-peers', members: asked }],
      }),
    }),
    rule({
      id: `${prefix}release-lease`,
      why: 'the candidate has everything: it may promote at once',
      match: f => (formerMayWrite(f) || tried(f.snap, 'release-lease') ? null : confirmed(f)),
      choose: (f, { by, position }) => ({
        reason: `${by} has ${formatLsn(position.checkpointLsn)}; handing the lease over`,
        actions: [{ kind: 'release-lease', status: closingStatus(f, position.previousLsn) }],
        remember: { rejoin: 'check', agreesWith: null, lastRole: 'standby' },
      }),
    }),
    rule({
      id: `${prefix}wait`,
      why: 'a slow candidate gets some time before this node goes on as primary',
      match: f => {
        const handover = stoppedHandover(f)
        if (handover === null || isLate(handover, f) || candidates(handover, f).length === 0) return null
        return handover.position
      },
      choose: (_, position) => ({
        reason: `no candidate has confirmed ${formatLsn(position.checkpointLsn)} yet`,
        wakeInMs: ASK_AGAIN_MS,
      }),
    }),
  ]
}

export const handoverRules: readonly Rule<ClusterFacts>[] = [
  ...handingOver('handover.'),
  rule({
    id: 'handover.release-after-enforced-stop',
    // spec/ha.md 8.F18
    why: 'a stop that was enforced (primary_stop_timeout) wrote no last record, but a synchronous standby has every acknowledged commit without it',
    level: 'warning',
    match: f =>
      (formerMayWrite(f) || tried(f.snap, 'release-lease') ? null : stoppedHandover(f)) !== null &&
      haveEverything(f),
    choose: (_, names) => ({
      reason: `the stop was enforced, and ${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} every acknowledged commit; handing the lease over`,
      actions: [{ kind: 'release-lease', status: null }],
      remember: { rejoin: 'check', agreesWith: null, lastRole: 'standby' },
    }),
  }),
  rule({
    id: 'handover.take-back',
    why: 'no member can take over without losing data that was written here: this node goes on as primary',
    level: 'warning',
    match: f => hasTimeToBegin(f) && stoppedHandover(f),
    choose: (f, handover) => ({
      reason: `${whyTakenBack(handover, f)}; going on as primary`,
      actions: [
        { kind: 'arm-fencer', marginMs: heldMarginMs(f.snap) },
        { kind: 'begin', job: { kind: 'start', as: 'primary', upstream: null, timeoutMs: startTimeout(f) } },
        ...clearRequest(handover),
      ],
      remember: { handover: null },
    }),
  }),
]

function clearRequest({ requestRevision }: Handover): readonly Action[] {
  return requestRevision === null ? [] : [{ kind: 'clear-failover', ifRevision: requestRevision }]
}

/** The stop may wait up to wal_sender_timeout for a standby that reads nothing, but not longer than for a candidate. */
const endLingering: Rule<ClusterFacts> = rule({
  id: 'busy.handover-end-stop',
  why: 'a standby that reads nothing must not keep a server that has shut down from going on as primary',
  level: 'warning',
  match: f => {
    const { work } = f.snap
    if (work === null || work.cancelled || !mayEndEarly(work.job, 'nobody-takes-over')) return null
    const handover = stoppedHandover(f)
    return handover !== null && handover.position !== null && handover
  },
  choose: (f, handover) => ({
    reason: `${whyTakenBack(handover, f)}; ending the last processes of the stop`,
    actions: [{ kind: 'cancel-work', why: 'nobody can take over' }],
    next: 'settled',
  }),
})

/** While the last processes of the stop linger, the lease can already be handed over. */
export const earlyHandoverRules: readonly Rule<Facts>[] = [
  ...handingOver('busy.handover-'),
  endLingering,
].map(inner => ruleOver(seenCluster, inner))

export function startTimeout({ snap }: ClusterFacts): number {
  return snap.settings.primaryStartTimeoutMs > 0 ? snap.settings.primaryStartTimeoutMs : 60_000
}

type StoppedHandover = Handover & { readonly stoppedAtMs: BootMillis }

/** The handover, once PostgreSQL has written its last record; null: there is none, or it has not. */
function stoppedHandover({ memory, snap }: ClusterFacts): StoppedHandover | null {
  const { handover } = memory
  if (handover === null || handover.stoppedAtMs === null) return null
  const isDown = !isRunning(snap) || snap.work?.progress?.stoppedAt !== undefined
  return isDown ? { ...handover, stoppedAtMs: handover.stoppedAtMs } : null
}

/** Only the named candidate (spec/ha.md 8.B20); without a name, every other member. */
function candidates({ candidate }: Handover, { snap, view }: ClusterFacts): readonly Member[] {
  // In maintenance mode only a named candidate takes over.
  if (candidate === null && snap.settings.paused) return []
  const others = view.members.filter(
    member => member.name !== snap.self.name && member.record.apiUrl !== null,
  )
  return candidate === null ? others : others.filter(member => member.name === candidate)
}

/** In a synchronous mode, the candidates that an election may name whatever this server wrote last; null: there are none. */
function haveEverything(facts: ClusterFacts): readonly MemberName[] | null {
  const { snap, view, memory } = facts
  const { handover } = memory
  if (handover === null || handover.position !== null || snap.settings.synchronousMode === 'off') return null
  if (view.sync?.value.leader !== snap.self.name) return null
  // A named candidate wins with the votes of the others, so all are looked at, and it must be among those that can win.
  const others = candidates({ ...handover, candidate: null }, facts).map(({ name }) => name)
  const asked = candidates(handover, facts).map(({ name }) => name)
  const names = electable(others, snap, view).filter(name => asked.includes(name))
  return names.length === 0 ? null : names
}

/** The candidate that has confirmed the last record, and the position of that. */
function confirmed(
  facts: ClusterFacts,
): { readonly by: MemberName; readonly position: ShutdownPosition } | null {
  const handover = stoppedHandover(facts)
  const { peers } = facts.snap
  if (handover === null || handover.position === null || peers === null) return null
  const { position } = handover
  const ready = candidates(handover, facts)
    .map(({ name }) => name)
    .filter(name => {
      const answer = peers.get(name)
      return answer?.known === true && receivedEverything(answer.value, position.checkpointLsn)
    })
  const [by] = handover.candidate === null ? electable(ready, facts.snap, facts.view) : ready
  return by === undefined ? null : { by, position }
}

function isLate({ stoppedAtMs }: StoppedHandover, { snap }: ClusterFacts): boolean {
  return snap.nowMs - stoppedAtMs > CONFIRM_LIMIT_MS
}

function whyTakenBack(handover: StoppedHandover, facts: ClusterFacts): string {
  const { candidate, position } = handover
  if (position === null) return 'where the WAL ended is not known, so nobody can confirm it'
  if (candidate === null && facts.snap.settings.paused) return 'nobody was named, and maintenance mode is on'
  if (candidates(handover, facts).length === 0) return `${candidate ?? 'nobody'} cannot be asked any more`
  return `no candidate confirmed ${formatLsn(position.checkpointLsn)} in ${seconds(CONFIRM_LIMIT_MS)}`
}

function positionText({ position }: Handover): string {
  return position === null ? 'an unknown position' : formatLsn(position.checkpointLsn)
}
