// One beat in the small world: decide, let something become of the actions, decide again, until it settles. `Luck` says
// what becomes of them: everything works, etcd refuses, etcd is silent, or what is local fails.

import { decide } from '../../src/decide/decide.ts'
import type { ClusterView } from '../../src/model/cluster/cluster.ts'
import type { Action } from '../../src/model/decision/action.ts'
import type { Outcome } from '../../src/model/decision/outcome.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { revision } from '../../src/model/revision.ts'
import { seen, unseen } from '../../src/model/seen.ts'
import { leadershipEndsAtMs } from '../../src/model/timing.ts'
import type { WatchdogRequest } from '../../src/model/watchdog.ts'
import { problems } from './checks.ts'
import { frozen, ME, OTHER, TTL } from './frozen.ts'
import { leaderKey, peer, type World } from './parts.ts'
import { waiting } from './waiting.ts'

export type Luck = 'good' | 'refused by pg2' | 'refused by nobody' | 'silence' | 'local failure'
export const LUCKS: readonly Luck[] = [
  'good',
  'refused by pg2',
  'refused by nobody',
  'silence',
  'local failure',
]

export const STEPS_MAX = 25

export interface Beat {
  readonly rules: readonly string[]
  readonly settled: boolean
  readonly problems: readonly string[]
}

export function drive(start: World, luck: Luck): Beat {
  const rules: string[] = []
  const found: string[] = []
  let world = start
  for (let step = 0; step < STEPS_MAX; step++) {
    const decision = decide(world.snap, world.memory)
    rules.push(decision.rule)
    found.push(...problems(world, decision))
    const snap = performAll(decision.actions, world.snap, luck)
    if (decision.next === 'settled') return { rules, settled: true, problems: found }
    world = { snap, memory: decision.memory }
  }
  return { rules, settled: false, problems: found }
}

/** The memory that a beat ends with, for a beat that is known to settle. */
export function performAll(actions: readonly Action[], before: Snapshot, luck: Luck): Snapshot {
  let snap = before
  for (const action of actions) {
    const outcome = outcomeOf(action, luck)
    snap = { ...effectOf(action, outcome, snap), outcomes: [...snap.outcomes, outcome] }
    if (outcome.kind !== 'done') break
  }
  return snap
}

const LOCAL: readonly Action['kind'][] = [
  'arm-fencer',
  'disarm-fencer',
  'open-watchdog',
  'close-watchdog',
  'compare-timelines',
  'resume-replay',
  'set-sync-names',
]
const ALWAYS: readonly Action['kind'][] = [
  'begin',
  'cancel-work',
  'exit',
  'ask-peers',
  'checkpoint-soon',
  'answer-order',
  'apply-configuration',
]

function outcomeOf({ kind }: Action, luck: Luck): Outcome {
  const done: Outcome = { kind: 'done', action: kind }
  if (luck === 'good' || ALWAYS.includes(kind)) return done
  if (LOCAL.includes(kind))
    return luck === 'local failure' ? { kind: 'failed', action: kind, why: 'it failed' } : done
  if (luck === 'local failure') return done
  if (luck === 'silence') return { kind: 'unreachable', action: kind, why: 'deadline exceeded' }
  if (kind === 'read-cluster') return done
  const holder = luck === 'refused by pg2' ? OTHER : null
  return { kind: 'refused', action: kind, holder, why: 'the guard did not hold' }
}

const PROOFS: readonly Action['kind'][] = ['renew-lease', 'adopt-lease', 'acquire-lease', 'take-leader']

function effectOf(action: Action, outcome: Outcome, snap: Snapshot): Snapshot {
  const ok = outcome.kind === 'done'
  if (PROOFS.includes(action.kind)) return recorded(action, ok, proved(outcome, snap))
  switch (action.kind) {
    case 'read-cluster':
      return ok ? withView(snap, { source: 'read' }) : snap
    case 'ask-peers':
      return {
        ...snap,
        peers: snap.peers ?? new Map(action.members.map(({ name }) => [name, frozen(peer())])),
      }
    case 'ask-failsafe': {
      const asked = Object.keys(action.members)
      const refusals = ok ? [] : asked.slice(0, 1).map(name => ({ name, why: 'no answer' }))
      const { lease, nowMs } = snap
      return {
        ...snap,
        consent: { sentAtMs: nowMs, endedAtMs: nowMs, asked, refusals },
        lease: ok ? { ...lease, membersUntilMs: nowMs + TTL } : lease,
      }
    }
    case 'compare-timelines':
      return { ...snap, divergence: ok ? sameTimeline(snap) : unseen('it failed') }
    case 'release-lease': {
      const given = { ...snap, lease: { ...snap.lease, leaderUntilMs: 0 } }
      return ok ? withView(given, { leader: null }) : given
    }
    case 'arm-fencer': {
      const { process } = snap.postgres
      const postmaster = process.kind === 'running' ? process.identity : null
      const { validUntilMs } = snap.lease
      const endsMs = action.ahead === true ? validUntilMs : leadershipEndsAtMs(snap.lease)
      const armedUntilMs = endsMs - action.marginMs
      return ok && armedUntilMs > snap.nowMs
        ? { ...snap, fencer: { ...snap.fencer, alive: true, armedUntilMs, postmaster } }
        : snap
    }
    case 'disarm-fencer':
      return ok
        ? unwatched({ ...snap, fencer: { ...snap.fencer, armedUntilMs: null, formerMayAct: false } })
        : snap
    case 'open-watchdog':
      return ok ? watched(snap, action.request) : unwatched(snap)
    case 'close-watchdog':
      return ok ? unwatched(snap) : snap
    case 'keep-lease':
      return ok ? { ...snap, lease: { ...snap.lease, validUntilMs: snap.nowMs + TTL } } : snap
    case 'answer-order':
      return { ...snap, order: null }
    case 'apply-configuration':
      return { ...snap, configuration: { ...snap.configuration, applyingSinceMs: snap.nowMs } }
    case 'begin':
      return {
        ...snap,
        order: 'order' in action.job ? null : (snap.order ?? null),
        work: { job: action.job, startedAtMs: snap.nowMs, progress: null, cancelled: false },
      }
    case 'cancel-work':
      return snap.work === null ? snap : { ...snap, work: { ...snap.work, cancelled: true } }
    default:
      return ok ? written(action, snap) : snap
  }
}

