// The HTTP API's view of the node: the last snapshot and the lease guard in the documents' terms. Only `fresh` looks.

import { whyUndecided } from '../decide/election/comparison.ts'
import { objectionToOwnTimeline } from '../decide/election/own-timeline.ts'
import { type ClusterFacts, localPosition } from '../decide/facts.ts'
import { missingConfiguration } from '../decide/known-configuration.ts'
import { missingWatchdog } from '../decide/lead/watchdog.ts'
import { formerMayWrite } from '../decide/rejoin/former-life.ts'
import { starvation } from '../decide/rejoin/reception.ts'
import { selfInForce } from '../decide/report/drained.ts'
import { postgresState, roleOf, scheduledRestart } from '../decide/report/own-record.ts'
import { replicaObstacle } from '../decide/report/replica.ts'
import { trouble } from '../decide/report/trouble.ts'
import { watchdogState } from '../decide/report/watchdog-state.ts'
import { stallingAgent } from '../decide/stalling-agent.ts'
import { tagsOfLeaving } from '../decide/sync/leaving.ts'
import { servesNobody, unfit } from '../decide/unfit.ts'
import type { ClusterView, JsonObject } from '../model/cluster/cluster.ts'
import type { Decision } from '../model/decision/decision.ts'
import { FIRST_MEMORY, type Memory } from '../model/decision/memory.ts'
import type { Self, Snapshot } from '../model/decision/snapshot.ts'
import { isUnguarded, type Work } from '../model/decision/work.ts'
import { type Seen, unseen } from '../model/seen.ts'
import type { PostgresView, ServerView } from '../model/server/postgres.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import { leadershipEndsAtMs } from '../model/timing.ts'
import type { BootMillis, Millis } from '../model/units.ts'
import { HACTL_VERSION } from '../model/versions.ts'
import type { Clock } from '../ports/clock.ts'
import type { LeaseGuard } from '../ports/lease-guard.ts'
import type { Postgres } from '../ports/postgres.ts'
import type { PromiseDesk } from '../ports/promises.ts'
import type { LoggerView, NodeState, NodeStatus } from '../rest/node-view.ts'
import { clusterWithin } from './api-thread/seen-cluster.ts'
import { ownStandstills, type StandstillSource, withHangingBeat } from './beside/standstill-report.ts'
import { answerFailsafe } from './failsafe/answers.ts'

interface NodeStatePorts extends StandstillSource {
  /** Called each time, because tags change with a reload. */
  readonly self: () => Self
  readonly clock: Clock
  readonly guard: LeaseGuard
  readonly postgres: Pick<Postgres, 'look'>
  readonly settings: () => DynamicSettings
  readonly nextBeatDueMs: () => BootMillis
  readonly work: () => Work | null
  readonly order: NodeState['order']
  readonly wake: (cause: string) => void
  readonly reload: () => void
  readonly logger: () => LoggerView
  readonly promises: Pick<PromiseDesk, 'view' | 'promise'>
  /** What the API shows may have changed. */
  readonly changed: () => void
}

export interface OwnedNodeState extends NodeState {
  /** Called after each beat. */
  update(snapshot: Snapshot, memory: Memory, rule: string): void
  /** Called before each decision is carried out. */
  decided(decision: Decision, nowMs: BootMillis): void
  /** The cluster as it was last seen, and when etcd was last heard. */
  lastCluster(): { readonly cluster: Seen<ClusterView>; readonly heardAtMs: BootMillis }
}

/** Ageing numbers are refreshed at most this often, however many checks arrive. */
const REFRESH_MS = 1000

