// The answers of PostgreSQL's steps.

import type { StepOutcome } from '../../src/ports/postgres.ts'

export const DONE: StepOutcome = { ok: true }

export function failed(why: string): StepOutcome {
  return { ok: false, why }
}

export function cancelled(what: string): StepOutcome {
  return { ok: false, why: `${what} was cancelled`, cancelled: true }
}
