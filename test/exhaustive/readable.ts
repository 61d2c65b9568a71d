// What a decision says, judged as text.

import type { Decision } from '../../src/model/decision/decision.ts'

/** No holes, and no full stop but that of a hint, which is a sentence of its own (style: errors are a table). */
export function unreadable(decision: Decision): readonly string[] {
  const [said = ''] = decision.reason.split(/\.? HINT: /)
  const holes = /undefined|null|NaN|\[object/.test(decision.reason)
  return said === '' || holes || said.endsWith('.') ? [`an unreadable reason: ${decision.reason}`] : []
}