export function createNodeState(ports: NodeStatePorts): OwnedNodeState {
  let snapshot: Snapshot | null = null
  let memory: Memory = FIRST_MEMORY
  let rule = 'start'
  // Before the first look it is not known whether an earlier run has left a server.
  let ownJudgement: JsonObject = { former_may_write: true }
  let status = statusOf(null, memory, ports)
  let cluster: Seen<ClusterView> = unseen('etcd was not seen yet')
  let lastClusterMs = Number.NEGATIVE_INFINITY
  let dcsLastSeen: number | null = null
  let refreshedAtMs = Number.NEGATIVE_INFINITY
  let refreshing: Promise<void> | null = null

  function take(next: Snapshot): void {
    snapshot = next
    if (next.cluster.known) {
      cluster = next.cluster
      lastClusterMs = next.nowMs
      dcsLastSeen = Math.floor(next.wallMs / 1000)
    }
    status = { ...statusOf(next, memory, ports), dcsLastSeen }
    ownJudgement = judgeItself(next, memory)
  }

  async function look(budgetMs: Millis): Promise<void> {
    const view = await ports.postgres.look(budgetMs)
    refreshedAtMs = ports.clock.bootMs()
    if (snapshot !== null) take({ ...snapshot, postgres: view })
    else status = beforeFirstBeat(status, view)
    ports.changed()
  }

  function fresh(budgetMs: Millis): Promise<void> {
    refreshing ??= look(budgetMs).finally(() => {
      refreshing = null
    })
    return refreshing
  }

  return {
    ...passedOn(ports),
    now: () => ports.clock,
    leaderLeaseUntilMs: () => leadershipEndsAtMs(ports.guard.view()),
    status: () => withHangingBeat(status, ports),
    lastCluster: () => ({ cluster, heardAtMs: lastClusterMs }),
    cluster: () => clusterWithin(cluster, ports.clock.bootMs() - lastClusterMs, ports.settings().ttlMs),
    failsafe: () => ({
      activeUntilMs: Math.max(ports.guard.view().membersUntilMs, ports.promises.view().last?.untilMs ?? 0),
      members: memory.failsafe.members,
    }),
    fresh,
    refreshNumbers() {
      if (ports.clock.bootMs() - refreshedAtMs >= REFRESH_MS) void fresh(REFRESH_MS)
    },
    acceptFailsafe: ping => answerFailsafe(ping, snapshot, memory, ports),
    ...rememberRefusals(),
    extra: () => ({ ...ownJudgement, ...ownFields(ports, rule) }),
    update(next, remembered, matched) {
      memory = remembered
      rule = matched
      refreshedAtMs = ports.clock.bootMs()
      take(next)
      ports.changed()
    },
  }
}

function passedOn({ settings, order, wake, reload, logger }: NodeStatePorts) {
  return { settings, order, wake, reload, logger }
}

function ownFields(ports: NodeStatePorts, rule: string): JsonObject {
  const leads = leadershipEndsAtMs(ports.guard.view()) > ports.clock.bootMs()
  return {
    ...{ version: HACTL_VERSION, rule, leads },
    ...ownStandstills(ports),
    ...workInProgress(ports),
  }
}

/** The progress of a copy, and when it began, for commands that watch it. */
function workInProgress({ work, clock }: NodeStatePorts): JsonObject {
  const current = work()
  if (current === null) return {}
  const { job, progress, startedAtMs } = current
  return {
    // The server is down for a moment and comes up as an unguarded primary: nobody takes over from it meanwhile.
    ...(isUnguarded(job) && { former_may_write: true }),
    work: {
      kind: job.kind,
      phase: progress?.phase ?? 'begins',
      bytes_done: progress?.doneBytes ?? null,
      bytes_total: progress?.totalBytes ?? null,
      source: 'from' in job ? job.from.name : null,
      started_at: new Date(clock.wallMs() - (clock.bootMs() - startedAtMs)).toISOString(),
    },
  }
}

function rememberRefusals(): Pick<OwnedNodeState, 'decided' | 'refusedSince'> {
  let last: { readonly reason: string; readonly atMs: BootMillis } | null = null
  return {
    decided(decision, nowMs) {
      if (isRefusal(decision)) last = { reason: decision.reason, atMs: nowMs }
    },
    refusedSince: sinceMs => (last !== null && last.atMs >= sinceMs ? last.reason : null),
  }
}

/** The request is taken off the table without being done; the new leader does that too, to one that is done. */
function isRefusal({ rule, actions }: Decision): boolean {
  return rule !== 'leader.clear-request' && actions.some(action => action.kind === 'clear-failover')
}

/** Facts for the others in an election: why they have to wait for this node, or why it cannot lead. */
function judgeItself(snap: Snapshot, memory: Memory): JsonObject {
  const why = unfit({ snap, memory })
  const unansweredMs = snap.vitals?.knocks.unansweredTotalMs ?? 0
  const failingMs = snap.vitals?.failingTotalMs ?? 0
  const watchdog = watchdogState({ snap, memory })
  const ownFailingMs = snap.vitals?.ownFailingTotalMs ?? 0
  const former = {
    ...(unansweredMs > 0 && { unanswered_seconds: Math.round(unansweredMs / 1000) }),
    ...(failingMs > 0 && { disk_failing_seconds: Math.round(failingMs / 1000) }),
    ...(ownFailingMs > 0 && { own_disk_failing_seconds: Math.round(ownFailingMs / 1000) }),
    ...(formerMayWrite({ snap, memory }) && { former_may_write: true }),
    ...(why !== null && { unfit: why }),
    ...(watchdog !== null && { watchdog }),
    ...(stallingAgent({ snap, memory }) !== null && { stalls: true }),
  }
  if (!snap.cluster.known) return former
  const facts = { snap, memory, view: snap.cluster.value }
  return {
    ...former,
    ...(leftHistory(facts) && { off_history: true }),
    // While nobody leads nobody sends anything: that is no objection to a candidate.
    ...(facts.view.leader !== null && starvation(facts) !== null && { receives_nothing: true }),
    ...(missingConfiguration(snap, facts.view) !== null && { without_configuration: true }),
  }
}

