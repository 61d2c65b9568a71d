// The known names that a person may have meant by a wrong one.

import { distance } from 'fastest-levenshtein'

/** At most three names, the nearest first: a few typing errors away, or one contains the other. */
export function nearestNames(wanted: string, known: readonly string[]): readonly string[] {
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  return known
    .map(name => ({ name, slips: slipsBetween(wanted, name) }))
    .filter(({ name, slips }) => slips <= limit || (wanted.length > 2 && name.includes(wanted)))
    .sort((a, b) => a.slips - b.slips || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name)
}

/** `a`, `a or b`, `a, b or c`. */
export function eitherOf(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`
}

/**
 * The number of typing errors between two names, ignoring case: a letter too many, too few or wrong (Levenshtein), or
 * two adjacent letters swapped, at most once in a name.
 */
export function slipsBetween(typed: string, name: string): number {
  const [wrong, right] = [typed.toLowerCase(), name.toLowerCase()]
  const swapped = Array.from(
    { length: Math.max(0, wrong.length - 1) },
    (_, at) => wrong.slice(0, at) + wrong[at + 1] + wrong[at] + wrong.slice(at + 2),
  ).filter(word => word !== wrong)
  return Math.min(distance(wrong, right), ...swapped.map(word => 1 + distance(word, right)))
}
