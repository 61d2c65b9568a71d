// Before a promotion in synchronous mode, `/sync` and synchronous_standby_names are made those of the new leader: the first
// commit that it acknowledges must be as safe as all others (spec/ha.md 4.5).

import type { SyncState } from '../../../model/cluster/cluster.ts'
import type { MemberName } from '../../../model/units.ts'
import { formatSyncNames, sameSyncNames } from '../../../wire/sync-names.ts'
import { type ClusterFacts, holdsLease, isStandbyWithLease, outcomeOf, server, tried } from '../../facts.ts'
import { isForced } from '../../lead/request-meaning.ts'
import { releaseUnpromoted, releasing } from '../../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../../rule.ts'
import { notElectable, syncElection } from '../../sync/electable.ts'
import { isSame, type Names, namesOf, without } from '../../sync/names.ts'

const LOOK_AGAIN_MS = 100

export const syncPromotionRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'leader.not-synchronous',
    why: 'a standby that may lack acknowledged commits lets another node lead, unless an operator named it in a failover',
    level: 'warning',
    match: f => isStandbyWithLease(f) && !tried(f.snap, 'release-lease') && !isForced(f) && notElectable(f),
    choose: (f, why) => ({
      reason: `${why}: not promoting; ${releasing(f)}`,
      ...releaseUnpromoted(f),
    }),
  }),
  rule({
    id: 'leader.sync-postponed',
    // spec/ha.md 8.F19
    why: 'somebody else has changed who may lead since this node was elected: it looks again',
    level: 'warning',
    match: f => {
      const outcome = outcomeOf(f.snap, 'publish-sync')
      return isStandbyWithLease(f) && outcome !== null && outcome.kind !== 'done' && outcome
    },
    choose: (_, outcome) => ({
      reason: `Postponing promotion because synchronous replication state was updated by somebody else (${outcome.why})`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'leader.sync-take-over',
    why: 'the new leader is named in the sync key before it accepts a write: nobody else may lead without what it acknowledges',
    log: 'event',
    match: f => (isStandbyWithLease(f) ? stateToPublish(f) : null),
    choose: (f, state) => ({
      reason: `taking over the sync key: leader ${state.leader}, synchronous standbys ${state.standbys.join(', ') || 'none'}`,
      actions: [{ kind: 'publish-sync', state, ifRevision: f.view.sync?.modRevision ?? null }],
    }),
  }),
  rule({
    id: 'leader.sync-names',
    why: 'PostgreSQL waits for the right standbys from its first commit on',
    log: 'event',
    match: f => isStandbyWithLease(f) && !tried(f.snap, 'set-sync-names') && namesToSet(f),
    choose: (_, { value }) => ({
      reason: `Assigning synchronous_standby_names to ${value ?? 'nobody'} before the promotion`,
      actions: [{ kind: 'set-sync-names', value }],
    }),
  }),
  rule({
    id: 'leader.sync-names-failed',
    why: 'a primary that waits for nobody although it has to would acknowledge commits that are on one node only',
    level: 'error',
    match: f => {
      const outcome = outcomeOf(f.snap, 'set-sync-names')
      const wanted = namesToSet(f)
      const isHarmless = wanted === null || wanted.value === null
      if (outcome === null || outcome.kind === 'done' || isHarmless) return null
      return isStandbyWithLease(f) && !tried(f.snap, 'release-lease') && outcome
    },
    choose: (f, outcome) => ({
      reason: `synchronous_standby_names could not be set (${outcome.why}); ${releasing(f)}`,
      ...releaseUnpromoted(f, {
        lastFailure: { job: 'promote', why: outcome.why, atMs: f.snap.nowMs },
      }),
    }),
  }),
]

/** Priority mode: strict keeps the others, so that no commit is on one node only. In quorum mode it stays. */
function stateToPublish({ snap, view }: ClusterFacts): SyncState | null {
  const { synchronousMode } = snap.settings
  if (synchronousMode !== 'on' || !holdsLease(snap)) return null
  const me = snap.self.name
  const now = view.sync?.value ?? null
  const standbys = snap.settings.synchronousStrict ? othersIn(now, me) : []
  const isSo = now?.leader === me && now.quorum === 0 && isSame(namesOf(now.standbys), standbys)
  return isSo ? null : { leader: me, quorum: 0, standbys }
}

function othersIn(state: SyncState | null, me: MemberName): Names {
  if (state === null) return []
  return without(namesOf([...(state.leader === null ? [] : [state.leader]), ...state.standbys]), [me])
}

/** null: what is in force is right. A value of null: nobody is waited for. */
function namesToSet(facts: ClusterFacts): { readonly value: string | null } | null {
  const { snap, view } = facts
  const { synchronousMode, synchronousStrict } = snap.settings
  const inForce = server(snap)?.synchronous?.standbyNames
  const { syncFile } = snap.postgres
  if (synchronousMode === 'off' || inForce === undefined) return null
  const value =
    synchronousMode === 'on'
      ? priorityNames(othersIn(view.sync?.value ?? null, snap.self.name), synchronousStrict)
      : quorumNames(facts)
  const isWritten = syncFile?.known === true && sameSyncNames(syncFile.value ?? '', value ?? '')
  return isWritten && sameSyncNames(inForce, value ?? '') ? null : { value }
}

function priorityNames(others: Names, strict: boolean): string | null {
  return strict ? formatSyncNames('priority', Math.max(1, others.length), others) : null
}

/** Every set that can acknowledge a commit has a node in common with every set that could elect, by `/sync` as it is. */
function quorumNames(facts: ClusterFacts): string | null {
  const me = facts.snap.self.name
  const election = syncElection(facts)
  const minimum = facts.snap.settings.synchronousStrict ? 1 : 0
  if (election === null) return formatSyncNames('quorum', minimum, [])
  const others = without(election.voters, [me])
  const isVoter = others.length < election.voters.length
  const count = Math.max(election.voters.length - election.quorum - (isVoter ? 1 : 0), minimum)
  return count === 0 ? null : formatSyncNames('quorum', Math.min(count, Math.max(others.length, 1)), others)
}
