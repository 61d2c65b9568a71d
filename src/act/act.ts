// The only interpreter of actions: one exhaustive switch. Each action answers with an outcome; nothing is retried,
// waited for or decided here.

import type { Action } from '../model/action.ts'
import { leaderKeyIsGone, type Member } from '../model/cluster.ts'
import type { Outcome } from '../model/outcome.ts'
import type { PeerView } from '../model/peer.ts'
import type { Seen } from '../model/seen.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { demoteMarginMs, isShortened, renewalBudgetMs, requestBudgetMs, termOf } from '../model/timing.ts'
import type { MemberName } from '../model/units.ts'
import type { Job } from '../model/work.ts'
import type { StepOutcome } from '../ports/postgres.ts'
import type { LeaseOutcome, WriteOutcome } from '../ports/store.ts'
import type { ActPorts, Performed } from './context.ts'

/** How long peers may take to answer in an election (spec/ha.md 2.5). */
const PEERS_LIMIT_MS = 2000
/** Long enough for a live node on a busy network, short enough for the budget of a failover (design.md 5). */
const FORMER_LEADER_LIMIT_MS = 600
const COMPARE_LIMIT_MS = 5000
const FENCER_LIMIT_MS = 500

export async function act(action: Action, snap: Snapshot, ports: ActPorts): Promise<Performed> {
  const { store, clock, guard } = ports
  const budgetMs = requestBudgetMs(guard.view(), snap.settings, clock.bootMs())
  switch (action.kind) {
    case 'read-cluster': {
      const cluster = await store.read(budgetMs)
      return { outcome: cluster.known ? done(action) : unreachable(action, cluster.why), cluster }
    }
    case 'ask-peers':
      return { outcome: done(action), peers: await askPeers(action, snap, ports) }
    case 'compare-timelines': {
      const divergence = await ports.postgres.compareTimelines(action.leader, COMPARE_LIMIT_MS)
      return { outcome: divergence.known ? done(action) : failed(action, divergence.why), divergence }
    }
    case 'keep-lease':
      return lease(action, ports, false, store.keepLease(budgetMs))
    case 'adopt-lease':
      return lease(action, ports, true, store.adoptLease(action.leaseId, budgetMs))
    case 'acquire-lease':
      return lease(
        action,
        ports,
        true,
        store.acquireLeader(action.ifRevision, action.unguarded !== true, budgetMs),
      )
    case 'renew-lease':
      // Whether the key was moved to the shorter lease only an answer tells.
      if (isShortened(guard.view(), snap.settings)) guard.endsBy(clock.bootMs() + snap.settings.ttlMs)
      return lease(
        action,
        ports,
        true,
        store.renewLeader(action.status, renewalBudgetMs(budgetMs, leaderKeyIsGone(snap.cluster))),
      )
    case 'take-leader':
      return lease(action, ports, true, store.takeLeaderAfterBootstrap(action.ifRevision, budgetMs))
    case 'release-lease':
      // From here on this node is not the leader, whatever becomes of the request.
      guard.released()
      return write(action, store.releaseLeader(action.status, budgetMs))
    case 'arm-fencer':
    case 'disarm-fencer':
      return { outcome: await fence(action, snap, ports) }
    default:
      return actOnKeys(action, ports, budgetMs)
  }
}

type KeyAction = Exclude<
  Action,
  {
    kind:
      | 'read-cluster'
      | 'ask-peers'
      | 'compare-timelines'
      | 'keep-lease'
      | 'adopt-lease'
      | 'acquire-lease'
      | 'renew-lease'
      | 'take-leader'
      | 'release-lease'
      | 'arm-fencer'
      | 'disarm-fencer'
  }
>

async function actOnKeys(action: KeyAction, ports: ActPorts, budgetMs: number): Promise<Performed> {
  const { store } = ports
  switch (action.kind) {
    case 'note-guarded':
    case 'note-unguarded': {
      const guarded = action.kind === 'note-guarded'
      return write(action, store.noteGuard(guarded, action.ifRevision, action.leaderRevision, budgetMs))
    }
    case 'publish-member':
      return write(action, store.publishMember(action.record, budgetMs))
    case 'race-initialize':
      return write(action, store.writeInitialize('', null, budgetMs))
    case 'write-initialize':
      return write(action, store.writeInitialize(action.value, action.ifRevision, budgetMs))
    case 'delete-initialize':
      return write(action, store.deleteInitialize(action.ifRevision, budgetMs))
    case 'write-config':
      return write(action, store.writeConfig(action.document, action.ifRevision, budgetMs))
    case 'clear-failover':
      return write(action, store.writeFailover(null, action.ifRevision, budgetMs))
    case 'claim-failover':
      return write(action, store.writeFailover(action.request, action.ifRevision, budgetMs))
    case 'write-history':
      return write(action, store.writeHistory(action.lines, action.status, action.ifRevision, budgetMs))
    case 'note-takeover':
      return write(action, store.writeTakeovers(action.notes, action.ifRevision, budgetMs))
    default:
      return actOnPostgres(action, ports)
  }
}

type PostgresAction = Exclude<
  KeyAction,
  {
    kind:
      | 'note-guarded'
      | 'note-unguarded'
      | 'publish-member'
      | 'race-initialize'
      | 'write-initialize'
      | 'delete-initialize'
      | 'write-config'
      | 'clear-failover'
      | 'claim-failover'
      | 'write-history'
      | 'note-takeover'
  }
