// The answers of PostgreSQL's steps.

import type { StepOutcome } from '../../../src/ports/postgres.ts'

export const DONE: StepOutcome = { ok: true }

export function failed(why: string, remedy?: string): StepOutcome {
  return remedy === undefined ? { ok: false, why } : { ok: false, why, remedy }
}

export function cancelled(what: string): StepOutcome {
  return { ok: false, why: `${what} was cancelled`, cancelled: true }
}
