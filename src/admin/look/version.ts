// `hactl version [CLUSTER]`: this program's version and what each member says of itself. Members that do not answer are
// reported beside those that do.

import type { Member } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import { serverVersionText } from '../../model/server/server-version.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { parseStatusAnswer } from '../../wire/status-answer.ts'
import { type Deadline, deadlineIn, memberNotFound, type Operator, readCluster } from '../use-case.ts'
import { goneText, lostMembers } from './lost-members.ts'

export interface VersionReport {
  readonly cluster: string
  readonly members: readonly MemberVersion[]
}

export interface MemberVersion {
  readonly name: MemberName
  /** The protocol version that the member speaks, as Patroni counts. */
  readonly protocol: string | null
  /** Set when the member runs hactl. */
  readonly hactl: string | null
  /** `15.20`; null when PostgreSQL is not up or did not say. */
  readonly postgresql: string | null
  /** Why it did not answer; null when it did. */
  readonly error: string | null
}

const MEMBER_TIMEOUT_MS: Millis = 3000

/** `members` empty: all of them. */
export async function readVersions(
  operator: Operator,
  cluster: string,
  members: readonly MemberName[],
  budgetMs: Millis,
): Promise<Result<VersionReport>> {
  const deadline = deadlineIn(operator.clock, budgetMs)
  const read = await readCluster(operator, cluster, deadline)
  if (!read.ok) return failed(read.failure)
  const gone = lostMembers(read.value).map(lost => ({
    ...{ name: lost.name ?? lost.slot, protocol: null, hactl: null, postgresql: null },
    error: goneText(lost),
  }))
  const known = read.value.members
  const unknown = members.find(name => ![...known, ...gone].some(member => member.name === name))
  if (unknown !== undefined) return failed(memberNotFound(cluster, unknown, known))
  const isWanted = ({ name }: { readonly name: MemberName }) => members.length === 0 || members.includes(name)
  const asked = known.filter(isWanted).map(member => askVersion(operator, member, deadline))
  const wanted = [...(await Promise.all(asked)), ...gone.filter(isWanted)]
  const report = { cluster, members: wanted }
  const silent = report.members.filter(member => member.error !== null)
  if (silent.length === 0) return done(report)
  if (silent.length === wanted.length) {
    const [first] = silent
    return failed(
      {
        kind: 'member-unreachable',
        member: silent.map(member => member.name).join(', '),
        why: first?.error ?? '',
      },
      report,
    )
  }
  return failed(
    {
      kind: 'partly-done',
      done: `${wanted.length - silent.length} of ${wanted.length} members answered`,
      missing: `no version from ${silent.map(member => `${member.name} (${member.error})`).join(', ')}`,
      hint: 'check that its agent runs and that its REST API can be reached from here.',
    },
    report,
  )
}

async function askVersion(operator: Operator, member: Member, deadline: Deadline): Promise<MemberVersion> {
  const nothing = { name: member.name, protocol: null, hactl: null, postgresql: null }
  const { apiUrl } = member.record
  if (apiUrl === null) return { ...nothing, error: 'its member key has no api_url' }
  const timeoutMs = Math.min(MEMBER_TIMEOUT_MS, deadline.leftMs())
  const reply = await operator.members.call(
    { name: member.name, apiUrl },
    { method: 'GET', path: '/patroni', timeoutMs },
  )
  if (reply.kind === 'unreachable') return { ...nothing, error: reply.why }
  const answer = parseStatusAnswer(reply.body)
  if (answer === null)
    return { ...nothing, error: `its answer (status ${reply.status}) is not a JSON object` }
  const { protocol, hactl, serverVersion } = answer
  return {
    name: member.name,
    protocol,
    hactl: typeof hactl?.version === 'string' ? hactl.version : null,
    postgresql: serverVersion === null ? null : serverVersionText(serverVersion),
    error: null,
  }
}
