// Which standbys a primary may wait for, and which of them have everything (spec/ha.md 4.2, spec/postgres.md 6.3).
//
// A standby that PostgreSQL has just been told to wait for lacks what was acknowledged before. It has caught up once it has
// the position at which PostgreSQL began to wait; from then on that stays so for as long as it is waited for.

import type { Member } from '../../model/cluster/cluster.ts'
import type { SyncMemory } from '../../model/decision/sync-memory.ts'
import type { WalSenderView } from '../../model/server/postgres.ts'
import type { BootMillis, Bytes, Lsn, MemberName, Millis } from '../../model/units.ts'
import { failoverTags, replicatesFrom, syncTags } from '../../wire/tags.ts'
import { has, type Names, namesOf } from './names.ts'

export interface StandbyQuestion {
  readonly me: MemberName
  readonly mode: 'on' | 'quorum'
  readonly senders: readonly WalSenderView[]
  readonly members: readonly Member[]
  readonly ownPosition: Lsn
  /** synchronous_commit: which position of a standby counts. */
  readonly commit: string
  /** synchronous_node_count. */
  readonly wanted: number
  /** maximum_lag_on_syncnode; null: any. */
  readonly lagMax: Bytes | null
  /** synchronous_standby_names in force, and the names in it. */
  readonly setting: string
  readonly waitedFor: Names
  /** `*` is among them. */
  readonly anybody: boolean
  /** Each of them has to acknowledge a commit; with `ANY n` or a smaller number it need not be each. */
  readonly needsAll: boolean
  /** Standbys of `/sync` that have everything: this node wrote them there as such. */
  readonly trusted: Names
}

export interface Standbys {
  /** May be waited for, in the order of preference. */
  readonly active: Names
  /** Of these PostgreSQL waits for all and each has everything. */
  readonly confirmed: Names
}

/** WAL senders read a changed setting within milliseconds of the signal; until then they go by the one before. */
const RELOAD_MS: Millis = 200

interface Candidate {
  readonly name: MemberName
  readonly syncState: string
  readonly lsn: Lsn
  readonly priority: number
  readonly nofailover: boolean
}

/** By what is remembered with this look (`rememberStandbys`). */
export function synchronousStandbys(question: StandbyQuestion, memory: SyncMemory | null): Standbys {
  const candidates = candidatesOf(question)
  const { mode, wanted, lagMax, ownPosition } = question
  const newest =
    candidates.length > 1 ? candidates.reduce((most, { lsn }) => (lsn > most ? lsn : most), 0n) : ownPosition
  const active: MemberName[] = []
  const confirmed: MemberName[] = []
  // Whoever may not lead is the last choice: with it alone nobody could take over.
  const inOrder = [
    ...candidates.filter(each => !each.nofailover),
    ...candidates.filter(each => each.nofailover),
  ]
  for (const { name, lsn, syncState, nofailover } of inOrder) {
    if (lagMax !== null && newest - lsn > lagMax) continue
    if (mode === 'on' ? active.length >= wanted : nofailover && active.length >= wanted) continue
    active.push(name)
    const isReady = has(memory?.ready ?? [], name)
    if (mode === 'on' ? isReady && syncState === 'sync' : isReady) confirmed.push(name)
  }
  return { active: namesOf(active), confirmed: namesOf(confirmed) }
}

/** Streaming members that may be waited for: the preferred ones first, then those that are waited for, then the nearest. */
function candidatesOf({ me, senders, members, commit }: StandbyQuestion): readonly Candidate[] {
  const streaming = senders.filter(({ state }) => state === 'streaming')
  const memberOf = (name: MemberName): Member | undefined =>
    members.find(member => member.name.toLowerCase() === name.toLowerCase())
  const found = streaming.flatMap(sender => {
    const member = memberOf(sender.applicationName)
    const lsn = positionOf(sender, commit)
    // 8.F10: a sender without a position says nothing. 8.F7: this node never waits for a namesake.
    if (member === undefined || lsn === null || member.name === me || member.record.state !== 'running')
      return []
    const { nosync, syncPriority } = syncTags(member.record.tags)
    if (nosync || streamsThroughAnother(member, memberOf, streaming)) return []
    const { nofailover } = failoverTags(member.record.tags)
    return [{ name: member.name, syncState: sender.syncState, lsn, priority: syncPriority, nofailover }]
  })
  return found.sort(
    (a, b) =>
      b.priority - a.priority ||
      compare(b.syncState, a.syncState) ||
      compare(b.lsn, a.lsn) ||
      compare(a.name, b.name),
  )
}

const compare = <T extends string | bigint>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

function positionOf(sender: WalSenderView, commit: string): Lsn | null {
  const { writeLsn = null, flushLsn = null, replayLsn = null } = sender
  if (commit === 'remote_apply') return replayLsn
  return commit === 'remote_write' ? writeLsn : flushLsn
}

/** It is to stream from another member that streams from here: its own connection is about to end. */
function streamsThroughAnother(
  member: Member,
  memberOf: (name: MemberName) => Member | undefined,
  streaming: readonly WalSenderView[],
): boolean {
  const seen = new Set([member.name])
  let source = replicatesFrom(member.record.tags)
  while (source !== null && !seen.has(source)) {
    seen.add(source)
    const name = source
    if (streaming.some(sender => sender.applicationName.toLowerCase() === name.toLowerCase())) return true
    const next = memberOf(source)
    source = next === undefined ? null : replicatesFrom(next.record.tags)
  }
  return false
}

/**
 * Folds a look into the memory. Any other setting, be it another number, ends what was known: by the one before, other standbys
 * may have acknowledged what these lack.
 */
export function rememberStandbys(
  question: StandbyQuestion,
  nowMs: BootMillis,
  memory: SyncMemory | null,
): SyncMemory {
  const { setting, waitedFor, ownPosition, mode, trusted, needsAll } = question
  const before = memory?.setting === setting && isReloaded(question) ? memory : null
  const sinceMs = before?.sinceMs ?? nowMs
  const catchUpLsn = before?.catchUpLsn ?? (nowMs - sinceMs >= RELOAD_MS ? ownPosition : null)
  const caughtUp = candidatesOf(question).filter(({ name, syncState, lsn }) => {
    if (!has(waitedFor, name)) return false
    if (mode === 'on' && has(trusted, name)) return true
    return catchUpLsn !== null && lsn >= catchUpLsn && syncState === (mode === 'on' ? 'sync' : 'quorum')
  })
  // In priority mode each has to have everything: where some of them are enough, nobody is known to.
  const counts = mode === 'quorum' || needsAll
  const ready = counts ? namesOf([...(before?.ready ?? []), ...caughtUp.map(({ name }) => name)]) : []
  return { setting, sinceMs, catchUpLsn, ready }
}

/**
 * Each WAL sender has read which standbys are waited for: those have a priority, the others have none. Until then a sender may
 * still acknowledge commits by the setting before. Whether it has read another number does not show: RELOAD_MS.
 */
function isReloaded({ senders, waitedFor, anybody }: StandbyQuestion): boolean {
  return (
    anybody ||
    senders.every(
      ({ applicationName, flushLsn, syncPriority }) =>
        flushLsn == null || syncPriority === null || syncPriority > 0 === has(waitedFor, applicationName),
    )
  )
}
