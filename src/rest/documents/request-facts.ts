// Everything that one request is judged by, read from memory once, so that a reply cannot contradict itself when a beat
// changes the node meanwhile.

import type { ClusterView } from '../../model/cluster/cluster.ts'
import type { ServerView } from '../../model/server/postgres.ts'
import type { DynamicSettings } from '../../model/settings/dynamic-settings.ts'
import { type BootMillis, type Lsn, type MemberName, maxLsn } from '../../model/units.ts'
import { syncDuty } from '../../wire/cluster-roles.ts'
import type { FailsafeView, NodeReadings, NodeStatus } from '../node-view.ts'

export interface Facts {
  readonly nowMs: BootMillis
  readonly status: NodeStatus
  readonly settings: DynamicSettings
  readonly failsafe: FailsafeView
  /** null: nothing was heard from etcd for `ttl`. */
  readonly cluster: ClusterView | null
  /** This node holds the leader lease at this instant. */
  readonly leads: boolean
  /** null: PostgreSQL cannot be asked. The reply then has no `xlog`, and peers take the node for unhealthy. */
  readonly server: ServerView | null
  /** As shown: `unknown` when PostgreSQL should answer and does not. */
  readonly state: string
  /** As shown: what PostgreSQL says when it answers, else the agent's opinion. */
  readonly role: string
  readonly replicationState: 'streaming' | 'in archive recovery' | null
  /** Named in `/sync` while following in synchronous mode. */
  readonly syncDuty: 'sync_standby' | 'quorum_standby' | null
  readonly unlocked: boolean
  readonly failsafeActive: boolean
}

const ANSWERING_STATES: ReadonlySet<string> = new Set(['running', 'restarting', 'starting'])

export function readFacts(
  state: NodeReadings,
  self: MemberName,
  nowMs: BootMillis,
  serverNotBeforeMs: BootMillis = Number.NEGATIVE_INFINITY,
): Facts {
  const status = state.status()
  const settings = state.settings()
  const failsafe = state.failsafe()
  const view = state.cluster()
  const cluster = view.known ? view.value : null
  const look = status.server
  const server =
    look.known && look.atMs >= serverNotBeforeMs && ANSWERING_STATES.has(status.state) ? look.value : null
  const role = shownRole(server, status, settings)
  return {
    nowMs,
    status,
    settings,
    failsafe,
    cluster,
    leads: state.leaderLeaseUntilMs() > nowMs,
    server,
    state: server === null && status.state === 'running' ? 'unknown' : status.state,
    role,
    replicationState: server === null ? null : replicationState(server),
    syncDuty: server === null || role !== 'replica' ? null : syncDuty(cluster, self, settings),
    unlocked: cluster === null || cluster.leader === null,
    failsafeActive: failsafe.activeUntilMs > nowMs,
  }
}

function shownRole(server: ServerView | null, status: NodeStatus, settings: DynamicSettings): string {
  if (server === null) return status.role
  if (!server.inRecovery) return 'primary'
  return settings.standbyCluster && status.role === 'standby_leader' ? 'standby_leader' : 'replica'
}

function replicationState(server: ServerView): Facts['replicationState'] {
  if (!server.inRecovery) return null
  if (server.walReceiver?.status === 'streaming') return 'streaming'
  return server.restoreCommandSet ? 'in archive recovery' : null
}

/** The newest position that this node knows the leader to have written; null when it knows none. */
export function leaderPosition(facts: Facts): Lsn | null {
  const published = facts.cluster?.status?.value.optime ?? null
  return maxLsn(published, facts.server?.walReceiver?.latestEndLsn ?? null)
}