>

async function actOnPostgres(action: PostgresAction, ports: ActPorts): Promise<Performed> {
  const { postgres, work } = ports
  switch (action.kind) {
    case 'answer-order':
      ports.orders.answer(action.id, action.answer)
      return { outcome: done(action) }
    case 'begin':
      if (isWithdrawn(action.job, ports))
        return { outcome: failed(action, 'who asked for it waits no longer') }
      work.begin(action.job)
      return { outcome: done(action), postgresTouched: true }
    case 'cancel-work':
      work.cancel(action.why)
      return { outcome: done(action) }
    case 'checkpoint-soon':
      postgres.checkpointSoon()
      return { outcome: done(action) }
    case 'change-slots':
      return step(action, await postgres.changeSlots(action))
    case 'resume-replay':
      return step(action, await postgres.resumeReplay())
    case 'note-origin': {
      const noted = await postgres.noteOrigin(action.systemIdentifier, action.origin)
      return { outcome: noted.ok ? done(action) : failed(action, noted.why), postgresTouched: true }
    }
    case 'exit':
      ports.exit(action.code, action.why)
      return { outcome: done(action) }
    default:
      return action satisfies never
  }
}

function isWithdrawn(job: Job, { orders }: ActPorts): boolean {
  return 'order' in job && job.order !== undefined && !orders.begin(job.order)
}

/** A node that was lost keeps nobody waiting: the former leader is asked with a limit of its own. */
async function askPeers(
  action: Action & { kind: 'ask-peers' },
  snap: Snapshot,
  ports: ActPorts,
): Promise<ReadonlyMap<MemberName, Seen<PeerView>>> {
  const limitMs = peersLimitMs(snap, ports)
  const isFormer = (member: Member): boolean => member.name === action.formerLeader
  const [others, former] = await Promise.all([
    ports.peers.ask(
      action.members.filter(member => !isFormer(member)),
      limitMs,
    ),
    ports.peers.ask(action.members.filter(isFormer), Math.min(limitMs, FORMER_LEADER_LIMIT_MS)),
  ])
  return new Map([...others, ...former])
}

/** In an election nobody waits longer for a peer than the lease is worth. */
function peersLimitMs({ settings }: Snapshot, { guard, clock }: ActPorts): number {
  const left = guard.view().leaderUntilMs - clock.bootMs()
  const term = termOf(guard.view(), settings)
  const limit = left > 0 ? Math.max(300, left - demoteMarginMs(term)) : settings.ttlMs / 2
  return Math.min(PEERS_LIMIT_MS, limit)
}

async function lease(
  action: Action,
  ports: ActPorts,
  leader: boolean,
  request: Promise<LeaseOutcome>,
): Promise<Performed> {
  const sentAtMs = ports.clock.bootMs()
  const outcome = await request
  switch (outcome.kind) {
    case 'done':
      ports.guard.confirmed({ ...outcome, sentAtMs, leader })
      return { outcome: done(action) }
    case 'refused':
      if (leader) ports.guard.refused()
      return { outcome: { kind: 'refused', action: action.kind, holder: outcome.holder, why: outcome.why } }
    case 'unreachable':
      return { outcome: unreachable(action, outcome.why) }
    default:
      return outcome satisfies never
  }
}

async function write(action: Action, request: Promise<WriteOutcome>): Promise<Performed> {
  const outcome = await request
  switch (outcome.kind) {
    case 'done':
      return { outcome: done(action) }
    case 'refused':
      return { outcome: { kind: 'refused', action: action.kind, holder: null, why: outcome.why } }
    case 'unreachable':
      return { outcome: unreachable(action, outcome.why) }
    default:
      return outcome satisfies never
  }
}

async function fence(
  action: Action & { kind: 'arm-fencer' | 'disarm-fencer' },
  snap: Snapshot,
  ports: ActPorts,
): Promise<Outcome> {
  if (action.kind === 'disarm-fencer') {
    return (await ports.fencer.disarm(FENCER_LIMIT_MS))
      ? done(action)
      : failed(action, 'the fencer did not answer')
  }
  const { leaderUntilMs, validUntilMs } = ports.guard.view()
  const nowMs = ports.clock.bootMs()
  const endMs = Math.min(
    action.ahead === true ? validUntilMs : leaderUntilMs,
    nowMs + (action.withinMs ?? Number.POSITIVE_INFINITY),
  )
  const until = endMs - action.marginMs
  if (until <= nowMs) return failed(action, 'there is no lease to arm it with')
  const { process } = snap.postgres
  const armed = await ports.fencer.arm(
    until,
    process.kind === 'running' ? process.identity : null,
    FENCER_LIMIT_MS,
    action.ahead,
  )
  return armed ? done(action) : failed(action, 'the fencer did not confirm')
}

function step(action: Action, outcome: StepOutcome): Performed {
  return { outcome: outcome.ok ? done(action) : failed(action, outcome.why), postgresTouched: true }
}

function done(action: Action): Outcome {
  return { kind: 'done', action: action.kind }
}

function failed(action: Action, why: string): Outcome {
  return { kind: 'failed', action: action.kind, why }
}

function unreachable(action: Action, why: string): Outcome {
  return { kind: 'unreachable', action: action.kind, why }
}
