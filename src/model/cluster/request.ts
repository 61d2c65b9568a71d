// A requested switchover or failover: hactl's fields beside Patroni's, and how agent, REST API and commands all read
// it.

import type { MemberName, Revision, WallMillis } from '../units.ts'
import type { ClusterView, FailoverRequest, Member } from './cluster.ts'

export type HandoverAction = 'switchover' | 'failover'

/** What is asked for, whatever way it comes: REST API, command, or the key in etcd. */
export interface HandoverRequest extends Pick<FailoverRequest, 'leader' | 'candidate' | 'scheduledAt'> {
  readonly action: HandoverAction
}

export function requestKind({ leader }: FailoverRequest): HandoverAction {
  return leader === null ? 'failover' : 'switchover'
}

/**
 * Nobody waits for the request any more, so it must not be begun. Requests by others, and scheduled ones, do not
 * expire.
 */
export function isExpired({ note }: FailoverRequest, wallMs: WallMillis): boolean {
  const until = note?.untilMs ?? null
  return until !== null && wallMs > until
}

/** `switchover from pg1 to pg2, requested by hactl on db1 at 2026-11-29T19:20:11.000Z` */
export function describeRequest(request: FailoverRequest): string {
  const { leader, candidate, scheduledAt } = request
  const from = leader === null ? '' : ` from ${leader}`
  const to = candidate === null ? '' : ` to ${candidate}`
  const when = scheduledAt === null ? '' : ` at ${scheduledAt.text}`
  return `${requestKind(request)}${from}${to}${when}, ${sourceOf(request)}`
}

/** Patroni's requests do not say who made them. */
function sourceOf({ note }: FailoverRequest): string {
  const by = note?.by == null ? 'by whom is not known' : `requested by ${note.by}`
  const at = note?.atMs == null ? '' : ` at ${new Date(note.atMs).toISOString()}`
  const begun = note?.begunBy == null ? '' : `, begun by ${note.begunBy}`
  return `${by}${at}${begun}`
}

/** The member key shows it: hactl's agents publish their version there. */
export function runsHactl({ record }: Member): boolean {
  return record.extra.hactl !== undefined
}

/** A member that runs Patroni writes the names only. */
export function isSameRequest(standing: FailoverRequest, ours: FailoverRequest): boolean {
  if (standing.note?.id != null) return standing.note.id === ours.note?.id
  return (
    standing.leader === ours.leader &&
    standing.candidate === ours.candidate &&
    standing.scheduledAt?.wallMs === ours.scheduledAt?.wallMs
  )
}

type Standing =
  /** No leader has begun it: it can be withdrawn at this revision. */
  | { readonly kind: 'pending'; readonly revision: Revision }
  | { readonly kind: 'begun'; readonly by: MemberName }
  /** Carried out, refused, withdrawn or replaced. */
  | { readonly kind: 'gone' }

/** The state of a command's own request. */
export function standingOf(view: ClusterView, isOurs: (request: FailoverRequest) => boolean): Standing {
  const key = view.failover
  if (key === null || !isOurs(key.value)) return { kind: 'gone' }
  const by = key.value.note?.begunBy ?? begunByPatroni(view)
  return by === null ? { kind: 'pending', revision: key.modRevision } : { kind: 'begun', by }
}

/**
 * Patroni does not mark a request that it has begun: if it were deleted then, the candidate would lose its head start.
 */
function begunByPatroni({ members, leader }: ClusterView): MemberName | null {
  const holder = members.find(({ name }) => name === leader?.name)
  if (holder === undefined || runsHactl(holder) || holder.record.state === 'running') return null
  return holder.name
}
