// A server that an earlier run of this agent may have left behind. A data directory that is empty, renamed, unmounted or
// replaced does not prove that no server runs. While such a server may accept writes, the leader key is not released: it goes
// when the server is known to be dead, or it expires, and the earlier agent's fencer acts before that.

import type { ClusterView } from '../../model/cluster/cluster.ts'
import { leaseTtlOf } from '../../model/cluster/lease-ttl.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { Orphan } from '../../model/server/postgres.ts'
import { wordsOf } from '../../model/store-words.ts'
import {
  type Facts,
  failedLately,
  hangsOnOwnLease,
  holdsLease,
  isRunning,
  namedLeader,
  seconds,
} from '../facts.ts'
import { type Choice, type Rule, rule } from '../rule.ts'

/** A failed stop of an orphan is tried again after this. */
const STOP_AGAIN_MS = 5000
const LOOK_AGAIN_MS = 1000

export function orphans({ snap }: Facts): readonly Orphan[] {
  const { orphans: found } = snap.postgres.former
  return found.known ? found.value : []
}

/**
 * A server of this node outside its data directory may accept writes. If no record says which server ran last, the one that
 * runs in the directory counts as that server; if none runs there, a former one may still run.
 */
export function formerMayWrite({ snap }: Facts): boolean {
  const { orphans: found } = snap.postgres.former
  return found.known ? found.value.length > 0 : !isRunning(snap)
}

/** The data directory is known not to hold the data that the last server of this node worked on. */
export function isOtherData({ snap }: Facts): boolean {
  const { sameData } = snap.postgres.former
  return sameData.known && !sameData.value
}

/** Why the local data is not known to be the data that this node led with; null: it is that data. */
export function whyOtherData({ snap }: Facts): string | null {
  const { sameData } = snap.postgres.former
  if (!sameData.known) return `whether it is the data that this node led with is not known: ${sameData.why}`
  return sameData.value ? null : 'it is not the data that this node led with'
}

/** The running server works in another directory than the configured one; null: it does not, or that is not known. */
export function whyOutside({ snap }: Facts): string | null {
  const { runsOutside } = snap.postgres.former
  if (!runsOutside.known || runsOutside.value === null) return null
  return `PostgreSQL works in ${runsOutside.value}, and something else was put in the place of its data directory`
}

export function mayStopOrphans(facts: Facts): boolean {
  return orphans(facts).length > 0 && !failedLately(facts, ['stop-orphans'], STOP_AGAIN_MS)
}

export function stopOrphans(facts: Facts): Choice {
  return {
    reason: `${describeOrphans(facts)} may still accept writes; stopping it before anything else`,
    actions: [{ kind: 'begin', job: { kind: 'stop-orphans' } }],
    next: 'settled',
  }
}

/** No node renews the lease of an earlier run, so it ends. `situation`: one in which no server runs in the directory. */
export function leaveToExpire(situation: string): Rule<Facts> {
  return rule({
    id: `${situation}.leave-to-expire`,
    why: 'a server that may still write keeps the leader key: the fencer of its agent stops it before the lease ends, and only then may another node lead',
    level: 'warning',
    match: f => formerMayWrite(f) && keepsKey(f),
    choose: f => ({
      reason: `${whyFormer(f)}; ${expiry(f)}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  })
}

/** The leader key holds this node's name in etcd, or did when the lease was proved. */
export function keepsKey(facts: Facts): boolean {
  return holdsLease(facts.snap) || namedLeader(facts)
}

export function whyFormer(facts: Facts): string {
  const { orphans: found } = facts.snap.postgres.former
  if (!found.known) return `whether a former server of this node still runs is not known (${found.why})`
  const failure = facts.memory.lastFailure
  const why = failure?.job === 'stop-orphans' ? ` (${failure.why})` : ''
  return `${describeOrphans(facts)} could not be stopped${why}`
}

export function describeOrphans(facts: Facts): string {
  const found = orphans(facts)
  const first = found[0]
  if (first === undefined) return 'a former server of this node'
  const others = found.length > 1 ? ` and ${found.length - 1} more processes` : ''
  return `a former server of this node (pid ${first.pid}${others}, in ${first.directory})`
}

/** Keeps the ttl of an earlier run's lease, before this run's own member key, on another lease, replaces that run's. */
export function rememberFoundKey(memory: Memory, { leader, members }: ClusterView, snap: Snapshot): Memory {
  const isFound = leader?.name === snap.self.name && !hangsOnOwnLease(leader, snap)
  const beside = members.find(({ name, leaseId }) => name === leader?.name && leaseId === leader.leaseId)
  const published = beside === undefined ? memory.foundKeyTtl : leaseTtlOf(beside.record)
  const foundKeyTtl = isFound ? published : null
  return foundKeyTtl === memory.foundKeyTtl ? memory : { ...memory, foundKeyTtl }
}

function expiry({ memory, snap }: Facts): string {
  const ttlMs = memory.foundKeyTtl ?? snap.settings.ttlMs
  const endsMs = Math.max(snap.startedAtMs + ttlMs, snap.lease.leaderUntilMs)
  const left = 'the leader key holds my name and is left to expire'
  if (endsMs > snap.nowMs) return `${left}, in ${seconds(endsMs - snap.nowMs)} at most`
  const { keyPrefix = '/<namespace>/<scope>/', store } = snap.self
  return `${left}, which was due ${seconds(snap.nowMs - endsMs)} ago. HINT: Somebody keeps it, or it has no lease; if no PostgreSQL and no other agent of this name runs: ${wordsOf(store).deleteKey(`${keyPrefix}leader`)}`
}
