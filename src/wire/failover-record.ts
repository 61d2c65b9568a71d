// The `failover` key between etcd's text and a request (spec/ha.md 1.3). A request is honoured whole or not at all:
// without a part that is unreadable, or unknown to this version, it would be another request.

import type { FailoverRequest, RequestNote } from '../model/cluster/cluster.ts'
import type { MemberName } from '../model/units.ts'
import { type ExactJson, type ExactObject, isObject, parseExact, stringifyExact } from './exact-json.ts'
import { printableNameOrNull as nameOrNull, textOrNull } from './fields.ts'
import { parseInstant } from './times.ts'

/** `{}`, a value without leader and candidate, and anything that cannot be honoured whole are no request: null. */
export function parseFailover(text: string): FailoverRequest | null {
  const value = parseExact(text)
  if (value === undefined && /^[^{["]*:/.test(text)) {
    const [leader, candidate] = text.split(':', 2)
    return request(nameOrNull(leader?.trim()), nameOrNull(candidate?.trim()), null, null)
  }
  if (!isObject(value) || misread(value) !== null) return null
  return request(
    nameOrNull(value.leader),
    nameOrNull(value.member),
    textOrNull(value.scheduled_at),
    isObject(value.hactl) ? noteOf(value.hactl) : null,
  )
}

/** Why a value that `parseFailover` rejects still asks for something; null: it asks for nothing. */
export function whyUnreadableFailover(text: string): string | null {
  if (/^[\s:]*$/.test(text)) return null
  const value = parseExact(text)
  if (value === undefined) return 'not JSON, or too large'
  if (value === null) return null
  if (!isObject(value)) return 'not a JSON object'
  const why = misread(value)
  if (why !== null) return why
  const isEmpty = Object.values(value).every(item => !says(item))
  return isEmpty ? null : 'it names neither a leader nor a member'
}

/** Nothing is asked for: another request may take its place. */
export function asksForNothing(text: string): boolean {
  return parseFailover(text) === null && whyUnreadableFailover(text) === null
}

const FIELDS: Readonly<Record<string, readonly [isRead: (item: ExactJson) => boolean, what: string]>> = {
  leader: [item => nameOrNull(item) !== null, 'a name'],
  member: [item => nameOrNull(item) !== null, 'a name'],
  scheduled_at: [item => textOrNull(item) !== null, 'a text'],
  hactl: [isObject, 'an object'],
}

const NOTES: typeof FIELDS = {
  id: [item => textOrNull(item) !== null, 'a text'],
  requested_by: [item => textOrNull(item) !== null, 'a text'],
  requested_at: [item => instantOf(item) !== null, 'a time with its zone'],
  valid_until: [item => instantOf(item) !== null, 'a time with its zone'],
  begun_by: [item => nameOrNull(item) !== null, 'a name'],
}

/** The first part that cannot be honoured; null: none. */
function misread(value: ExactObject): string | null {
  const why = misreadField(value, FIELDS, '')
  return why ?? (isObject(value.hactl) ? misreadField(value.hactl, NOTES, 'hactl.') : null)
}

function misreadField(value: ExactObject, fields: typeof FIELDS, prefix: string): string | null {
  for (const [field, item] of Object.entries(value)) {
    if (!says(item)) continue
    const known = Object.hasOwn(fields, field) ? fields[field] : undefined
    const name = `${prefix}${field.replace(/[^ -~]/g, '?').slice(0, 40)}`
    if (known === undefined) return `it has a field ${name}, which this version of hactl does not know`
    if (!known[0](item)) return `its ${name} is not ${known[1]}`
  }
  return null
}

function says(item: ExactJson): boolean {
  return item !== null && item !== ''
}

function request(
  leader: MemberName | null,
  candidate: MemberName | null,
  at: string | null,
  note: RequestNote | null,
): FailoverRequest | null {
  if (leader === null && candidate === null) return null
  return {
    leader,
    candidate,
    scheduledAt: at === null ? null : { text: at, wallMs: parseInstant(at) },
    ...(note !== null && { note }),
  }
}

function noteOf(value: ExactObject): RequestNote {
  return {
    id: textOrNull(value.id),
    by: textOrNull(value.requested_by),
    atMs: instantOf(value.requested_at),
    untilMs: instantOf(value.valid_until),
    begunBy: nameOrNull(value.begun_by),
  }
}

function instantOf(item: ExactJson | undefined): number | null {
  return parseInstant(textOrNull(item))
}

/** null writes `{}`: nothing requested. */
export function serialiseFailover(value: FailoverRequest | null): string {
  return stringifyExact({
    leader: value?.leader ?? undefined,
    member: value?.candidate ?? undefined,
    scheduled_at: value?.scheduledAt?.text,
    hactl: value?.note === undefined ? undefined : noteText(value.note),
  })
}

/** Patroni ignores this field. */
function noteText({ id, by, atMs, untilMs, begunBy }: RequestNote): object {
  const time = (ms: number | null) => (ms === null ? undefined : new Date(ms).toISOString())
  return {
    id: id ?? undefined,
    requested_by: by ?? undefined,
    requested_at: time(atMs),
    valid_until: time(untilMs),
    begun_by: begunBy ?? undefined,
  }
}
