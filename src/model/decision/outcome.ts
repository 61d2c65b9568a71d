// What an action came to. Outcomes are facts of the next step of the same beat.

import type { MemberName } from '../units.ts'
import type { ActionKind } from './action.ts'

export type Outcome =
  | { readonly kind: 'done'; readonly action: OutcomeAction }
  /** The store said no: somebody else was there first, or the guard no longer holds. */
  | {
      readonly kind: 'refused'
      readonly action: OutcomeAction
      readonly holder: MemberName | null
      readonly why: string
    }
  /** Nobody answered; whether it happened is unknown. */
  | { readonly kind: 'unreachable'; readonly action: OutcomeAction; readonly why: string }
  /** A local step did not work. */
  | { readonly kind: 'failed'; readonly action: OutcomeAction; readonly why: string }

/** Kinds of action whose outcome rules ask about: the `kind` of an Action. */
type OutcomeAction = ActionKind
