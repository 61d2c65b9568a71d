// Names of the keys of a cluster, relative to `/<namespace>/<scope>/`.

import type { MemberName } from '../model/units.ts'
import { NAME_LENGTH_MAX, printableNameOrNull } from './fields.ts'

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
export const MEMBERS = 'members/'

/** A key of hactl's own, ignored by Patroni: who took the leader key last; empty once given up. On no lease. */
export const LAST_LEADER = 'hactl/last_leader'

export const DRAINS = 'hactl/drain/'

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

/** All that a ClusterView is made of, but for the keys of single members below `members/` and `hactl/drain/`. */
export const SINGLE_KEYS: ReadonlySet<string> = new Set([
  ...[INITIALIZE, CONFIG, LEADER, STATUS, LEGACY_STATUS, FAILOVER, HISTORY, SYNC, FAILSAFE],
  LAST_LEADER,
  TAKEOVERS,
  PROMOTIONS,
  GUARD,
])

/** The name of a key may have a megabyte. */
const REFUSED_LENGTH_MAX = 1000

/** Does a ClusterView show the key? Other keys are not even kept. */
export function isKnownKey(relativeKey: string): boolean {
  return (
    SINGLE_KEYS.has(relativeKey) ||
    memberNameOf(relativeKey) !== null ||
    (whyNoMember(relativeKey) !== null && relativeKey.length <= REFUSED_LENGTH_MAX) ||
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

/** For a key `members/<name>` that is no member: what is wrong with its name, as a clause. null: nothing, or another key. */
export function whyNoMember(relativeKey: string): string | null {
  if (!relativeKey.startsWith(MEMBERS) || memberNameOf(relativeKey) !== null) return null
  const name = relativeKey.slice(MEMBERS.length)
  if (name === '') return 'it has no name'
  if (name.length > NAME_LENGTH_MAX) return `its name has more than ${NAME_LENGTH_MAX} characters`
  return name.includes('/') ? 'a slash is in its name' : 'a control character is in its name'
}

function nameBelow(folder: string, relativeKey: string): MemberName | null {
  return relativeKey.startsWith(folder) ? printableNameOrNull(relativeKey.slice(folder.length)) : null
}
