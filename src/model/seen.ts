// "I could not look" is data. A look either saw a value, and when, or it did not, and why. Nothing in hactl turns
// the second into false, zero or a default: a rule that needs the value must say what it does without it.

import type { BootMillis } from './units.ts'

export type Seen<T> = Known<T> | Unknown

export interface Known<T> {
  readonly known: true
  readonly value: T
  /** Boot-time milliseconds at which the look began: the value may be newer, never older. */
  readonly atMs: BootMillis
}

export interface Unknown {
  readonly known: false
  readonly why: string
}

export function seen<T>(value: T, atMs: BootMillis): Known<T> {
  return { known: true, value, atMs }
}

export function unseen(why: string): Unknown {
  return { known: false, why }
}
