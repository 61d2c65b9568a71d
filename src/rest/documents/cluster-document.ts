// GET /cluster and GET /history: the cluster as etcd has it, with each member's distance from the leader.

import type { ClusterView, Member, MemberRecord } from '../../model/cluster/cluster.ts'
import { formatLsn, type Lsn, type Scope } from '../../model/units.ts'
import { roleInCluster } from '../../wire/cluster-roles.ts'
import { parseConnUrl } from '../../wire/member-urls.ts'
import type { ClusterModes } from '../../wire/modes.ts'
import { type Encodable, encodeJson } from '../../wire/python-json.ts'
import { historyRow } from '../../wire/records.ts'

/** The text of GET /cluster. */
export function clusterDocument(cluster: ClusterView, flags: ClusterModes, scope: Scope): string {
  const failover = cluster.failover?.value ?? null
  return encodeJson({
    members: cluster.members.map(member => memberDocument(cluster, member, flags)),
    pause: flags.paused || undefined,
    scheduled_switchover:
      failover === null || failover.scheduledAt === null
        ? undefined
        : {
            at: failover.scheduledAt.text,
            from: failover.leader ?? undefined,
            to: failover.candidate ?? undefined,
          },
    scope,
  })
}

/** The text of GET /history. */
export function historyDocument(cluster: ClusterView): string {
  return encodeJson((cluster.history?.value ?? []).map(historyRow))
}

function memberDocument(cluster: ClusterView, member: Member, flags: ClusterModes): Encodable {
  const { record } = member
  const leads = cluster.leader?.name === member.name
  const role = roleInCluster(cluster, member.name, flags)
  const streaming = role === 'leader' ? '' : (record.replicationState ?? '')
  return {
    name: member.name,
    role,
    state: streaming === '' ? record.state : streaming,
    api_url: record.apiUrl,
    ...parseConnUrl(record.connUrl),
    timeline: record.timeline,
    pending_restart: record.pendingRestart,
    pending_restart_reason: record.pendingRestartReason,
    scheduled_restart: record.scheduledRestart,
    tags: Object.keys(record.tags).length > 0 ? record.tags : undefined,
    ...(leads ? {} : distances(record, cluster.status?.value.optime ?? null)),
  }
}

function distances(record: MemberRecord, leaderAt: Lsn | null): { readonly [key: string]: Encodable } {
  return {
    ...distance('receive_lag', 'receive_lsn', record.receiveLsn, leaderAt),
    ...distance('replay_lag', 'replay_lsn', record.replayLsn, leaderAt),
    ...distance('lag', 'lsn', record.xlogLocation, leaderAt),
  }
}

function distance(
  lagKey: string,
  lsnKey: string,
  at: Lsn | undefined,
  leaderAt: Lsn | null,
): { readonly [key: string]: Encodable } {
  if (at === undefined || at === 0n) return { [lsnKey]: 'unknown', [lagKey]: 'unknown' }
  const lag = (leaderAt ?? 0n) - at
  return { [lagKey]: lag > 0n ? lag : 0n, [lsnKey]: formatLsn(at) }
}