/** By the judgement that keeps this node from leading, or because it is not known. */
function leftHistory(facts: ClusterFacts): boolean {
  if (whyUndecided(facts) !== null) return true
  const directory = facts.snap.postgres.dataDirectory
  // A history that cannot be read at the moment proves nothing.
  if (directory.kind !== 'present' || !directory.history.known) return false
  return localPosition(facts.snap) !== null && objectionToOwnTimeline(facts) !== null
}

function statusOf(snapshot: Snapshot | null, memory: Memory, ports: NodeStatePorts): NodeStatus {
  const { tags } = selfInForce(ports.self(), memory)
  const fixed = {
    tags: tagsOfLeaving(tags.published, memory),
    configuredTags: tags.published,
    noloadbalance: tags.noloadbalance,
    nofailover: tags.nofailover,
    failoverPriority: tags.failoverPriority,
    scheduledRestart: null,
    nextBeatDueMs: ports.nextBeatDueMs(),
    dcsLastSeen: null,
  }
  if (snapshot === null) {
    const server = unseen('PostgreSQL was not looked at yet')
    return {
      ...fixed,
      // Not known yet counts as failed where it is required.
      watchdogFailed: ports.self().watchdog?.mode === 'required',
      server,
      state: 'stopped',
      role: 'uninitialized',
      postmasterRunning: false,
      systemIdentifier: null,
      pendingRestartReason: null,
      problem: null,
      replicaObstacle: null,
      paused: false,
      unfit: null,
      unansweredMs: 0,
      diskFailingMs: 0,
      ownDiskFailingMs: 0,
      standstillMs: ports.standstills().totalMs,
    }
  }
  const facts = { snap: snapshot, memory }
  const directory = snapshot.postgres.dataDirectory
  const control = directory.kind === 'present' && directory.control.known ? directory.control.value : null
  return {
    ...fixed,
    watchdogFailed: missingWatchdog(facts) !== null,
    state: postgresState(facts),
    role: roleOf(facts),
    server: snapshot.postgres.server,
    postmasterRunning: snapshot.postgres.process.kind === 'running',
    systemIdentifier: control?.systemIdentifier ?? null,
    pendingRestartReason: pendingReason(snapshot.postgres.server),
    scheduledRestart: scheduledRestart(facts).scheduledRestart ?? null,
    problem: trouble(facts),
    replicaObstacle: snapshot.cluster.known
      ? replicaObstacle({ ...facts, view: snapshot.cluster.value })
      : null,
    paused: snapshot.settings.paused,
    unfit: servesNobody(facts),
    unansweredMs: snapshot.vitals?.knocks.unansweredTotalMs ?? 0,
    diskFailingMs: snapshot.vitals?.failingTotalMs ?? 0,
    ownDiskFailingMs: snapshot.vitals?.ownFailingTotalMs ?? 0,
    standstillMs: ports.standstills().totalMs,
  }
}

/**
 * A restarted agent may have a running primary: a peer that asks before the first beat has ended must get that answer.
 */
function beforeFirstBeat(status: NodeStatus, { process, server, dataDirectory }: PostgresView): NodeStatus {
  if (process.kind !== 'running') return status
  const standby = dataDirectory.kind === 'present' && dataDirectory.recoveryConfigured
  return {
    ...status,
    server,
    postmasterRunning: true,
    state: 'running',
    role: standby ? 'replica' : 'primary',
  }
}

function pendingReason(server: Seen<ServerView>): JsonObject | null {
  if (!server.known) return null
  const entries = Object.entries(server.value.pendingRestart)
  if (entries.length === 0) return null
  return Object.fromEntries(
    entries.map(([name, { oldValue, newValue }]) => [name, { old_value: oldValue, new_value: newValue }]),
  )
}
