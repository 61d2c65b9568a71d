// The routine after every settled decision: the node's lease and member key and, on a leader, the keys that only it may repair
// or write. A failure here never blocks anything.

import type { HistoryLine } from '../../model/cluster/cluster.ts'
import { clusterTimeline, withNext } from '../../model/cluster/timeline.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Memory } from '../../model/decision/memory.ts'
import { isRetimed, renewalDueAtMs } from '../../model/timing.ts'
import { noteIntervalOver } from '../election/failover-interval.ts'
import { originToNote } from '../election/whose-timeline.ts'
import {
  type ClusterFacts,
  clusterIdentifier,
  control,
  hangsOnOwnLease,
  holdsLease,
  isForeign,
  mayLead,
  memberNamed,
  runsAsPrimary,
  server,
} from '../facts.ts'
import { isFenced } from '../lead/fencing.ts'
import { noteGuarded } from '../lead/guard-note.ts'
import { noteTakeover } from '../lead/how-it-leads.ts'
import { unanswered } from '../lead/lease-rules.ts'
import { nameHolder } from '../lead/name-holder.ts'
import { formerMayWrite } from '../rejoin/former-life.ts'
import { survivesKill } from '../rejoin/survives-kill.ts'
import { awaitsCheckpoint, memberRecord, sameRecord } from '../report/own-record.ts'
import type { SituationName } from '../situation.ts'
import { failsafeUpkeep } from './failsafe-key.ts'
import { slotUpkeep } from './member-slots.ts'
import { buildStatus } from './status-key.ts'

interface Upkeep {
  readonly actions: readonly Action[]
  readonly remember: Partial<Memory>
}

const NOTHING: Upkeep = { actions: [], remember: {} }

/** In these situations the node cannot see the cluster, or must not write into it. */
const NO_ROUTINE: readonly SituationName[] = ['asked', 'namesake', 'stranger', 'blind', 'founding']

/** `decided`: the decision's own actions, which are carried out first. */
export function upkeep(situation: SituationName, facts: ClusterFacts, decided: readonly Action[]): Upkeep {
  if (NO_ROUTINE.includes(situation)) return NOTHING
  // In any situation (a stop, work begun earlier): a lease granted now would count as the right to the name.
  if (nameHolder(facts) !== null) return NOTHING
  // If etcd has just left a renewal unanswered, less urgent writes would delay the next one.
  if (mayLead(facts.snap) && unanswered(facts)) return NOTHING
  // A primary that nothing would stop gets its fencer before anything that may take time.
  if (situation === 'leader' && holdsLease(facts.snap) && runsAsPrimary(facts) && !isFenced(facts))
    return NOTHING
  // If the leader key on this node's lease is to expire, that lease is not kept for the sake of the member key.
  if (leavesOwnKey(facts)) return NOTHING
  // A new one would say to the others that its server may still be a primary.
  if (survivesKill(facts) !== null) return NOTHING
  // Work that begins now may be a stop.
  const begins = decided.some(action => action.kind === 'begin')
  const slots =
    slotsMayChange(situation) && !begins
      ? slotUpkeep(facts)
      : { actions: [], retainedSlots: facts.memory.retainedSlots }
  const leads = situation === 'leader' || (situation === 'paused' && !isForeign(facts))
  const leading = leads && server(facts.snap)?.inRecovery === false && holdsLease(facts.snap)
  const lease = ownLease(facts)
  const failsafe = leads || situation === 'busy' ? failsafeUpkeep(facts) : { actions: [], remember: {} }
  const guard = situation === 'leader' && leading && !begins ? noteGuarded(facts) : []
  return {
    actions: [
      ...lease,
      ...ownFencer(facts),
      ...guard,
      ...(leading ? leaderUpkeep(facts) : []),
      ...failsafe.actions,
      ...slots.actions,
      ...(begins ? [] : noteOrigin(leading ? 'leader' : situation, facts)),
      ...publish(facts, lease),
    ],
    remember: {
      retainedSlots: slots.retainedSlots,
      ...failsafe.remember,
      ...(guard.length > 0 ? { notedUnguarded: false } : {}),
    },
  }
}

function noteOrigin(situation: SituationName, facts: ClusterFacts): readonly Action[] {
  const note = situation === 'leader' || situation === 'follower' ? originToNote(facts) : null
  return note === null ? [] : [note]
}

