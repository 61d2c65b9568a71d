// What a change of the synchronous mode means for the members that the cluster has now, before it is stored: who could be
// synchronous at all, when commits would wait, and what happens next. A change of anything else is not commented on.

import { modeNotHonoured } from '../../judge/handover.ts'
import type { ClusterView, JsonObject, Member } from '../../model/cluster/cluster.ts'
import { runsHactl } from '../../model/cluster/request.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { maximumLagOf, modesOf, type SyncWanted, syncWantedOf } from '../../wire/modes.ts'
import { syncTags } from '../../wire/tags.ts'
import { deadlineIn, type Operator, readWhatIsThere } from '../use-case.ts'

export interface SynchronousAdvice {
  /** Refuse the document. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  /** What happens once it is stored. */
  readonly notes: readonly string[]
}

const NOTHING: SynchronousAdvice = { problems: [], warnings: [], notes: [] }
const READ_LIMIT_MS: Millis = 2000

/** Reads the members, if the change is of this kind; if they cannot be read, the edit goes on without advice. */
export async function adviseOnSynchronousMode(
  operator: Operator,
  cluster: string,
  before: JsonObject,
  after: JsonObject,
): Promise<SynchronousAdvice> {
  if (isSame(syncWantedOf(before), syncWantedOf(after))) return NOTHING
  const read = await readWhatIsThere(operator, cluster, deadlineIn(operator.clock, READ_LIMIT_MS))
  return read.ok ? adviseOnSynchronous(before, after, read.value) : NOTHING
}

function isSame(a: SyncWanted, b: SyncWanted): boolean {
  return a.mode === b.mode && a.strict === b.strict && a.count === b.count
}

export function adviseOnSynchronous(
  before: JsonObject,
  after: JsonObject,
  view: ClusterView,
): SynchronousAdvice {
  const [was, wanted] = [syncWantedOf(before), syncWantedOf(after)]
  if (isSame(was, wanted)) return NOTHING
  if (wanted.mode === 'off' && was.mode === 'off') return NOTHING
  if (wanted.mode === 'off') return { ...NOTHING, notes: [offNote(after)] }
  const { leader, members } = view
  const able = members.filter(({ name, record }) => name !== leader?.name && !syncTags(record.tags).nosync)
  const names = able.map(({ name }) => name)
  return {
    problems: nameProblems(members),
    warnings: [...countWarning(wanted, names), ...strictWarning(wanted, names)],
    notes: isHonoured(view, after) ? [nextNote(was, wanted, names)] : [],
  }
}

/** PostgreSQL compares names without regard to case, and `/sync` is read so too. */
function nameProblems(members: readonly Member[]): readonly string[] {
  const seen = new Map<string, MemberName>()
  return members.flatMap(({ name }) => {
    const first = seen.get(name.toLowerCase())
    seen.set(name.toLowerCase(), name)
    return first === undefined
      ? []
      : [
          `synchronous_mode: ${first} and ${name} are one name to PostgreSQL, so that one could acknowledge for the other`,
        ]
  })
}

function countWarning({ count }: SyncWanted, able: readonly MemberName[]): readonly string[] {
  if (able.length === 0)
    return [
      'synchronous_mode: no member can be a synchronous standby now (the leader, and those tagged nosync, cannot)',
    ]
  return count > able.length
    ? [`synchronous_node_count: ${count} are wanted, and only ${able.join(', ')} can be synchronous now`]
    : []
}

function strictWarning({ strict }: SyncWanted, able: readonly MemberName[]): readonly string[] {
  if (!strict || able.length > 1) return []
  const [only] = able
  return only === undefined
    ? ['synchronous_mode_strict: every commit will wait until a standby is synchronous']
    : [
        `synchronous_mode_strict: ${only} is the only standby that can be synchronous: when it is lost, every commit waits`,
      ]
}

/** A leader that would not act on it gives a warning of its own. */
function isHonoured({ leader, members }: ClusterView, after: JsonObject): boolean {
  const member = members.find(({ name }) => name === leader?.name)
  return member !== undefined && (!runsHactl(member) || modeNotHonoured(modesOf(after)) === null)
}

function nextNote(was: SyncWanted, wanted: SyncWanted, able: readonly MemberName[]): string {
  const role = wanted.mode === 'quorum' ? 'Quorum Standby' : 'Sync Standby'
  if (was.mode !== 'off')
    return `synchronous_mode ${wanted.mode}: the leader changes over step by step, and commits stay protected; hactl list shows each ${role}`
  const count = Math.min(wanted.count, Math.max(able.length, 1))
  const what = count === 1 ? 'a standby' : `${count} standbys`
  return `synchronous_mode ${wanted.mode}: the leader begins to wait for ${what} within loop_wait; commits are protected once hactl list shows a ${role}`
}

function offNote(after: JsonObject): string {
  return `synchronous_mode off: commits wait for no standby; an automatic failover may lose up to maximum_lag_on_failover (${maximumLagOf(after)} bytes)`
}
