// The duties of a primary in synchronous mode: `/sync` and synchronous_standby_names follow the standbys that stream
// (spec/ha.md 4.4, 4.6, 4.7). A change that fails leaves everything as it is until the next look, and holds up nothing else.

import type { SyncState } from '../../../model/cluster/cluster.ts'
import type { Revision } from '../../../model/units.ts'
import { type ClusterFacts, holdsLease, outcomeOf, server } from '../../facts.ts'
import { isFenced } from '../../lead/fencing.ts'
import { type Rule, rule } from '../../rule.ts'
import { commitsWait, nextSyncStep, notYetSynchronous, type SyncStep } from '../../sync/next-step.ts'

/** Far more than a change of any size takes. */
const STEPS_MAX = 12
/** Until a standby that was just added has caught up. */
const CATCH_UP_PACE_MS = 250
/** A synchronous standby that is gone holds up every commit: nothing tells, so the primary looks this often. */
const LOOK_PACE_MS = 1000

type Place = 'leader' | 'paused'

export function syncRules(place: Place): readonly Rule<ClusterFacts>[] {
  return [
    rule({
      id: `${place}.sync-off`,
      why: 'synchronous mode is off: any standby may lead again, before PostgreSQL stops waiting for some of them',
      log: 'event',
      match: f => (mayStep(f) ? keyWhileOff(f) : null),
      choose: (_, { modRevision }) => ({
        reason: 'Disabled synchronous replication: deleting the sync key',
        actions: [{ kind: 'publish-sync', state: null, ifRevision: modRevision }],
      }),
    }),
    rule({
      id: `${place}.sync-names-off`,
      why: "synchronous mode is off: an operator's own synchronous_standby_names counts again",
      log: 'event',
      match: f => mayStep(f) && namesWhileOff(f),
      choose: () => ({
        reason: 'PostgreSQL need not wait for the synchronous standbys any more',
        actions: [{ kind: 'set-sync-names', value: null }],
      }),
    }),
    rule({
      id: `${place}.sync-publish`,
      why: 'who may lead has everything that was acknowledged: a standby is named in etcd after PostgreSQL waits for it, and no longer before PostgreSQL stops to',
      log: 'event',
      match: f => (mayStep(f) ? stepOf(f, 'publish') : null),
      choose: (f, { state, why }) => ({
        reason: `synchronous standbys in the sync key: ${named(state)} (${why})`,
        actions: [{ kind: 'publish-sync', state, ifRevision: revisionOf(f) }],
      }),
    }),
    rule({
      id: `${place}.sync-configure`,
      why: 'PostgreSQL waits for the standbys that stream and may be waited for',
      log: 'event',
      match: f => (mayStep(f) ? stepOf(f, 'configure') : null),
      choose: (_, { value, why }) => ({
        reason: `Assigning synchronous_standby_names to ${value ?? 'nobody'}: ${why}`,
        actions: [{ kind: 'set-sync-names', value }],
      }),
    }),
  ]
}

/** After everything else that a leader has to do. */
export function syncWaitRules(place: Place): readonly Rule<ClusterFacts>[] {
  return [
    rule({
      id: `${place}.sync-held-up`,
      why: 'a change that failed is tried again; until then nobody relies on it',
      level: 'warning',
      match: f => (isPrimary(f) ? failure(f) : null),
      choose: (_, why) => ({
        reason: `synchronous replication stays as it is: ${why}`,
        wakeInMs: LOOK_PACE_MS,
      }),
    }),
    rule({
      id: `${place}.sync-nobody`,
      why: 'the operator wants no commit that is on one node only',
      level: 'warning',
      match: f => isPrimary(f) && holdsLease(f.snap) && commitsWait(f),
      choose: () => ({
        reason:
          'No active replication connections from members and synchronous_mode_strict is requested. Commits will be delayed. HINT: bring a standby back, or hactl edit-config -s synchronous_mode_strict=off',
        wakeInMs: LOOK_PACE_MS,
      }),
    }),
    rule({
      id: `${place}.sync-catch-up`,
      why: 'a standby may lead only when it has everything that was acknowledged before PostgreSQL waited for it',
      match: f => (isPrimary(f) && holdsLease(f.snap) ? notYetSynchronous(f) : null),
      choose: (_, names) => ({
        reason: `waiting until ${names.join(', ')} has caught up and can be a synchronous standby`,
        wakeInMs: CATCH_UP_PACE_MS,
      }),
    }),
  ]
}

/** In synchronous mode a leader looks more often; undefined: as ever. */
export function syncLook({ snap }: ClusterFacts): { readonly wakeInMs?: number } {
  const { synchronousMode, loopWaitMs } = snap.settings
  return synchronousMode === 'off' ? {} : { wakeInMs: Math.min(LOOK_PACE_MS, loopWaitMs) }
}

function stepOf<K extends SyncStep['kind']>(
  facts: ClusterFacts,
  kind: K,
): Extract<SyncStep, { readonly kind: K }> | null {
  const step = nextSyncStep(facts)
  return step?.kind === kind ? (step as Extract<SyncStep, { readonly kind: K }>) : null
}

function isPrimary({ snap }: ClusterFacts): boolean {
  return server(snap)?.inRecovery === false && snap.work === null
}

/** A leader whose last change came about. */
function mayStep(facts: ClusterFacts): boolean {
  const { snap } = facts
  const steps = snap.outcomes.filter(({ action }) => action === 'publish-sync' || action === 'set-sync-names')
  // A request may take seconds: a primary that has lost its fencer gets another one first.
  const isGuarded = snap.settings.paused || isFenced(facts)
  const isFree = failure(facts) === null && steps.length < STEPS_MAX
  return isPrimary(facts) && holdsLease(snap) && isGuarded && isFree
}

function failure({ snap }: ClusterFacts): string | null {
  for (const action of ['publish-sync', 'set-sync-names'] as const) {
    const outcome = outcomeOf(snap, action)
    if (outcome !== null && outcome.kind !== 'done') return outcome.why
  }
  const { syncFile } = snap.postgres
  const isOn = snap.settings.synchronousMode !== 'off'
  return isOn && syncFile?.known === false ? syncFile.why : null
}

function keyWhileOff({ snap, view }: ClusterFacts): ClusterFacts['view']['sync'] {
  const { synchronousMode, standbyCluster } = snap.settings
  return synchronousMode === 'off' && !standbyCluster && view.sync?.value.leader != null ? view.sync : null
}

function namesWhileOff({ snap }: ClusterFacts): boolean {
  const { syncFile } = snap.postgres
  return snap.settings.synchronousMode === 'off' && syncFile?.known === true && syncFile.value !== null
}

function revisionOf({ view }: ClusterFacts): Revision | null {
  return view.sync?.modRevision ?? null
}

function named({ standbys, quorum }: SyncState): string {
  const names = standbys.length === 0 ? 'none' : standbys.join(', ')
  return quorum > 0 ? `${names}, quorum ${quorum}` : names
}
