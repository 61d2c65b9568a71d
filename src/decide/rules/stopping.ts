// The agent was asked to stop (SIGTERM): PostgreSQL is stopped in good order, the lease is handed over, and the process ends.
// In maintenance mode PostgreSQL and the leader key are left as they are (spec/ha.md 3.13.4).

import type { FailoverRequest, Member, Versioned } from '../../model/cluster/cluster.ts'
import { mayEndEarly, type Work } from '../../model/decision/work.ts'
import type { ShutdownPosition } from '../../model/server/progress.ts'
import { primaryStopLimitMs } from '../../model/settings/stop-limit.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { namesOf, receivedEverything } from '../election/election.ts'
import { electable } from '../election/successors.ts'
import {
  type Facts,
  failedLately,
  holdsLease,
  isRunning,
  recentFailure,
  runsAsPrimary,
  storeName,
  tried,
} from '../facts.ts'
import { canNoteUnguarded, mayDisarm, noteUnguarded } from '../lead/guard-note.ts'
import { renewLease, unansweredAndEnding } from '../lead/lease-rules.ts'
import { mayBeSucceeded } from '../lead/maintenance.ts'
import { nameHolder } from '../lead/name-holder.ts'
import { formerMayWrite, mayStopOrphans, stopOrphans, whyFormer } from '../rejoin/former-life.ts'
import { memberRecord } from '../report/own-record.ts'
import { type Rule, rule } from '../rule.ts'
import { closingStatus } from '../upkeep/status-key.ts'
import { stoppingLeavesSync } from './parts/leaving-sync.ts'

/** A stop that failed less than this long ago belongs to this request: it is not tried again. */
const GIVE_UP_MS = 10_000
/** A standby receives the last record within a moment, or not for a long time. */
const ASK_AGAIN_MS = 200

export const stoppingRules: readonly Rule<Facts>[] = [
  rule({
    id: 'stopping.drop-request',
    why: 'while a server is left running in maintenance mode, no named successor may wait for the end of its lease',
    level: 'warning',
    match: f =>
      f.snap.settings.paused &&
      f.snap.work === null &&
      isRunning(f.snap) &&
      mayBeSucceeded(f) &&
      !tried(f.snap, 'clear-failover') &&
      requestKey(f),
    choose: (_, { modRevision }) => ({
      reason:
        'the agent was asked to stop before it began the handover that was asked for; taking the request away',
      actions: [{ kind: 'clear-failover', ifRevision: modRevision }],
    }),
  }),
  rule({
    id: 'stopping.note-unguarded',
    why: 'a node that wants to lead after this one must know that nothing stops its server when its lease ends',
    match: f => f.snap.settings.paused && f.snap.work === null && canNoteUnguarded(f) && !mayBeSucceeded(f),
    choose: f => ({
      reason: `maintenance mode: noting in ${storeName(f.snap)} that nothing guards this primary`,
      actions: noteUnguarded(f),
      next: 'again',
    }),
  }),
  rule({
    id: 'stopping.leave-paused',
    why: 'in maintenance mode the agent may be replaced without touching PostgreSQL or the leader key',
    match: ({ snap }) => snap.settings.paused && snap.work === null,
    choose: f => ({
      reason: `maintenance mode: ${whatStays(f)}`,
      actions: [
        ...(formerMayWrite(f) || mayBeSucceeded(f) || !mayDisarm(f)
          ? []
          : [{ kind: 'disarm-fencer' as const }]),
        { kind: 'exit', code: 0, why: 'stopped in maintenance mode' },
      ],
      next: 'settled',
    }),
  }),
  rule({
    id: 'stopping.cancel-work',
    // spec/ha.md Z1
    why: 'a stop does not wait for the end of a clone or rewind',
    match: ({ snap: { work } }) =>
      work !== null && !work.cancelled && mayEndEarly(work.job, 'agent-stops') && work.job,
    choose: (_, { kind }) => ({
      reason: `cancelling ${kind} to stop`,
      actions: [{ kind: 'cancel-work', why: 'the agent stops' }],
      next: 'settled',
    }),
  }),
  renewLease('stopping'),
  rule({
    id: 'stopping.ask',
    why: 'the handover need not wait for the last processes of the stop (a slow archiver, a standby that reads nothing)',
    match: f => {
      const members = others(f)
      return isShutDown(f) && f.snap.peers === null && members.length > 0 && members
    },
    choose: (_, members) => ({
      reason: `PostgreSQL is shut down; asking ${namesOf(members)} who has everything`,
      actions: [{ kind: 'ask-peers', members }],
    }),
  }),
  rule({
    id: 'stopping.hand-over',
    why: 'a member has the last record that was written here: it may promote at once',
    match: f => isShutDown(f) && !formerMayWrite(f) && !tried(f.snap, 'release-lease') && successor(f),
    choose: (f, { name, position }) => ({
      reason: `${name} has everything; handing the lease over`,
      actions: [{ kind: 'release-lease', status: closingStatus(f, position.previousLsn) }],
      remember: { lastRole: 'standby' },
    }),
  }),
  rule({
    id: 'stopping.wait',
    why: 'the stop of PostgreSQL takes as long as its last checkpoint',
    match: f => f.snap.work,
    choose: (f, work) => ({
      reason: unansweredAndEnding(f)
        ? 'PostgreSQL is stopping and the lease runs out'
        : `waiting for ${awaited(work)}`,
      wakeInMs: isShutDown(f) ? ASK_AGAIN_MS : 1000,
    }),
  }),
  stoppingLeavesSync,
  rule({
    id: 'stopping.stop-postgres',
    why: 'clients get a clean end, and standbys the last byte of WAL, before the lease is handed over',
    match: f => isRunning(f.snap) && !failedLately(f, ['stop'], GIVE_UP_MS),
    choose: f => ({
      reason: 'the agent was asked to stop; stopping PostgreSQL with a checkpoint first',
      actions: [
        { kind: 'begin', job: { kind: 'stop', mode: 'fast', checkpoint: true, timeoutMs: stopLimitMs(f) } },
      ],
      next: 'settled',
    }),
  }),
  rule({
    id: 'stopping.stop-failed',
    why: 'the leader key stays as long as PostgreSQL runs: no other node may become primary',
    level: 'error',
    match: f => isRunning(f.snap) && recentFailure(f, ['stop'], GIVE_UP_MS),
    choose: (_, { why }) => ({
      reason: `PostgreSQL could not be stopped (${why}); the leader key stays`,
      actions: [
        {
          kind: 'exit',
          code: 1,
          why: `PostgreSQL shutdown failed, leader key not removed: ${why}`,
        },
      ],
      next: 'settled',
    }),
  }),
  rule({
    id: 'stopping.stop-orphans',
    why: 'without an agent, nothing would look after a server outside the data directory',
    level: 'error',
    match: mayStopOrphans,
    choose: stopOrphans,
  }),
  rule({
    id: 'stopping.leave-to-expire',
    why: 'the leader key stays as long as a former server may write: its fencer stops it before the lease ends',
    level: 'warning',
    match: f => holdsLease(f.snap) && formerMayWrite(f),
    choose: f => ({
      reason: `${whyFormer(f)}; the leader key stays until it expires`,
      actions: [{ kind: 'exit', code: 1, why: 'a former server may still run, leader key not removed' }],
      next: 'settled',
    }),
  }),
  rule({
    id: 'stopping.release-lease',
    why: 'PostgreSQL is down: the others need not wait for the lease to end',
    match: f => holdsLease(f.snap) && !f.snap.outcomes.some(outcome => outcome.action === 'release-lease'),
    choose: f => ({
      reason: 'PostgreSQL is down; handing the lease over',
      actions: [{ kind: 'release-lease', status: closingStatus(f, f.memory.stoppedAt?.previousLsn ?? null) }],
    }),
  }),
  rule({
    id: 'stopping.exit',
    why: 'nothing is left to do',
    match: () => true,
    choose: f => ({
      reason: 'PostgreSQL is down and the lease is not ours',
      // The agent ends even if etcd refuses this last write.
      actions: saysGoodbye(f)
        ? [{ kind: 'publish-member', record: memberRecord(f) }]
        : [{ kind: 'exit', code: 0, why: 'stopped' }],
      next: saysGoodbye(f) ? 'again' : 'settled',
    }),
  }),
]

