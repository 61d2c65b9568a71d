// What starts a beat besides the timer: changes in etcd that a node has to act on, and the end of PostgreSQL or of its
// recovery.

import type { Postgres, RecoveryEnd } from '../ports/postgres.ts'
import type { Store } from '../ports/store.ts'
import {
  CONFIG,
  drainKey,
  FAILOVER,
  INITIALIZE,
  LEADER,
  memberKey,
  memberNameOf,
  SYNC,
} from '../wire/keys.ts'
import type { Loop } from './loop.ts'

interface WakeUps {
  readonly store: Store
  /** A simulated server reports only its exit. */
  readonly postgres: Postgres & Partial<RecoveryEnd>
  readonly loop: Pick<Loop, 'wake'>
  readonly name: string
}

/** Keys whose change concerns every node; `status` changes all the time and is urgent for none. */
const KEYS: readonly string[] = [LEADER, FAILOVER, CONFIG, INITIALIZE, SYNC]

export function wakeOnChange({ store, postgres, loop, name }: WakeUps): void {
  const known = new Set<string>()
  store.onChange(keys => {
    const concerning =
      keys.find(key => KEYS.includes(key) || key === drainKey(name)) ??
      leadersKey(keys, store, name) ??
      newcomersKey(keys, known)
    if (concerning !== undefined) loop.wake(`${concerning} changed`)
    else if (keys.length === 0) loop.wake('the watch changed its state')
  })
  postgres.onExit(() => loop.wake('PostgreSQL exited'))
  // A promotion by hand counts too: from then on the server accepts writes that no rule has seen yet.
  postgres.onLeftRecovery?.(() => loop.wake('PostgreSQL left recovery'))
}

/** Standbys wait for the leader to become primary and to finish its checkpoint: both show in its member key. */
function leadersKey(keys: readonly string[], store: Store, name: string): string | undefined {
  // `status` changes all the time, and a view that nobody needs yet is not put together for it.
  if (!keys.some(key => memberNameOf(key) !== null)) return undefined
  const view = store.view()
  const leader = view.known ? view.value.leader?.name : undefined
  return leader === undefined || leader === name ? undefined : keys.find(key => key === memberKey(leader))
}

/** A member that joins needs its slot before its copy is done, not a loop later. */
function newcomersKey(keys: readonly string[], known: Set<string>): string | undefined {
  const fresh = keys.filter(key => memberNameOf(key) !== null && !known.has(key))
  for (const key of fresh) known.add(key)
  return fresh[0]
}
