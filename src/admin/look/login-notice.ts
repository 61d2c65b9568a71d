// A member whose passwords are out of date works until the leader changes: a plan of that says so, beside its verdict.

import type { Member } from '../../model/cluster/cluster.ts'
import { saidText } from '../../model/cluster/hactl-part.ts'
import type { CandidateVerdict } from '../../model/cluster/verdict.ts'

/** It stays a good candidate: only it can tell, and its word may be a minute old. */
export function withLoginNotice(verdict: CandidateVerdict, members: readonly Member[]): CandidateVerdict {
  const member = members.find(({ name }) => name === verdict.name)
  if (member === undefined || saidText(member.record, 'problem_id') !== 'login') return verdict
  const [problem = ''] = (saidText(member.record, 'problem') ?? '').split('. HINT: ')
  return { ...verdict, reason: `${verdict.reason}, but ${problem}` }
}
