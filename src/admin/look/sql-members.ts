// Where `hactl dsn` and `hactl query` connect to: members by name or by role, with the address that they publish.

import { done, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName } from '../../model/units.ts'
import { parseConnUrl } from '../../wire/member-urls.ts'
import { type MemberRole, selectMembers } from '../members/member-selection.ts'
import { type Deadline, type Operator, readCluster } from '../use-case.ts'
import { memberMissing } from './lost-members.ts'

export interface Whom {
  readonly member: MemberName | null
  readonly role: MemberRole
}

interface MemberPlace {
  readonly member: MemberName
  readonly host: string
  readonly port: number
}

/** At least one, in the order of their names. */
export async function placesOf(
  operator: Operator,
  cluster: string,
  { member, role }: Whom,
  deadline: Deadline,
): Promise<Result<readonly MemberPlace[]>> {
  const read = await readCluster(operator, cluster, deadline)
  if (!read.ok) return failed(read.failure)
  const view = read.value
  if (member !== null && !view.members.some(({ name }) => name === member))
    return failed(memberMissing(cluster, member, view))
  const options = {
    action: 'connection',
    names: member === null ? [] : [member],
    role,
    pending: false,
    anyOne: false,
  }
  const selected = selectMembers(cluster, view, options, () => 0)
  if (!selected.ok) return failed(selected.failure)
  const places = selected.value.members.flatMap(({ name, record }) => {
    const place = parseConnUrl(record.connUrl)
    return place === null ? [] : [{ member: name, ...place }]
  })
  if (places.length > 0) return done(places)
  return failed({
    kind: 'refused',
    action: 'connection',
    reason: `no member that is meant says where its PostgreSQL listens`,
    hint: `see hactl list ${cluster}.`,
  })
}
