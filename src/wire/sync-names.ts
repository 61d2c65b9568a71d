// synchronous_standby_names as PostgreSQL reads it and as Patroni writes it (spec/postgres.md 6.1, 6.2).

import type { MemberName } from '../model/units.ts'

export interface SyncNames {
  readonly kind: 'off' | 'priority' | 'quorum'
  readonly count: number
  /** As they are written. Without the placeholder. */
  readonly names: readonly MemberName[]
  /** `*`: whoever streams, also what is no member. */
  readonly anybody: boolean
}

/** A standby that nobody is: with it alone every commit waits (strict mode). No node may be called so. */
export const NOBODY = '__patroni_strict_sync_replica_placeholder__'

const OFF: SyncNames = { kind: 'off', count: 0, names: [], anybody: false }
const TOKEN = /\s+|"(?:[^"]|"")*"|[A-Za-z_][\w$]*|\d+|[*,()]|./gsy

/** What cannot be read is off, as PostgreSQL would refuse it. */
export function parseSyncNames(text: string): SyncNames {
  const tokens = [...text.matchAll(TOKEN)].map(([token]) => token).filter(token => token.trim() !== '')
  if (tokens.length === 0) return OFF
  const [first = '', second = ''] = tokens
  const word = first.toLowerCase()
  if (word === 'any' && isNumber(second)) return listed('quorum', Number(second), inside(tokens.slice(2)))
  if (word === 'first' && isNumber(second)) return listed('priority', Number(second), inside(tokens.slice(2)))
  if (isNumber(first) && second === '(') return listed('priority', Number(first), inside(tokens.slice(1)))
  return listed('priority', 1, tokens)
}

const isNumber = (token: string): boolean => /^\d+$/.test(token)

/** null: it is not in one pair of brackets. */
function inside(tokens: readonly string[]): readonly string[] | null {
  return tokens[0] === '(' && tokens.at(-1) === ')' ? tokens.slice(1, -1) : null
}

function listed(kind: 'priority' | 'quorum', count: number, tokens: readonly string[] | null): SyncNames {
  if (tokens === null || tokens.length % 2 === 0) return OFF
  const elements = tokens.filter((_, at) => at % 2 === 0)
  const separators = tokens.filter((_, at) => at % 2 === 1)
  if (separators.some(token => token !== ',') || elements.some(token => !isElement(token))) return OFF
  const names = elements.map(nameOf)
  const isNobody = names.length === 1 && names[0] === NOBODY
  return { kind, count, names: isNobody ? [] : names, anybody: elements.includes('*') }
}

const isElement = (token: string): boolean => token === '*' || /^["A-Za-z_]/.test(token)

function nameOf(token: string): MemberName {
  return token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token
}

/** null: the setting is removed. No name at all and a count: nobody can acknowledge. */
export function formatSyncNames(
  kind: 'priority' | 'quorum',
  count: number,
  names: readonly MemberName[],
): string | null {
  if (names.length === 0 && count === 0) return null
  const shown = names.length === 0 ? [NOBODY] : names.toSorted().map(quoted)
  const list = shown.join(',')
  if (kind === 'quorum') return `ANY ${Math.max(count, 1)} (${list})`
  return shown.length === 1 ? list : `${count} (${list})`
}

/** Plain where PostgreSQL reads it as a name; `first` and `any` begin another form. */
function quoted(name: MemberName): string {
  const isPlain = /^[A-Za-z_][\w$]*$/.test(name) && !/^(first|any)$/i.test(name)
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`
}

/** Do both mean the same to PostgreSQL? */
export function sameSyncNames(one: string, other: string): boolean {
  const [a, b] = [one, other].map(parseSyncNames)
  return JSON.stringify(comparable(a)) === JSON.stringify(comparable(b))
}

function comparable(names: SyncNames | undefined): unknown {
  if (names === undefined || names.kind === 'off') return null
  const { kind, count, anybody } = names
  // In a list the order says who is preferred; a list of one and `1 (a)` are the same.
  const list = names.names.map(name => name.toLowerCase())
  return [kind, count, anybody, kind === 'quorum' ? list.toSorted() : list]
}
