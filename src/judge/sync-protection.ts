// What synchronous replication protects at this moment, by what is in the store: whose acknowledgement commits wait for, and
// what is not as the operator wants it. Mode `on` waits for every standby in `/sync`; quorum mode for all but `quorum` of
// them.

import type { ClusterView, JsonObject } from '../model/cluster/cluster.ts'
import type { MemberName } from '../model/units.ts'
import { syncWantedOf } from '../wire/modes.ts'

interface SyncProtection {
  readonly mode: 'on' | 'quorum'
  readonly strict: boolean
  /** Standbys that the operator wants each commit to wait for. */
  readonly wanted: number
  readonly standbys: readonly MemberName[]
  /** How many of these each commit waits for. */
  readonly acknowledging: number
  readonly problem: SyncProblem | null
}

interface SyncProblem {
  /** `waits`: no commit ends; `none`: commits wait for nobody; `few`: for fewer standbys than are wanted. */
  readonly kind: 'waits' | 'none' | 'few'
  /** A clause. */
  readonly text: string
}

/** null: no synchronous mode is on. */
export function syncProtection(view: ClusterView, document: JsonObject): SyncProtection | null {
  const { mode, strict, count: wanted } = syncWantedOf(document)
  if (mode === 'off') return null
  const sync = view.sync?.value ?? null
  const standbys = sync?.standbys ?? []
  const quorum = mode === 'quorum' ? Math.min(sync?.quorum ?? 0, standbys.length) : 0
  const partial = { mode, strict, wanted, standbys, acknowledging: standbys.length - quorum }
  return { ...partial, problem: problemOf(partial, view) }
}

function problemOf(
  { strict, wanted, standbys, acknowledging }: Omit<SyncProtection, 'problem'>,
  view: ClusterView,
): SyncProblem | null {
  const leader = view.leader?.name ?? null
  const named = view.sync?.value.leader ?? null
  // That nobody leads is told elsewhere.
  if (leader === null) return null
  if (named === null || named.toLowerCase() !== leader.toLowerCase())
    return { kind: 'none', text: `the leader ${leader} has not taken up synchronous replication yet` }
  if (standbys.length === 0)
    return strict
      ? { kind: 'waits', text: 'nobody is synchronous and the mode is strict: every commit waits' }
      : {
          kind: 'none',
          text: 'nobody is synchronous: commits wait for no standby, and none is elected if the leader is lost',
        }
  const absent = standbys.filter(name => !runs(name, view))
  if (standbys.length - absent.length < acknowledging) {
    const until = strict ? 'until it is back' : 'until the leader lets it go'
    return {
      kind: 'waits',
      text: `every commit waits for ${absent.join(', ')}, which does not run, ${until}`,
    }
  }
  return acknowledging < wanted
    ? { kind: 'few', text: `commits wait for ${acknowledging} of ${wanted} wanted standbys` }
    : null
}

function runs(name: MemberName, { members }: ClusterView): boolean {
  return members.some(
    member => member.name.toLowerCase() === name.toLowerCase() && member.record.state === 'running',
  )
}
