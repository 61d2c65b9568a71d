// Kubernetes probes: is the agent's loop alive, and may this node take traffic. Both answer from memory.

import { parseInteger } from '../../model/settings/values.ts'
import type { Bytes, Lsn } from '../../model/units.ts'
import { type Facts, leaderPosition } from '../documents/request-facts.ts'

/** 200 while paused or while the next beat is not overdue by `ttl` (running primary) or `2*ttl` (everybody else). */
export function livenessStatus(facts: Facts): 200 | 503 {
  const { status, settings } = facts
  const runningPrimary = facts.role === 'primary' && status.state === 'running'
  const patienceMs = runningPrimary ? settings.ttlMs : 2 * settings.ttlMs
  return status.paused || status.nextBeatDueMs + patienceMs > facts.nowMs ? 200 : 503
}

/** `hactl list` asks /liveness, and what the agent last wrote into etcd does not show this. */
export function hasHangingBeat({ status }: Facts): boolean {
  return status.problem?.id === 'agent-hangs'
}

/** null: ready. Otherwise why not, for the debug log. */
export function readinessObstacle(facts: Facts, query: ReadonlyMap<string, string>): string | null {
  if (facts.status.unfit !== null) return facts.status.unfit
  if (facts.leads) return null
  if (facts.state !== 'running') return `PostgreSQL is ${facts.state}`
  if (facts.status.replicaObstacle !== null) return facts.status.replicaObstacle
  if (facts.replicationState !== 'streaming')
    return `replication state is ${facts.replicationState ?? 'none'}`
  const leaderAt = leaderPosition(facts)
  if (facts.cluster === null && facts.server?.walReceiver?.latestEndLsn == null && !facts.failsafeActive) {
    return 'the position of the leader is unknown: no view of the cluster and none from the WAL receiver'
  }
  const lagText = query.get('lag')
  const asked = lagText === undefined ? null : parseInteger(lagText, 'B')
  const limit: Bytes = asked === null ? facts.settings.maximumLagOnFailover : BigInt(asked)
  const here: Lsn = (query.get('mode') === 'write' ? facts.server?.receiveLsn : facts.server?.replayLsn) ?? 0n
  const lag = (leaderAt ?? 0n) - here
  return lag > limit ? `lag ${lag} exceeds ${limit} bytes` : null
}