function watched(snap: Snapshot, request: WatchdogRequest): Snapshot {
  const { timeoutS } = request
  return {
    ...snap,
    fencer: { ...snap.fencer, watchdog: { request, timeoutS } },
    lease: { ...snap.lease, resetAfterMs: timeoutS * 1000 },
  }
}

function unwatched(snap: Snapshot): Snapshot {
  const { resetAfterMs: _, ...lease } = snap.lease
  return { ...snap, lease, fencer: { ...snap.fencer, watchdog: null } }
}

function written(action: Action, snap: Snapshot): Snapshot {
  switch (action.kind) {
    case 'race-initialize':
      return withView(snap, { initialize: { value: '', modRevision: revision(42) } })
    case 'write-initialize':
      return withView(snap, { initialize: { value: action.value, modRevision: revision(42) } })
    case 'delete-initialize':
      return withView(snap, { initialize: null })
    case 'clear-failover':
      return withView(snap, { failover: null })
    case 'claim-failover':
      return withView(snap, { failover: { value: action.request, modRevision: revision(43) } })
    case 'publish-sync': {
      const { state } = action
      return withView(snap, { sync: state === null ? null : { value: state, modRevision: revision(44) } })
    }
    case 'set-sync-names':
      return withSyncNames(snap, action.value)
    case 'note-guarded':
    case 'note-unguarded':
      return withView(snap, {
        guard: { value: { leader: ME, guarded: action.kind === 'note-guarded' }, modRevision: revision(60) },
      })
    default:
      return snap
  }
}

/** In force at once: the standbys that stream are shown as what it makes of them. */
function withSyncNames(snap: Snapshot, value: string | null): Snapshot {
  const { server } = snap.postgres
  const postgres = { ...snap.postgres, syncFile: seen(value, snap.nowMs) }
  if (!server.known) return { ...snap, postgres }
  const synchronous = { standbyNames: value ?? '', commit: 'on' }
  return {
    ...snap,
    postgres: { ...postgres, server: seen(waiting({ ...server.value, synchronous }), snap.nowMs) },
  }
}

/** Whoever takes the leader key writes with it that it is his, and whether something guards him. */
function recorded(action: Action, ok: boolean, snap: Snapshot): Snapshot {
  if (!ok || (action.kind !== 'acquire-lease' && action.kind !== 'take-leader')) return snap
  const guarded = !('unguarded' in action)
  return withView(snap, {
    lastLeader: { value: ME, modRevision: revision(59) },
    guard: { value: { leader: ME, guarded }, modRevision: revision(59) },
  })
}

/** As the lease guard and the store's view take it. */
function proved(outcome: Outcome, snap: Snapshot): Snapshot {
  const { nowMs } = snap
  switch (outcome.kind) {
    case 'done': {
      const until = nowMs + TTL
      const lease = {
        ...snap.lease,
        leaseId: '101',
        ttlMs: snap.settings.ttlMs,
        renewedAtMs: nowMs,
        validUntilMs: until,
        leaderUntilMs: until,
        membersUntilMs: 0,
      }
      return withView({ ...snap, lease }, { leader: leaderKey(ME) })
    }
    case 'refused': {
      const leader = outcome.holder === null ? null : leaderKey(outcome.holder)
      return withView({ ...snap, lease: { ...snap.lease, leaderUntilMs: 0 } }, { leader })
    }
    default:
      return snap
  }
}

function withView(snap: Snapshot, change: Partial<ClusterView>): Snapshot {
  if (!snap.cluster.known) return snap
  return { ...snap, cluster: seen({ ...snap.cluster.value, ...change }, snap.nowMs) }
}

function sameTimeline({ nowMs }: Snapshot): Snapshot['divergence'] {
  return seen(
    { verdict: 'same' as const, localTimeline: 1, localLsn: 0n, leaderTimeline: 1, switchLsn: null },
    nowMs,
  )
}
