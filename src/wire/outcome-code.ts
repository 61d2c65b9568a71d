// The outcome of an operation, as the member that was asked reports it to a command. A member that runs hactl sends a
// code, in a header that Patroni and patronictl ignore. One that runs Patroni sends only texts: they are parsed here
// and nowhere else, and hactl's own texts for people are never parsed.

import { REFUSAL_CODES } from '../model/cluster/verdict.ts'

export const OUTCOME_HEADER = 'hactl-outcome'

/** In the same header of GET /liveness: a step of its beat does not come back. */
export const AGENT_HANGS = 'agent-hangs'

const CODES = [
  /** Done, as it was asked for. */
  'done',
  /** Done, but another member leads than the one that was asked for. */
  'done-by-another',
  'scheduled',
  'deleted',
  /** It was begun or written, and came to nothing: asking another member would be asking again. */
  'failed',
  /** It was not begun, and this member cannot do it now: another one may. */
  'not-done',
  /** It may have been written, or goes on: only the store knows. */
  'unknown',
  /** Another request is in the way. */
  'other-request',
  /** The judge refused it (`src/judge/handover.ts`). */
  ...REFUSAL_CODES,
  /** The restart's own conditions do not hold. */
  'conditions',
  /** Another piece of work is in the way. */
  'busy',
  'paused',
  'nothing-scheduled',
  'no-leader-to-copy',
  'is-leader',
  'still-starting',
  'refused',
] as const

export type OutcomeCode = (typeof CODES)[number]

interface Answered {
  readonly status: number
  readonly body: string
  /** The header; null: there was none. */
  readonly code: string | null
}

/** null: neither a code of hactl's nor a text of Patroni's that means more than its status. */
export function outcomeCode({ status, body, code }: Answered): OutcomeCode | null {
  if (code !== null) return CODES.find(known => known === code) ?? null
  return patroniOutcome(status, body.trim())
}

/** spec/interfaces.md 1.8 and 1.9. */
function patroniOutcome(status: number, text: string): OutcomeCode | null {
  if (status === 200) return 'done'
  if (status === 202) return 'scheduled'
  if (status === 409) return 'other-request'
  if (status === 412 && text === 'leader name does not match') return 'leader-mismatch'
  if (status !== 503) return null
  if (text.includes('status unknown')) return 'unknown'
  if (text === 'restart conditions are not satisfied') return 'conditions'
  if (text === 'postgres is still starting') return 'still-starting'
  if (text.endsWith(' already in progress')) return 'busy'
  if (/^(Switchover|Failover|restart) failed$/.test(text)) return 'failed'
  return null
}
