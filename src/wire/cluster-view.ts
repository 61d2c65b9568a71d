// Puts the raw keys of a cluster together as a ClusterView. Each value is parsed once, however often a view is asked
// for.

import type { ClusterStatus, ClusterView, UnreadableKey, Versioned } from '../model/cluster/cluster.ts'
import type { MemberName, Revision } from '../model/units.ts'
import { drainsOf } from './drain-record.ts'
import { type Entry, once } from './entry.ts'
import { parseFailsafe } from './failsafe/key.ts'
import {
  CONFIG,
  FAILOVER,
  FAILSAFE,
  GUARD,
  HISTORY,
  INITIALIZE,
  LAST_LEADER,
  LEADER,
  LEGACY_STATUS,
  PROMOTIONS,
  STATUS,
  SYNC,
  TAKEOVERS,
} from './keys.ts'
import { parseGuard } from './own-keys/guard-record.ts'
import { parsePromotions } from './own-keys/promotions-record.ts'
import { parseTakeovers } from './own-keys/takeover-record.ts'
import {
  parseConfig,
  parseFailover,
  parseHistory,
  parseInitialize,
  parseLeader,
  parseStatus,
  parseSync,
  whyUnreadableFailover,
} from './records.ts'
import { membersOf, refusedOf } from './view-members.ts'

export type { Entry } from './entry.ts'

/**
 * `entries` by relative key name. Unknown keys are ignored. `self` is the member that asks; null: no member does.
 * `unread`: keys below `members/` that are there but not in `entries`.
 */
export function clusterView(
  entries: ReadonlyMap<string, Entry>,
  revision: Revision,
  source: 'read' | 'watch',
  self: MemberName | null = null,
  unread = 0,
): ClusterView {
  return {
    revision,
    source,
    initialize: initializeOf(entries.get(INITIALIZE)),
    config: versioned(entries.get(CONFIG), parseConfig),
    leader: leaderOf(entries.get(LEADER)),
    lastLeader: versioned(entries.get(LAST_LEADER), parseLeader),
    guard: presentOnly(versioned(entries.get(GUARD), parseGuard)),
    ...membersOf(entries, self, unread),
    status: statusOf(entries),
    failover: presentOnly(versioned(entries.get(FAILOVER), parseFailover)),
    history: presentOnly(versioned(entries.get(HISTORY), parseHistory)),
    takeovers: versioned(entries.get(TAKEOVERS), parseTakeovers),
    promotions: presentOnly(versioned(entries.get(PROMOTIONS), parsePromotions)),
    sync: versioned(entries.get(SYNC), parseSync),
    failsafe: presentOnly(versioned(entries.get(FAILSAFE), parseFailsafe)),
    unreadable: unreadableOf(entries.get(FAILOVER)),
    drains: drainsOf(entries),
    ...refusedOf(entries),
  }
}

function versioned<T>(entry: Entry | undefined, parse: (text: string) => T): Versioned<T> | null {
  return entry === undefined ? null : { value: once(entry, parse), modRevision: entry.modRevision }
}

function presentOnly<T>(item: Versioned<T | null> | null): Versioned<T> | null {
  return item === null || item.value === null ? null : { value: item.value, modRevision: item.modRevision }
}

/** A request that nobody understands must not vanish without a word. */
function unreadableOf(failover: Entry | undefined): readonly UnreadableKey[] {
  if (failover === undefined || once(failover, parseFailover) !== null) return []
  const why = whyUnreadableFailover(failover.text)
  return why === null ? [] : [{ key: FAILOVER, modRevision: failover.modRevision, why }]
}

function initializeOf(entry: Entry | undefined): ClusterView['initialize'] {
  const key = versioned(entry, parseInitialize)
  return key === null || entry === undefined ? null : { ...key, leaseId: entry.leaseId }
}

function leaderOf(entry: Entry | undefined): ClusterView['leader'] {
  const name = entry === undefined ? null : once(entry, parseLeader)
  if (entry === undefined || name === null) return null
  return { name, leaseId: entry.leaseId, modRevision: entry.modRevision }
}

// `status` wins over `optime/leader`, which only members older than 2.1 need.
function statusOf(entries: ReadonlyMap<string, Entry>): Versioned<ClusterStatus> | null {
  return versioned(entries.get(STATUS) ?? entries.get(LEGACY_STATUS), parseStatus)
}