function leavesOwnKey(facts: ClusterFacts): boolean {
  const { leader } = facts.view
  const isOurs = leader?.name === facts.snap.self.name && hangsOnOwnLease(leader, facts.snap)
  return isOurs && formerMayWrite(facts)
}

/** In maintenance mode the slots that members need are created, and none is dropped. */
function slotsMayChange(situation: SituationName): boolean {
  return situation === 'leader' || situation === 'follower' || situation === 'paused'
}

function ownLease({ snap }: ClusterFacts): readonly Action[] {
  const due = snap.nowMs >= renewalDueAtMs(snap.lease, snap.settings)
  return due && !holdsLease(snap) ? [{ kind: 'keep-lease' }] : []
}

/** A fencer that was armed for a promotion that never began would stop a healthy standby at the deadline. */
function ownFencer(facts: ClusterFacts): readonly Action[] {
  const { snap, memory } = facts
  const isStandby = server(snap)?.inRecovery === true && !memory.promotionAsked
  const isArmed = snap.fencer.alive && snap.fencer.armedUntilMs !== null
  return isStandby && isArmed && !holdsLease(snap) && snap.work === null && !formerMayWrite(facts)
    ? [{ kind: 'disarm-fencer' }]
    : []
}

/** The key is also written when its lease is replaced now: it would expire with the old lease. */
function publish(facts: ClusterFacts, lease: readonly Action[]): readonly Action[] {
  const { snap, view } = facts
  const moves = lease.length > 0 && isRetimed(snap.lease, snap.settings)
  const published = memberNamed(view, snap.self.name)
  const record = memberRecord(facts)
  const current =
    !moves && published !== null && hangsOnOwnLease(published, snap) && sameRecord(published.record, record)
  return current ? [] : [{ kind: 'publish-member', record }]
}

function leaderUpkeep(facts: ClusterFacts): readonly Action[] {
  const { snap, view } = facts
  const actions: Action[] = []
  const identifier = control(snap.postgres)?.systemIdentifier
  if (identifier !== undefined && clusterIdentifier(view) === null) {
    actions.push({
      kind: 'write-initialize',
      value: identifier,
      ifRevision: view.initialize?.modRevision ?? null,
    })
  }
  if (view.config === null && Object.keys(snap.settings.document).length > 0) {
    actions.push({ kind: 'write-config', document: snap.settings.document, ifRevision: null })
  }
  const lines = historyToWrite(facts)
  if (lines !== null) {
    const ifRevision = view.history?.modRevision ?? null
    actions.push({ kind: 'write-history', lines, status: buildStatus(facts), ifRevision })
  }
  const note = noteTakeover(facts) ?? noteIntervalOver(facts)
  if (note !== null) actions.push(note)
  if (awaitsCheckpoint(facts)) actions.push({ kind: 'checkpoint-soon' })
  return actions
}

/** The `history` key after a promotion (spec/ha.md 6); null: it is up to date, or the history is not known. */
function historyToWrite({ snap, view }: ClusterFacts): readonly HistoryLine[] | null {
  const timeline = server(snap)?.timeline ?? null
  const recorded = view.history?.value ?? null
  if (timeline === null) return null
  if (timeline === 1) return recorded !== null && recorded.length > 0 ? [] : null
  const last = recorded?.at(-1)
  if (last !== undefined && clusterTimeline(recorded) === timeline && last.leader !== undefined) return null
  if (!snap.timelineHistory.known) return null
  const switches = snap.timelineHistory.value
  const newest = switches.at(-1)
  if (newest === undefined || newest.timeline >= timeline) return null
  const lines = switches.map((line, index) =>
    withNext(withOldNotes(line, recorded ?? []), switches[index + 1]?.timeline ?? timeline),
  )
  const limit = snap.settings.maxTimelinesHistory
  return limit > 0 ? lines.slice(-limit) : lines
}

/** A switch that was recorded earlier keeps its time, its leader and the fields of other writers. */
function withOldNotes(line: HistoryLine, recorded: readonly HistoryLine[]): HistoryLine {
  const before = recorded.find(old => old.timeline === line.timeline && old.lsn === line.lsn)
  if (before === undefined) return line
  return {
    ...line,
    ...(before.timestamp === undefined ? {} : { timestamp: before.timestamp }),
    ...(before.leader === undefined ? {} : { leader: before.leader }),
    ...(before.more === undefined ? {} : { more: before.more }),
  }
}
