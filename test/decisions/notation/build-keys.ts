// What a case says of the keys of hactl's own, beside the record of the last leader, and of the history.

import type { ClusterView, HistoryLine } from '../../../src/model/cluster/cluster.ts'
import { withNext } from '../../../src/model/cluster/timeline.ts'
import { revision } from '../../../src/model/revision.ts'
import { guardNote } from './build-guard.ts'
import { DEFAULT_LSN, type Draft, type SwitchText, SYSTEM_IDENTIFIER } from './draft.ts'

type OwnKeys = Required<Pick<ClusterView, 'guard' | 'promotions' | 'takeovers'>>

/** When the takeover was, by the clock of its node; the memory knows since when this node has seen the note. */
const NOTED_AT = '2026-11-22T08:50:00.000Z'

export function hactlKeys(draft: Draft): OwnKeys {
  return { guard: guardNote(draft), promotions: promotionsOf(draft), takeovers: takeoversOf(draft) }
}

function takeoversOf({ etcd: { takeover } }: Draft): OwnKeys['takeovers'] {
  if (takeover === null) return null
  const { from, to, cause, settled } = takeover
  const note = { from, to, cause, timeline: 1, at: NOTED_AT, by: null, leaderlessMs: 31_000, lostBytes: 0n }
  const value = [{ ...note, ...(settled ? { settled: true as const } : {}) }]
  return { value, modRevision: revision(35) }
}

function promotionsOf(draft: Draft): OwnKeys['promotions'] {
  const { promotions } = draft.etcd
  if (promotions.length === 0) return null
  const numbers = promotions.map(each => ({ ...each, from: 1, at: DEFAULT_LSN }))
  const value = { systemIdentifier: SYSTEM_IDENTIFIER, numbers }
  return { value, modRevision: revision(34) }
}

export function noted({ timeline, lsn, by, to }: SwitchText): HistoryLine {
  const line = { timeline, lsn, reason: 'no recovery target specified', leader: by ?? 'pg1' }
  return to === undefined ? line : withNext(line, to)
}
