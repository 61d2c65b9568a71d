// What a command makes of a member's answer: the code of one that runs hactl, whatever its text says, and Patroni's texts.

import { expect, test } from 'vitest'
import { REFUSAL_CODES } from '../../src/model/cluster/verdict.ts'
import { type OutcomeCode, outcomeCode } from '../../src/wire/outcome-code.ts'

test.each<[number, string, OutcomeCode | null]>([
  [200, 'Successfully switched over to "pg1"', 'done'],
  [200, 'restarted successfully', 'done'],
  [202, 'Switchover scheduled', 'scheduled'],
  [409, 'another restart is already scheduled', 'other-request'],
  [412, 'leader name does not match', 'leader-mismatch'],
  [412, 'switchover is not possible: no good candidates have been found', null],
  [503, 'Switchover failed', 'failed'],
  [503, 'Failover failed', 'failed'],
  [503, 'Switchover status unknown after 20 seconds; operation may still be in progress', 'unknown'],
  [503, 'failed to write failover key into DCS', null],
  [503, 'restart failed', 'failed'],
  [503, 'postgres is still starting', 'still-starting'],
  [503, 'restart conditions are not satisfied', 'conditions'],
  [503, 'reinitialize already in progress', 'busy'],
  [500, "Can't schedule restart in the paused state", null],
  [401, 'no auth header received', null],
])('Patroni, %i %s', (status, body, code) => {
  expect(outcomeCode({ status, body: `${body}\n`, code: null })).toBe(code)
})

test.each([...REFUSAL_CODES, 'failed', 'unknown', 'busy'])('%s is what a member says, not its text', code => {
  const body = 'Switchover status unknown; restart failed; leader name does not match'
  expect(outcomeCode({ status: 503, body, code })).toBe(code)
})

test('a code of a newer hactl is not guessed at, nor is its text', () => {
  expect(outcomeCode({ status: 503, body: 'Switchover failed', code: 'postponed' })).toBeNull()
})
