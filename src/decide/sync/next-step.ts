// The next change of `/sync` or synchronous_standby_names that a primary makes, in either mode. One change at a time: after it
// the node looks again, so that a sequence that breaks off is safe wherever it does.

import type { SyncState } from '../../model/cluster/cluster.ts'
import type { MemberName } from '../../model/units.ts'
import { formatSyncNames, sameSyncNames } from '../../wire/sync-names.ts'
import type { ClusterFacts } from '../facts.ts'
import { has, isSame, isWithin, type Names, namesOf } from './names.ts'
import { nextOfPriority, type PriorityStep } from './priority.ts'
import { planQuorum, type QuorumStep } from './quorum.ts'
import type { QuorumState } from './quorum-state.ts'
import { type SyncSight, syncSight } from './sight.ts'

export type SyncStep =
  | { readonly kind: 'publish'; readonly state: SyncState; readonly why: string }
  /** null: PostgreSQL waits for nobody. */
  | { readonly kind: 'configure'; readonly value: string | null; readonly why: string }
  /** Nothing can be done before the next look. */
  | { readonly kind: 'wait'; readonly why: string }

/** null: all is as it should be, or it cannot be seen. */
export function nextSyncStep(facts: ClusterFacts): SyncStep | null {
  const sight = syncSight(facts)
  if (sight === null) return null
  const me = facts.snap.self.name
  // Whatever else: what counts is what is in force, and that must not change with the next reload.
  if (!sameSyncNames(sight.file ?? '', sight.text))
    return configured(
      sight.text === '' ? null : sight.text,
      'the file says something else than what is in force',
    )
  if (sight.key === null || sight.key.value.leader === null)
    return { kind: 'publish', state: { leader: me, quorum: 0, standbys: [] }, why: 'synchronous mode begins' }
  return facts.snap.settings.synchronousMode === 'quorum'
    ? nextOfQuorum(facts, sight, sight.key.value)
    : byPriority(nextOfPriority(priorityState(sight), priorityGoal(facts, sight)))
}

const configured = (value: string | null, why: string): SyncStep => ({ kind: 'configure', value, why })

function priorityState({ key, voters, inForce }: SyncSight) {
  const { kind, count, names, anybody } = inForce
  return {
    leader: key?.value.leader ?? null,
    voters,
    standbys: namesOf(names),
    count,
    isList: kind !== 'quorum' && !anybody,
  }
}

function priorityGoal({ snap }: ClusterFacts, { standbys }: SyncSight) {
  const { active: picked, confirmed } = standbys
  return { me: snap.self.name, picked, confirmed, strict: snap.settings.synchronousStrict }
}

function byPriority(step: PriorityStep | null): SyncStep | null {
  if (step === null) return null
  return step.kind === 'publish'
    ? { kind: 'publish', state: { leader: step.leader, quorum: 0, standbys: step.voters }, why: step.why }
    : configured(formatSyncNames('priority', step.count, step.standbys), step.why)
}

function nextOfQuorum({ snap }: ClusterFacts, sight: SyncSight, key: SyncState): SyncStep | null {
  const { inForce, standbys, voters } = sight
  const me = snap.self.name
  const { synchronousNodeCount: wanted, synchronousStrict } = snap.settings
  if (synchronousStrict && key.leader === me && standbys.active.length === 0) return holdOn(sight, key.quorum)
  const state: QuorumState = {
    leader: key.leader ?? me,
    quorum: key.quorum,
    voters,
    count: inForce.kind === 'off' ? 0 : inForce.count,
    standbys: namesOf(inForce.names),
  }
  // A list shows nobody as `quorum`, so that nobody would ever count as caught up. To the plan both mean the same.
  if (inForce.anybody || (inForce.kind === 'priority' && inForce.names.length > 0))
    return configured(
      formatSyncNames('quorum', state.count, state.standbys),
      'in quorum mode any of them will do',
    )
  const plan = planQuorum(state, {
    ...{ me, active: standbys.active, wanted },
    confirmed: standbys.confirmed.length,
  })
  const [first] = plan.steps
  // Fewer votes are enough only when each that is waited for has what any of them acknowledged before.
  const late = state.standbys.filter(name => !has(standbys.confirmed, name) && has(standbys.active, name))
  if (first?.kind === 'publish' && first.quorum < key.quorum && late.length > 0)
    return { kind: 'wait', why: `${late.join(', ')} may lack what others acknowledged` }
  if (first !== undefined) return ofQuorum(first, state)
  return plan.why === null ? null : { kind: 'wait', why: plan.why }
}

function ofQuorum(step: QuorumStep, before: QuorumState): SyncStep {
  switch (step.kind) {
    case 'look-again':
      return { kind: 'wait', why: 'the standbys have to acknowledge the last change first' }
    case 'configure':
      return configured(
        step.standbys.length === 0 ? null : formatSyncNames('quorum', step.count, step.standbys),
        whyConfigured(before, step.standbys),
      )
    case 'publish': {
      const { leader, quorum, voters } = step
      return {
        kind: 'publish',
        state: { leader, quorum, standbys: voters },
        why: quorum === 0 ? 'each of them has everything' : 'so many others must not be ahead of a candidate',
      }
    }
    default:
      return step satisfies never
  }
}

function whyConfigured({ standbys }: QuorumState, next: Names): string {
  if (isSame(standbys, next)) return 'another number of them has to acknowledge'
  return isWithin(standbys, next) ? 'more standbys stream' : 'some standbys do not stream any more'
}

/** Strict, and nobody streams: commits wait, and the last voters stay the only ones that may be elected (spec/ha.md 4.7). */
function holdOn({ inForce, voters }: SyncSight, quorum: number): SyncStep | null {
  const count = Math.max(1, voters.length - quorum)
  const isKept =
    isSame(namesOf(inForce.names), voters) &&
    inForce.count === count &&
    inForce.kind === 'quorum' &&
    !inForce.anybody
  if (isKept) return null
  return configured(formatSyncNames('quorum', count, voters), 'no standby streams, and the mode is strict')
}

/** Whom PostgreSQL is to wait for, and does not yet, or who has not caught up; null: nobody. */
export function notYetSynchronous(facts: ClusterFacts): readonly MemberName[] | null {
  const sight = syncSight(facts)
  if (sight === null) return null
  const missing = sight.standbys.active.filter(name => !has(sight.voters, name))
  return missing.length > 0 ? missing : null
}

/** Strict mode, and no standby that could acknowledge a commit. */
export function commitsWait(facts: ClusterFacts): boolean {
  const sight = syncSight(facts)
  return facts.snap.settings.synchronousStrict && sight !== null && sight.standbys.active.length === 0
}
