// The small words of the notation: durations, positions, lists of timeline switches, and clauses of a line.

import type { HistoryLine } from '../../../src/model/cluster/cluster.ts'
import { clusterTimeline } from '../../../src/model/cluster/timeline.ts'
import { formatLsn, type Lsn, parseLsn } from '../../../src/model/units.ts'
import type { SwitchText } from './draft.ts'

/** `25s`, `300ms`, `5m`, `2h`. */
export function readDuration(text: string): number {
  const match = /^(-?\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  if (match === null) throw new Error(`not a duration: ${text}`)
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 'ms'] ?? 1
  return Math.round(Number(match[1]) * unit)
}

export function showDuration(ms: number): string {
  return Math.abs(ms) < 1000 && ms !== 0 ? `${ms}ms` : `${ms / 1000}s`
}

export function readPosition(text: string): Lsn {
  const lsn = parseLsn(text)
  if (lsn === null) throw new Error(`not a position: ${text}`)
  return lsn
}

/** Where a clean stop ended; the record before the shutdown checkpoint begins 0x28 earlier. */
export function positionAt(text: string): { checkpointLsn: Lsn; previousLsn: Lsn } {
  const checkpointLsn = readPosition(text)
  return { checkpointLsn, previousLsn: checkpointLsn - 0x28n }
}

/** `1@0/3000060 2@0/5000000:pg3>4` (pg3 left timeline 2 for 4); `empty` for a list without lines. */
export function readSwitches(text: string): SwitchText[] {
  if (text === 'empty') return []
  return text.split(/\s+/).map(word => {
    const [timeline = '', lsn = '', by, to] =
      /^(\d+)@([^:>]+)(?::([^>]+))?(?:>(\d+))?$/.exec(word)?.slice(1) ?? []
    const left = { timeline: Number(timeline), lsn: readPosition(lsn) }
    return { ...left, ...(by === undefined ? {} : { by }), ...(to === undefined ? {} : { to: Number(to) }) }
  })
}

export function showSwitches(switches: readonly HistoryLine[]): string {
  const lines = switches.map(line => {
    const to = clusterTimeline([line])
    return `${line.timeline}@${formatLsn(line.lsn)}${to === line.timeline + 1 ? '' : `>${to}`}`
  })
  return lines.join(' ') || 'empty'
}

/** Splits at commas outside of parentheses and quotes. */
export function splitClauses(text: string): string[] {
  const clauses: string[] = []
  let depth = 0
  let quoted = false
  let clause = ''
  for (const char of text) {
    if (char === '"') quoted = !quoted
    if (!quoted && char === '(') depth++
    if (!quoted && char === ')') depth--
    if (char === ',' && depth === 0 && !quoted) {
      clauses.push(clause.trim())
      clause = ''
    } else clause += char
  }
  clauses.push(clause.trim())
  return clauses.filter(part => part !== '')
}

/** One form of a clause and what it says. */
export type Form<T> = readonly [
  pattern: RegExp,
  says: (words: readonly (string | undefined)[], nowMs: number) => Partial<T>,
]

/** What the clauses say together, each read by the first form that fits the whole of it. */
export function readClauses<T>(
  line: string,
  text: string,
  nowMs: number,
  forms: readonly Form<T>[],
): Partial<T> {
  const said: Partial<T> = {}
  for (const clause of splitClauses(text)) {
    const fitting = forms.find(([pattern]) => pattern.test(clause))
    if (fitting === undefined) throw new Error(`"${line}" does not know the clause "${clause}"`)
    Object.assign(said, fitting[1](fitting[0].exec(clause)?.slice(1) ?? [], nowMs))
  }
  return said
}
