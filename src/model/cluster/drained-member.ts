// A member that an operator drained: `hactl drain` writes a key of its own for it. While that key exists, the member is
// neither promoted nor given to load balancers, as if it were tagged nofailover and noloadbalance.

import type { Tags } from '../settings/config.ts'
import type { MemberName, Revision } from '../units.ts'
import type { ClusterView } from './cluster.ts'

export interface Drain {
  readonly member: MemberName
  readonly modRevision: Revision
  readonly note: DrainNote
}

/** For people; null: not given, or not readable. Only the existence of the key matters. */
export interface DrainNote {
  readonly by: string | null
  readonly at: string | null
  readonly reason: string | null
}

export function drainOf({ drains }: ClusterView, member: MemberName): Drain | null {
  return drains?.find(drain => drain.member === member) ?? null
}

/** `by kim@db1 at 2026-11-29T23:20:11.000Z: kernel update` */
export function describeDrain({ note }: Drain): string {
  return describeNote(note)
}

export function describeNote(note: DrainNote): string {
  const at = note.at === null ? '' : ` at ${note.at}`
  return `by ${note.by ?? 'somebody'}${at}${note.reason === null ? '' : `: ${note.reason}`}`
}

export function drainedTags(tags: Tags): Tags {
  return {
    ...tags,
    nofailover: true,
    failoverPriority: 0,
    noloadbalance: true,
    published: { ...tags.published, nofailover: true, noloadbalance: true },
  }
}
