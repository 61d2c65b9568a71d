// The outcome of an action: a fact for the next step of the same beat.

import type { MemberName } from '../units.ts'
import type { ActionKind } from './action.ts'

export type Outcome =
  | { readonly kind: 'done'; readonly action: OutcomeAction }
  /** The store refused: another node was faster, or the guard no longer holds. */
  | {
      readonly kind: 'refused'
      readonly action: OutcomeAction
      readonly holder: MemberName | null
      readonly why: string
    }
  /** There was no answer: whether it happened is not known. */
  | { readonly kind: 'unreachable'; readonly action: OutcomeAction; readonly why: string }
  /** A local step failed. */
  | { readonly kind: 'failed'; readonly action: OutcomeAction; readonly why: string }

/** Kinds of action whose outcome rules ask about: the `kind` of an Action. */
type OutcomeAction = ActionKind
