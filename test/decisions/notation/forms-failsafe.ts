// The notation of a case, fifth part: failsafe mode. What the key says, what the members have promised to this node, and
// what this node has promised to another.

import type { ClusterView } from '../../../src/model/cluster/cluster.ts'
import type { FailsafeMembers, FailsafeRefusal, Promises } from '../../../src/model/cluster/failsafe.ts'
import type { Memory } from '../../../src/model/decision/memory.ts'
import { revision } from '../../../src/model/revision.ts'
import type { BootMillis, MemberName, Millis } from '../../../src/model/units.ts'
import type { Draft } from './draft.ts'
import { leaseOf } from './forms-world.ts'
import { type Form, readClauses, readDuration } from './units.ts'

export interface FailsafeDraft {
  /** In etcd as this node last saw it; null: no key. */
  key: MemberName[] | null
  /** Written by this node and not seen since. */
  sent: MemberName[] | null
  /** For how long the promises of the members last. */
  membersForMs: Millis | null
  askedAgoMs: Millis | null
  refusals: FailsafeRefusal[]
  promised: { to: MemberName; agoMs: Millis } | null
  mayHavePromisedForMs: Millis | null
  offForMs: Millis | null
}

export const NO_FAILSAFE: FailsafeDraft = {
  key: null,
  sent: null,
  membersForMs: null,
  askedAgoMs: null,
  refusals: [],
  promised: null,
  mayHavePromisedForMs: null,
  offForMs: null,
}

const KEY_REVISION = revision(34)

const forms: readonly Form<FailsafeDraft>[] = [
  [/^key (.+)$/, ([names = '']) => ({ key: names.split(/\s+/) })],
  [/^sent (.+)$/, ([names = '']) => ({ sent: names.split(/\s+/) })],
  [/^members promise for (\S+)$/, ([time = '']) => ({ membersForMs: readDuration(time) })],
  [/^asked (\S+) ago$/, ([time = '']) => ({ askedAgoMs: readDuration(time) })],
  [/^refused by (\S+) \((.*)\)$/, ([name = '', why = '']) => ({ refusals: [{ name, why }] })],
  [/^promised (\S+) (\S+) ago$/, ([to = '', time = '']) => ({ promised: { to, agoMs: readDuration(time) } })],
  [/^may have promised for (\S+)$/, ([time = '']) => ({ mayHavePromisedForMs: readDuration(time) })],
  [/^off for (\S+)$/, ([time = '']) => ({ offForMs: readDuration(time) })],
]

export function readFailsafe(text: string, draft: Draft): void {
  draft.failsafe = { ...draft.failsafe, ...readClauses('failsafe', text, draft.nowMs, forms) }
}

export function failsafeKey({ failsafe }: Draft): ClusterView['failsafe'] {
  return failsafe.key === null ? null : { value: urlsOf(failsafe.key), modRevision: KEY_REVISION }
}

function urlsOf(names: readonly MemberName[]): FailsafeMembers {
  return Object.fromEntries(names.map(name => [name, apiUrl(name)]))
}

function apiUrl(name: MemberName): string {
  return `http://10.0.0.${Number(leaseOf(name)) - 100}:8008/patroni`
}

export function membersUntil({ nowMs, failsafe }: Draft): BootMillis {
  return failsafe.membersForMs === null ? 0 : nowMs + failsafe.membersForMs
}

export function failsafeMemory({ nowMs, failsafe, me }: Draft): Memory['failsafe'] {
  const { key, sent, askedAgoMs, refusals } = failsafe
  const atMs = nowMs - (askedAgoMs ?? 0)
  return {
    members: key === null ? null : urlsOf(key),
    sent: sent === null ? null : { members: urlsOf(sent), ifRevision: key === null ? null : KEY_REVISION },
    asked:
      askedAgoMs === null
        ? null
        : { sentAtMs: atMs, endedAtMs: atMs, asked: (key ?? []).filter(name => name !== me), refusals },
  }
}

export function promisesOf({ nowMs, settings, failsafe }: Draft): Promises {
  const { promised, mayHavePromisedForMs, offForMs } = failsafe
  const atMs = nowMs - (promised?.agoMs ?? 0)
  return {
    last:
      promised === null
        ? null
        : {
            ...{ name: promised.to, connUrl: '', apiUrl: apiUrl(promised.to), slots: {} },
            ...{ atMs, untilMs: atMs + settings.ttlMs },
          },
    earlierUntilMs: mayHavePromisedForMs === null ? 0 : nowMs + mayHavePromisedForMs,
    offUntilMs: offForMs === null ? null : nowMs - offForMs + settings.ttlMs,
  }
}
