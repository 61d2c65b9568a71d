// What a case says, or leaves open, of the leader's note of its guard.

import type { ClusterView } from '../../../src/model/cluster/cluster.ts'
import { revision } from '../../../src/model/revision.ts'
import type { Draft } from './draft.ts'

export function guardNote(draft: Draft): NonNullable<ClusterView['guard']> | null {
  const { etcd, me } = draft
  if (etcd.guard === null || (etcd.guard === undefined && !leadsPaused(draft))) return null
  const { modRevision, ...value } = etcd.guard ?? { leader: me, guarded: false, modRevision: 40 }
  return { value, modRevision: revision(modRevision) }
}

export function leadsPaused({ etcd, me, settings }: Draft): boolean {
  return settings.paused && etcd.leader?.name === me
}
