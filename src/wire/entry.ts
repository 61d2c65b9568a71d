// One key as etcd holds it, and its value, parsed once however often it is asked for.

import type { LeaseId, Revision } from '../model/units.ts'
import { drainedMemberOf, memberNameOf, whyNoMember } from './keys.ts'

/** Immutable, so that its parsed value can be remembered. */
export interface Entry {
  readonly text: string
  /** null: the key outlives its writer. */
  readonly leaseId: LeaseId | null
  readonly modRevision: Revision
  /** Characters of a value that was too large to be kept; `text` is empty then. Absent: it is kept. */
  readonly tooLarge?: number
}

/** A member key has some 1,000 characters; with many settings that await a restart, some 10,000. */
export const MEMBER_TEXT_MAX = 64 << 10

/** Without its value, if that is larger than any that a member writes: there may be many such keys. */
export function bounded(relativeKey: string, entry: Entry): Entry {
  const { leaseId, modRevision, text } = entry
  if (whyNoMember(relativeKey) !== null) return { text: '', leaseId, modRevision }
  const isMembers = memberNameOf(relativeKey) !== null || drainedMemberOf(relativeKey) !== null
  if (!isMembers || text.length <= MEMBER_TEXT_MAX) return entry
  return { text: '', leaseId, modRevision, tooLarge: text.length }
}

const parsed = new WeakMap<Entry, unknown>()

export function once<T>(entry: Entry, parse: (text: string) => T): T {
  const known = parsed.get(entry) as T | undefined
  if (known !== undefined || parsed.has(entry)) return known as T
  const value = sameText(entry.text, parse)
  parsed.set(entry, value)
  return value
}

/** The same text comes in several entries: from a write of our own, from the watch and from each read. */
const TEXTS_MAX = 100
const TEXT_LENGTH_MAX = 4096
const byText = new Map<(text: string) => unknown, Map<string, unknown>>()

function sameText<T>(text: string, parse: (text: string) => T): T {
  if (text.length > TEXT_LENGTH_MAX) return parse(text)
  const texts = byText.get(parse) ?? new Map<string, unknown>()
  if (texts.size === 0) byText.set(parse, texts)
  const known = texts.get(text) as T | undefined
  if (known !== undefined) return known
  if (texts.size >= TEXTS_MAX) texts.clear()
  const value = parse(text)
  texts.set(text, value)
  return value
}
