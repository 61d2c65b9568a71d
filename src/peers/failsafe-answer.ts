// A member's answer to POST /failsafe (spec/ha.md 5.3): it agrees with 200 and exactly this body, whatever program it
// runs.

import type { FailsafeAcceptance } from '../model/cluster/failsafe.ts'
import { type Seen, seen, unseen } from '../model/seen.ts'
import type { BootMillis } from '../model/units.ts'
import type { CallOutcome } from '../system/http-call.ts'
import { FAILSAFE_ACCEPTED, FAILSAFE_HOLDS_HEADER } from '../wire/failsafe/call.ts'

const TEXT_MAX = 100

export function readFailsafeAnswer(answer: CallOutcome, atMs: BootMillis): Seen<FailsafeAcceptance> {
  if ('unreachable' in answer) return unseen(answer.unreachable)
  const { status, body, headers } = answer
  if (status !== 200 || body !== FAILSAFE_ACCEPTED) return unseen(refusal(status, body))
  const holds = headers[FAILSAFE_HOLDS_HEADER]
  const isNumber = typeof holds === 'string' && /^\d{1,10}$/.test(holds)
  return seen({ holdsMs: isNumber ? Number(holds) : null }, atMs)
}

function refusal(status: number, body: string): string {
  if (status === 502) return 'failsafe mode is off there'
  const isPage = body.trimStart().startsWith('<')
  const text = isPage
    ? ''
    : body
        .slice(0, TEXT_MAX)
        .replace(/[^ -~]+/g, ' ')
        .trim()
  return text === '' ? `HTTP status ${status}` : `HTTP status ${status}: ${text}`
}
