// The verdict of a health check: 200 or 503. Which check is meant is found by substring in the path, first match wins,
// because twenty years of load balancer configurations rely on it (spec/interfaces.md 1.4).

import type { Json } from '../../model/cluster/cluster.ts'
import { parseInteger, pythonText } from '../../model/settings/values.ts'
import { type Facts, leaderPosition } from '../documents/request-facts.ts'
import type { Target } from '../request/target.ts'

interface LeaderVerdict {
  readonly leader: boolean
  readonly primary: boolean
  readonly standbyLeader: boolean
  /** The leader of a standby cluster never counts as a replica. */
  readonly barsReplica: boolean
}

const NOT_LEADER: LeaderVerdict = { leader: false, primary: false, standbyLeader: false, barsReplica: false }

/** 200 or 503 for GET, HEAD and OPTIONS on any path without an endpoint of its own. */
export function healthStatus(facts: Facts, target: Target): 200 | 503 {
  const leader = leaderVerdict(facts)
  const path = target.path === '/' ? '/primary' : target.path
  const byRole = leaderCheck(path, leader)
  if (byRole !== null) return byRole ? 200 : 503
  return replicaCheck(path, facts, target.query, leader) && tagsMatch(facts, target.query) ? 200 : 503
}

function leaderVerdict(facts: Facts): LeaderVerdict {
  const { role } = facts
  if (facts.cluster === null && facts.status.paused) {
    const primary = role === 'primary'
    const standbyLeader = role === 'standby_leader'
    return { leader: primary || standbyLeader, primary, standbyLeader, barsReplica: false }
  }
  // Holding the lease helps no client whose server hangs.
  if (!facts.leads || facts.status.unfit !== null) return NOT_LEADER
  // This version never makes a primary a standby leader: load balancers must find the node that accepts writes,
  // whatever /config says.
  if (!facts.settings.standbyCluster || role === 'primary')
    return { leader: true, primary: true, standbyLeader: false, barsReplica: false }
  const standbyLeader = role === 'replica' || role === 'standby_leader'
  return { leader: true, primary: false, standbyLeader, barsReplica: true }
}

/** The checks that look at the lease only; null: not one of them. */
function leaderCheck(path: string, verdict: LeaderVerdict): boolean | null {
  if (path.includes('standby_leader') || path.includes('standby-leader')) return verdict.standbyLeader
  if (path.includes('leader')) return verdict.leader
  if (path.includes('master') || path.includes('primary') || path.includes('read-write'))
    return verdict.primary
  return null
}

/** The checks to which tags apply. Without a view of the cluster nobody knows who is synchronous. */
function replicaCheck(
  path: string,
  facts: Facts,
  query: ReadonlyMap<string, string>,
  leader: LeaderVerdict,
): boolean {
  const replica = !leader.barsReplica && isUsableReplica(facts, query)
  const leads = leader.primary || leader.standbyLeader
  if (path.includes('replica')) return replica
  if (path.includes('read-only') && !path.includes('sync') && !path.includes('quorum'))
    return leads || replica
  if (path.includes('health')) return facts.state === 'running'
  if (facts.cluster === null) return false
  switch (path) {
    case '/sync':
    case '/synchronous':
      return replica && facts.syncDuty === 'sync_standby'
    case '/quorum':
      return replica && facts.syncDuty === 'quorum_standby'
    case '/async':
    case '/asynchronous':
      return replica && facts.syncDuty === null
    case '/read-only-quorum':
      return leads || (replica && facts.syncDuty === 'quorum_standby')
    case '/read-only-sync':
    case '/read-only-synchronous':
      return leads || (replica && facts.syncDuty === 'sync_standby')
    default:
      return false
  }
}

function isUsableReplica(facts: Facts, query: ReadonlyMap<string, string>): boolean {
  if (facts.status.noloadbalance || facts.role !== 'replica' || facts.state !== 'running') return false
  if (facts.status.replicaObstacle !== null || facts.status.unfit !== null) return false
  const wanted = query.get('replication_state')
  if (wanted !== undefined && wanted !== facts.replicationState) return false
  return !isLagging(facts, query.get('lag'))
}

function isLagging(facts: Facts, lag: string | undefined): boolean {
  const limit = lag === undefined ? null : parseInteger(lag, 'B')
  const leaderAt = leaderPosition(facts)
  if (limit === null || leaderAt === null || leaderAt === 0n) return false
  return leaderAt > (facts.server?.replayLsn ?? 0n) + BigInt(limit)
}

/** Each `tag_<key>=<value>` must name a configured tag of that value; other types are compared as lower-case text. */
function tagsMatch(facts: Facts, query: ReadonlyMap<string, string>): boolean {
  for (const [key, value] of query) {
    if (!key.startsWith('tag_')) continue
    const name = key.slice('tag_'.length)
    const tag = Object.hasOwn(facts.status.configuredTags, name)
      ? facts.status.configuredTags[name]
      : undefined
    if (tag === undefined || tagText(tag) !== value) return false
  }
  return true
}

function tagText(tag: Json): string {
  return typeof tag === 'string' ? tag : pythonText(tag).toLowerCase()
}
