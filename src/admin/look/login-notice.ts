// A member whose passwords are out of date works until the leader changes, so the plan of a change says it beside the
// member's verdict.

import type { Member } from '../../model/cluster/cluster.ts'
import { saidText } from '../../model/cluster/hactl-part.ts'
import type { CandidateVerdict } from '../../model/cluster/verdict.ts'

/** The member stays a good candidate: only it knows, and its report may be a minute old. */
export function withLoginNotice(verdict: CandidateVerdict, members: readonly Member[]): CandidateVerdict {
  const member = members.find(({ name }) => name === verdict.name)
  if (member === undefined || saidText(member.record, 'problem_id') !== 'login') return verdict
  const [problem = ''] = (saidText(member.record, 'problem') ?? '').split('. HINT: ')
  return { ...verdict, reason: `${verdict.reason}, but ${problem}` }
}
