// A leader fell silent in maintenance mode: nothing stops its server when its lease ends, so the end of the lease does
// not prove that the server has stopped. That mode may have ended meanwhile without the leader noticing. A hactl leader
// notes in etcd whether it is guarded; for Patroni and older versions of hactl, the member key and the time of the last
// configuration change must do.

import type { Member } from '../../../../model/cluster/cluster.ts'
import { guardOf } from '../../../../model/cluster/guard.ts'
import { isNewer } from '../../../../model/revision.ts'
import type { MemberName, Revision } from '../../../../model/units.ts'
import { otherMembers } from '../../../election/election.ts'
import { awaitInterval } from '../../../election/failover-interval.ts'
import type { ClusterFacts } from '../../../facts.ts'
import { runsAsPrimary } from '../../../facts.ts'
import { dueRequest, isForced } from '../../../lead/request-meaning.ts'
import { type Rule, rule } from '../../../rule.ts'
import { LOOK_AGAIN_MS } from './undecided.ts'

const unguardedPrimary: Rule<ClusterFacts> = rule({
  id: 'race.unguarded-primary',
  why: 'in maintenance mode a primary goes on without a lease and without a fencer: until it says that its server is down, nobody is promoted unless an operator names a candidate',
  level: 'warning',
  match: f => !runsAsPrimary(f) && !isForced(f) && mayRunUnguarded(f),
  choose: (f, name) => ({
    reason: `not promoting: ${name} led last, ${isKnown(f, name) ? '' : 'perhaps '}in maintenance mode, in which nothing stops its server, and does not say that it is down. HINT: When it is known to be down: hactl failover --candidate ${f.snap.self.name}`,
    wakeInMs: LOOK_AGAIN_MS,
  }),
})

/** Nobody is promoted unless an operator names a candidate. */
export const operatorsWordRules: readonly Rule<ClusterFacts>[] = [unguardedPrimary, awaitInterval]

/**
 * The last leader, if its server may run unguarded; null: it released the lease, says it is no primary, or was guarded.
 */
function mayRunUnguarded(facts: ClusterFacts): string | null {
  const { snap } = facts
  const last = lastToLead(facts)
  const { name, isRecorded } = last
  if (name === null || name === snap.self.name || dueRequest(facts)?.note?.begunBy === name) return null
  if (!mayHaveGoneUnguarded(facts, { ...last, name })) return null
  const answer = snap.peers?.get(name)
  if (answer?.known === true) return answer.value.formerMayWrite === true ? name : null
  const isMember = otherMembers(facts).some(member => member.name === name)
  return isMember || isRecorded ? name : null
}

/** Decided by the leader's own note, or by the pause in its member key if that still exists. */
function mayHaveGoneUnguarded(
  facts: ClusterFacts,
  { name, revision, isRecorded }: LastToLead & { readonly name: MemberName },
): boolean {
  const { snap, view } = facts
  const seen = lastSeen(facts, name)
  if (seen?.record.pause === true) return true
  const guarded = guardOf(view, name)
  if (guarded === 'no') return true
  // The note does not count for a leader that came after it and writes none.
  if (guarded === 'yes' && !isNewer(revision, view.guard?.modRevision ?? null)) return false
  return snap.settings.paused || (seen === null && isRecorded && wasReconfigured(facts, revision))
}

interface LastToLead {
  readonly name: MemberName | null
  /** The last revision at which it is known to have led; null: none. */
  readonly revision: Revision | null
  /** Known from etcd, not only from the memory of this process. */
  readonly isRecorded: boolean
}

/**
 * The newest of three: the record of hactl's leaders, the history, which Patroni writes too, and this process's memory.
 */
function lastToLead({ memory, view }: ClusterFacts): LastToLead {
  const { lastLeader: record, history } = view
  const seen = { name: memory.lastLeader, revision: memory.lastLeaderRevision, isRecorded: false }
  const recorded =
    record === null || isNewer(seen.revision, record.modRevision)
      ? seen
      : { name: record.value, revision: record.modRevision, isRecorded: true }
  const began = history?.value.at(-1)?.leader ?? null
  // A leader writes its history line after its record.
  if (history === null || began === null || began === recorded.name) return recorded
  const { modRevision } = history
  return isNewer(modRevision, recorded.revision) && isNewer(modRevision, record?.modRevision ?? null)
    ? { name: began, revision: modRevision, isRecorded: true }
    : recorded
}

/** It is known, from its member key or its own note, that it led in maintenance mode. */
function isKnown(facts: ClusterFacts, name: MemberName): boolean {
  return lastSeen(facts, name) !== null || guardOf(facts.view, name) === 'no'
}

function lastSeen({ memory, view }: ClusterFacts, name: MemberName): Member | null {
  return [...view.members, ...memory.lastMembers].find(member => member.name === name) ?? null
}

/** The configuration changed after it took the leader key: maintenance mode may have been on in between. */
function wasReconfigured({ view }: ClusterFacts, since: Revision | null): boolean {
  return isNewer(view.config?.modRevision ?? null, since)
}
