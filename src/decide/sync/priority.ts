// Priority mode (synchronous_mode: on; spec/ha.md 4.4): PostgreSQL waits for every standby that it names, and `/sync` names
// those that have everything. What must hold after each single change:
//
//   a voter is a standby that PostgreSQL waits for, and has caught up with the position at which it began to.
//
// So a name is taken out of `/sync` before PostgreSQL stops waiting for it, and put in after PostgreSQL waits and it has
// caught up.

import type { MemberName } from '../../model/units.ts'
import { common, isSame, type Names } from './names.ts'

export interface PriorityState {
  /** Of `/sync`; null: there is none. */
  readonly leader: MemberName | null
  readonly voters: Names
  /** What PostgreSQL waits for: all of them, if `count` says so. */
  readonly standbys: Names
  readonly count: number
  /** synchronous_standby_names is a list, and not `ANY n (…)`. */
  readonly isList: boolean
}

export interface PriorityGoal {
  readonly me: MemberName
  /** The standbys to wait for, at most synchronous_node_count. */
  readonly picked: Names
  /** Of those: sync for PostgreSQL, and caught up. */
  readonly confirmed: Names
  /** synchronous_mode_strict: no commit without a synchronous standby. */
  readonly strict: boolean
}

export type PriorityStep =
  /** Compare-and-swap of `/sync`; its quorum is 0. */
  | { readonly kind: 'publish'; readonly leader: MemberName; readonly voters: Names; readonly why: string }
  /** synchronous_standby_names; no standby at all and a count: the placeholder that nobody has for a name. */
  | { readonly kind: 'configure'; readonly count: number; readonly standbys: Names; readonly why: string }

/** The next change; null: all is as it should be. After each one the standbys are looked at again. */
export function nextOfPriority(state: PriorityState, goal: PriorityGoal): PriorityStep | null {
  const { me, picked, confirmed, strict } = goal
  const { leader, voters, standbys, count } = state
  const publish = (names: Names, why: string): PriorityStep => ({
    ...{ kind: 'publish', leader: me, voters: names, why },
  })
  if (leader === null) return publish([], 'synchronous mode begins')
  if (leader !== me) return publish([], `it names ${leader} as the leader`)
  if (strict && picked.length === 0) return holdOn(state)
  const sure = common(voters, confirmed)
  if (!isSame(sure, voters)) return publish(sure, 'a voter is not synchronous any more')
  if (!isSame(standbys, picked) || count !== picked.length || !state.isList)
    return {
      kind: 'configure',
      count: picked.length,
      standbys: picked,
      why: 'other standbys are to be waited for',
    }
  return isSame(confirmed, voters)
    ? null
    : publish(confirmed, 'PostgreSQL waits for them, and they have caught up')
}

/** Strict, and nobody streams: commits wait, and the last voters stay the only ones that may be elected (spec/ha.md 4.7). */
function holdOn({ voters, standbys, count, isList }: PriorityState): PriorityStep | null {
  const wanted = Math.max(1, voters.length)
  if (isSame(standbys, voters) && count === wanted && isList) return null
  return {
    kind: 'configure',
    count: wanted,
    standbys: voters,
    why: 'no standby streams, and the mode is strict',
  }
}
