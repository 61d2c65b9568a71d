// The words of `hactl wait --for`.

import type { Condition } from '../admin/look/wait.ts'
import { POSTGRES_STATES } from '../model/cluster/cluster.ts'
import { nearestNames } from '../model/command/nearest.ts'

const PLAIN = ['leader', 'healthy', 'streaming'] as const
const STATES = ['streaming', 'leader', ...POSTGRES_STATES]

/** Throws an error that names the mistake, as the parser of a flag does. */
export function parseCondition(text: string): Condition {
  const plain = PLAIN.find(word => word === text)
  if (plain !== undefined) return { kind: plain }
  const [name = '', ...rest] = text.split('=')
  const value = rest.join('=')
  if (name === 'timeline') {
    if (!/^[1-9]\d{0,9}$/.test(value)) throw new Error(`expected timeline=N with a number, not ${text}`)
    return { kind: 'timeline', timeline: Number(value) }
  }
  if (name === '' || rest.length === 0)
    throw new Error(`${unknown(text, [...PLAIN, 'timeline=N', 'MEMBER=STATE'])}`)
  if (!STATES.includes(value)) throw new Error(unknown(value, STATES))
  return { kind: 'member', member: name, state: value }
}

function unknown(text: string, known: readonly string[]): string {
  const [near] = nearestNames(text, known)
  const meant = near === undefined ? '' : `; did you mean ${near}?`
  return `expected one of ${known.join(', ')}, not ${text === '' ? 'an empty text' : text}${meant}`
}
