// Outcomes of actions.

import type { Action } from '../model/decision/action.ts'
import type { Outcome } from '../model/decision/outcome.ts'

export function done(action: Action): Outcome {
  return { kind: 'done', action: action.kind }
}

export function failed(action: Action, why: string): Outcome {
  return { kind: 'failed', action: action.kind, why }
}

export function unreachable(action: Action, why: string): Outcome {
  return { kind: 'unreachable', action: action.kind, why }
}
