// Which members a command means: by name, by role, those with a pending restart, or any one of them. A name that does
// not exist, or has another role, is an error: a command never silently acts on a part of the names.

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import type { LostMember } from '../../model/command/report.ts'
import type { MemberName } from '../../model/units.ts'
import { goneText, lostMembers } from '../look/lost-members.ts'
import { type Deadline, memberNotFound, type Operator, readCluster } from '../use-case.ts'
import type { OperationRow } from './member-operation.ts'

export const MEMBER_ROLES = ['leader', 'primary', 'standby-leader', 'replica', 'standby', 'any'] as const
export type MemberRole = (typeof MEMBER_ROLES)[number]

export interface SelectionOptions {
  readonly action: string
  /** Empty: all members with the role. */
  readonly names: readonly MemberName[]
  readonly role: MemberRole
  /** Only members that report a pending restart. */
  readonly pending: boolean
  /** Only one of them, chosen at random. */
  readonly anyOne: boolean
}

export interface Selection {
  /** In the order of their names. */
  readonly members: readonly Member[]
  /** Members that are meant, but have nothing to do or are gone. */
  readonly spared: readonly OperationRow[]
}

/** Reads the cluster. If the name is that of a member instead, the failure says so. */
export async function readClusterOfMembers(
  operator: Operator,
  cluster: string,
  command: string,
  deadline: Deadline,
): Promise<Result<ClusterView>> {
  const read = await readCluster(operator, cluster, deadline)
  if (read.ok || read.failure.kind !== 'cluster-not-found' || read.failure.memberOf === undefined) return read
  const scope = read.failure.memberOf
  return failed({
    kind: 'usage',
    message: `${cluster} is a member of cluster ${scope}, not a cluster`,
    hint: `the cluster comes first: hactl ${command} ${scope} ${cluster}`,
  })
}

/**
 * The names of members that exist and have the role, for a caller that leaves the others out. If there is none, all
 * names, which selectMembers refuses.
 */
export function existingNames(view: ClusterView, { names, role }: SelectionOptions): readonly MemberName[] {
  const lost = lostMembers(view).map(lostRow)
  const existing = names.filter(
    name =>
      view.members.some(member => member.name === name && hasRole(member, view, role)) ||
      lost.some(({ member }) => member === name),
  )
  return existing.length > 0 ? existing : names
}

/** `chance` returns a number from 0 up to, but not including, its argument. */
export function selectMembers(
  cluster: string,
  view: ClusterView,
  options: SelectionOptions,
  chance: (below: number) => number,
): Result<Selection> {
  const { action, names, role } = options
  const lost = lostMembers(view).map(lostRow)
  const known = [...view.members.map(({ name }) => name), ...lost.map(({ member }) => member)]
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined) return failed(memberNotFound(cluster, unknown, view.members))
  const other = names.find(name =>
    view.members.some(member => member.name === name && !hasRole(member, view, role)),
  )
  if (other !== undefined) {
    const is = view.leader?.name === other ? 'the leader' : 'not the leader'
    return refused(action, `${other} is ${is}, and only members with the role ${role} are meant`)
  }
  const meant = view.members.filter(
    member => hasRole(member, view, role) && (names.length === 0 || names.includes(member.name)),
  )
  const missed = lost.filter(({ member }) => isMeant(member, options))
  if (meant.length === 0 && missed.length === 0)
    return refused(
      action,
      `cluster ${cluster} has no member${role === 'any' ? '' : ` with the role ${role}`}`,
    )
  const needed = meant.filter(({ record }) => !options.pending || record.pendingRestart === true)
  const spared = meant.filter(member => !needed.includes(member)).map(({ name }) => noneIsPending(name))
  const one = options.anyOne ? needed[chance(needed.length)] : undefined
  if (one !== undefined) return done({ members: [one], spared: [] })
  return done({ members: needed, spared: [...spared, ...missed] })
}

/** A lost member is known by name only, and did not lead. */
function isMeant(name: MemberName, { names, role, anyOne }: SelectionOptions): boolean {
  if (names.length > 0) return names.includes(name)
  return !anyOne && (role === 'any' || role === 'replica' || role === 'standby')
}

function lostRow(lost: LostMember): OperationRow {
  return { member: lost.name ?? lost.slot, outcome: 'unreachable', why: goneText(lost) }
}

function noneIsPending(member: MemberName): OperationRow {
  return { member, outcome: 'already', why: 'no restart is pending' }
}

function refused(action: string, reason: string): Result<Selection> {
  return failed({ kind: 'refused', action, reason, hint: 'see hactl list for the members and their roles.' })
}

/** Roles as in Patroni: the holder of the leader key leads, whatever role it reports. */
function hasRole(member: Member, view: ClusterView, role: MemberRole): boolean {
  const leads = member.name === view.leader?.name
  switch (role) {
    case 'any':
      return true
    case 'leader':
      return leads
    case 'primary':
      return leads && member.record.role !== 'standby_leader'
    case 'standby-leader':
      return leads && member.record.role !== 'primary'
    case 'replica':
    case 'standby':
      return !leads
    default:
      return role satisfies never
  }
}
