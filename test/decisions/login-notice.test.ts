// A plan says of a candidate that its passwords are out of date, and leaves its verdict as it is.

import { expect, test } from 'vitest'
import { withLoginNotice } from '../../src/admin/look/login-notice.ts'
import type { CandidateVerdict } from '../../src/model/cluster/verdict.ts'
import { member } from '../exhaustive/parts.ts'

const good: CandidateVerdict = {
  name: 'pg2',
  code: 'good',
  reason: 'at 0/3000148, 0 bytes behind the leader',
  position: null,
  timeline: 1,
  behindBytes: 0n,
  failoverPriority: 1,
}
const saying = (problem_id: string, problem: string) => [
  member('pg1', 'primary'),
  member('pg2', 'replica', { extra: { hactl: { problem, problem_id } } }),
]

test('a login that is refused is in the reason, without its hint', () => {
  const problem =
    'the replication account r cannot log in at pg1 (password authentication failed): so. HINT: Do'
  expect(withLoginNotice(good, saying('login', problem))).toEqual({
    ...good,
    reason:
      'at 0/3000148, 0 bytes behind the leader, but the replication account r cannot log in at pg1 (password authentication failed): so',
  })
})

test('another problem is not, nor a member that says nothing', () => {
  expect(withLoginNotice(good, saying('replay-paused', 'somebody paused it'))).toEqual(good)
  expect(withLoginNotice(good, [member('pg1', 'primary'), member('pg2', 'replica')])).toEqual(good)
})
