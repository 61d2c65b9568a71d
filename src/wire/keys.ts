// Names of the keys of a cluster, relative to `/<namespace>/<scope>/`.

import type { MemberName } from '../model/units.ts'
import { nameOrNull, printableNameOrNull } from './fields.ts'

export const LEADER = 'leader'
export const INITIALIZE = 'initialize'
export const CONFIG = 'config'
export const STATUS = 'status'
/** Members older than 2.1 have this instead of `status`. */
export const LEGACY_STATUS = 'optime/leader'
export const FAILOVER = 'failover'
export const HISTORY = 'history'
export const SYNC = 'sync'
export const FAILSAFE = 'failsafe'
const MEMBERS = 'members/'

/** A key of hactl's own, ignored by Patroni: who took the leader key last; empty once given up. On no lease. */
export const LAST_LEADER = 'hactl/last_leader'

const DRAINS = 'hactl/drain/'

/** A key of hactl's own for each member that `hactl drain` drained. On no lease. */
export function drainKey(member: string): string {
  return `${DRAINS}${member}`
}

export function drainedMemberOf(relativeKey: string): string | null {
  return nameBelow(DRAINS, relativeKey)
}

/** A key of hactl's own beside Patroni's `history`: why the leadership changed hands. On no lease. */
export const TAKEOVERS = 'hactl/history'

/** A key of hactl's own: the timeline numbers that were handed out. On no lease. */
export const PROMOTIONS = 'hactl/promotions'

/** A key of hactl's own: whether something would stop the leader's server when its lease ends. On no lease. */
export const GUARD = 'hactl/guard'

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  ...[INITIALIZE, CONFIG, LEADER, STATUS, LEGACY_STATUS, FAILOVER, HISTORY, SYNC, FAILSAFE],
  LAST_LEADER,
  TAKEOVERS,
  PROMOTIONS,
  GUARD,
])

/** Does a ClusterView show the key? Other keys are not even kept. */
export function isKnownKey(relativeKey: string): boolean {
  return (
    KNOWN_KEYS.has(relativeKey) ||
    memberNameOf(relativeKey) !== null ||
    isRefusedMember(relativeKey) ||
    drainedMemberOf(relativeKey) !== null
  )
}

export function memberKey(member: MemberName): string {
  return `${MEMBERS}${member}`
}

/**
 * The member name of a relative key `members/<name>`; null for any other key, and for names longer than 255 characters
 * or with control characters.
 */
export function memberNameOf(relativeKey: string): string | null {
  return nameBelow(MEMBERS, relativeKey)
}

/** A key `members/<name>` that is no member for the control characters in it: not passed over without a word. */
export function isRefusedMember(relativeKey: string): boolean {
  if (memberNameOf(relativeKey) !== null || !relativeKey.startsWith(MEMBERS)) return false
  return nameOrNull(relativeKey.slice(MEMBERS.length)) !== null
}

function nameBelow(folder: string, relativeKey: string): MemberName | null {
  return relativeKey.startsWith(folder) ? printableNameOrNull(relativeKey.slice(folder.length)) : null
}
