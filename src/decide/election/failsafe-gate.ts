// Failsafe mode on the side of the other members: may this standby lead, or does a primary go on that cannot reach the
// store and whose leader key has expired (spec/ha.md 5.3, 5.4)?

import type { Member } from '../../model/cluster/cluster.ts'
import type { FailsafePromise } from '../../model/cluster/failsafe.ts'
import type { PeerView } from '../../model/cluster/peer.ts'
import { isNewer } from '../../model/revision.ts'
import type { Seen } from '../../model/seen.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { type ClusterFacts, type Facts, runsAsPrimary } from '../facts.ts'

/**
 * Members that only the `failsafe` key names, because their member keys have expired: a race asks them too, as long as one
 * of them may go on by promises.
 */
export function onlyInFailsafe(facts: ClusterFacts, known: readonly Member[]): readonly Member[] {
  const { view, snap } = facts
  if (view.failsafe === null || !someoneMayGoOn(facts)) return []
  const { value, modRevision } = view.failsafe
  const names = new Set([snap.self.name, ...known.map(({ name }) => name)])
  return Object.entries(value).flatMap(([name, apiUrl]) =>
    names.has(name) ? [] : [{ name, leaseId: null, modRevision, record: { ...UNKNOWN, apiUrl } }],
  )
}

/** The mode is on, or was a moment ago: a leader that is cut off has not heard that it is off. */
function someoneMayGoOn({ snap }: Facts): boolean {
  return (snap.promises?.offUntilMs ?? (snap.settings.failsafeMode ? Infinity : 0)) > snap.nowMs
}

const UNKNOWN = { connUrl: null, state: '', role: '', version: null, tags: {}, extra: {} } as const

/** The promise that this node made and that still binds it; null: none. */
export function bindingPromise(facts: Facts): FailsafePromise | null {
  const { snap } = facts
  const last = snap.promises?.last ?? null
  if (last === null || last.untilMs <= snap.nowMs || runsAsPrimary(facts)) return null
  return isDown(snap.peers?.get(last.name), last) || lastToRelease(facts) === last.name ? null : last
}

/**
 * It has answered since, and neither is a primary nor calls itself the leader: it does not go on, and cannot come back
 * without the store.
 */
function isDown(answer: Seen<PeerView> | undefined, { atMs }: FailsafePromise): boolean {
  if (answer?.known !== true || answer.atMs < atMs) return false
  return !answer.value.runsAsPrimary && answer.value.formerMayWrite !== true
}

/**
 * The last leader, if it stopped its server and released the leader key in good order: it goes on without the store no
 * longer. Patroni leaves no such note: only a leader that this process has seen in etcd counts.
 */
function lastToRelease({ snap, memory }: Facts): MemberName | null {
  if (!snap.cluster.known || memory.lastLeaderRevision === null) return null
  const { leader, lastLeader } = snap.cluster.value
  if (leader !== null || lastLeader === null || lastLeader.value !== null) return null
  return isNewer(memory.lastLeaderRevision, lastLeader.modRevision) ? null : memory.lastLeader
}

/**
 * An earlier run of this agent, which ended before this one began, may have promised not to lead: for how long still, and
 * to which member that does not answer; null: it need not be waited for.
 */
export function forgottenPromise(
  facts: ClusterFacts,
  others: readonly Member[],
): { readonly forMs: Millis; readonly silent: readonly MemberName[] } | null {
  const { snap, view } = facts
  const forMs = (snap.promises?.earlierUntilMs ?? 0) - snap.nowMs
  if (forMs <= 0 || runsAsPrimary(facts) || lastToRelease(facts) !== null) return null
  const isSilent = ({ name }: Member): boolean => {
    const answer = snap.peers?.get(name)
    return answer?.known !== true || answer.value.formerMayWrite === true
  }
  const silent = others.filter(isSilent).map(({ name }) => name)
  // Without the key it is not known who might have asked. But who never had the mode has no key either.
  if (view.failsafe === null && !snap.settings.failsafeMode) return null
  return silent.length > 0 || view.failsafe === null ? { forMs, silent } : null
}

/**
 * The leader has not counted on this node: it joined after the leader last reached the store, or came from a backup
 * meanwhile (8.W5). null: it has, or nobody can go on by a failsafe that does not name this node.
 */
export function notCountedOn({ snap, view }: ClusterFacts): { readonly forMs: Millis | null } | null {
  const members = view.failsafe?.value ?? null
  if (members === null || Object.keys(members).length === 0 || Object.hasOwn(members, snap.self.name))
    return null
  if (snap.settings.failsafeMode) return { forMs: null }
  // A leader that is cut off has not heard that the mode is off, but the members that it asks have.
  const forMs = (snap.promises?.offUntilMs ?? snap.nowMs + snap.settings.ttlMs) - snap.nowMs
  return forMs > 0 ? { forMs } : null
}