/** A standby's stop has no limit: nobody waits for it to end. */
function stopLimitMs(facts: Facts): Millis | null {
  return runsAsPrimary(facts) ? primaryStopLimitMs(facts.snap.settings) : null
}

function whatStays(facts: Facts): string {
  const { armedUntilMs, formerMayAct } = facts.snap.fencer
  if (mayBeSucceeded(facts))
    return 'the leader key stays; the request to take over from this node could not be taken away, so that the fencer ends PostgreSQL with the lease'
  const isArmed = armedUntilMs !== null || formerMayAct
  if (isArmed && !mayDisarm(facts))
    return `the leader key stays; ${storeName(facts.snap)} has not taken the note that nothing guards this primary, so that the fencer ends PostgreSQL with the lease`
  return 'PostgreSQL goes on and the leader key stays'
}

function requestKey({ snap }: Facts): Versioned<FailoverRequest> | null {
  return snap.cluster.known ? snap.cluster.value.failover : null
}

function awaited({ job, cancelled }: Work): string {
  return job.kind === 'stop' ? 'PostgreSQL to stop' : `${cancelled ? 'the cancelled ' : ''}${job.kind} to end`
}

/** The member key gets a last update, unless it belongs to another node of this name. */
function saysGoodbye(facts: Facts): boolean {
  const { snap } = facts
  return snap.cluster.known && !tried(snap, 'publish-member') && nameHolder(facts) === null
}

/** All WAL is written and only the last processes have to end. This node still holds the lease. */
function isShutDown(facts: Facts): boolean {
  return shutDownAt(facts) !== null && holdsLease(facts.snap)
}

function shutDownAt({ snap }: Facts): ShutdownPosition | null {
  return snap.work?.job.kind === 'stop' ? (snap.work.progress?.stoppedAt ?? null) : null
}

function others({ snap }: Facts): readonly Member[] {
  if (!snap.cluster.known) return []
  return snap.cluster.value.members.filter(
    member => member.name !== snap.self.name && member.record.apiUrl !== null,
  )
}

function successor(facts: Facts): { readonly name: MemberName; readonly position: ShutdownPosition } | null {
  const { snap } = facts
  const position = shutDownAt(facts)
  if (position === null || !snap.cluster.known) return null
  const ready = others(facts)
    .map(({ name }) => name)
    .filter(name => {
      const answer = snap.peers?.get(name)
      return answer?.known === true && receivedEverything(answer.value, position.checkpointLsn)
    })
  const [name] = electable(ready, snap, snap.cluster.value)
  return name === undefined ? null : { name, position }
}
