// Guarded writes of single keys: member, initialize, config, failover, history. After a try whose answer was lost, a
// key that holds exactly our text counts as written; otherwise the outcome is unknown.

import type { LeaseId, Revision } from '../model/units.ts'
import type { WriteOutcome } from '../ports/store.ts'
import type { Entry } from '../wire/cluster-view.ts'
import type { Entries } from './entries.ts'
import type { Lease } from './lease.ts'
import type { Transactions } from './transactions.ts'
import { type Budget, type Change, type Committed, type Guard, holds } from './transport.ts'

const ROUNDS_MAX = 5

export interface GuardedWrite {
  readonly key: string
  /** null deletes the key. */
  readonly text: string | null
  /** null: only if the view shows none; undefined: whatever is there. */
  readonly ifRevision: Revision | null | undefined
  /** Texts that the view shows as `null` though the key exists, e.g. `{}` in `failover`. */
  readonly countsAsAbsent?: (text: string) => boolean
  /** The key ends with our lease: a claim that must not outlive its owner. */
  readonly onLease?: boolean
  /** Written in the same transaction. */
  readonly together?: readonly Change[]
  /** Further guards that must hold. */
  readonly onlyIf?: readonly Guard[]
}

export class Writes {
  readonly #transactions: Transactions
  readonly #lease: Lease
  readonly #entries: Entries

  constructor(transactions: Transactions, lease: Lease, entries: Entries) {
    this.#transactions = transactions
    this.#lease = lease
    this.#entries = entries
  }

  async write(wanted: GuardedWrite, budget: Budget): Promise<WriteOutcome> {
    const leaseId = wanted.onLease === true ? await this.#anyLease(budget) : null
    if (leaseId !== null && typeof leaseId !== 'string') return leaseId
    const also = wanted.onlyIf ?? []
    let guard = await this.#firstGuard(wanted, budget)
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if ('why' in guard) return guard
      const change: Change = {
        key: wanted.key,
        text: wanted.text,
        ...(leaseId === null ? {} : { leaseId }),
      }
      const changes = [change, ...(wanted.together ?? [])]
      const result = await this.#transactions.commit(guard, changes, budget, also)
      if (!result.ok) {
        if (leaseId !== null && result.failure === 'lease-gone') this.#lease.forget(leaseId)
        return { kind: 'unreachable', why: result.why, mayBeWritten: result.unclear }
      }
      if (result.succeeded) return { kind: 'done', revision: result.revision }
      const standing = result.entry
      // Two nodes that race for a key may write the same text: the lease says whose it is.
      const isOurs = leaseId === null || standing?.leaseId === leaseId
      // An empty request may have been written by the node that carried the request out.
      const isTelling = wanted.text === null || wanted.countsAsAbsent?.(wanted.text) !== true
      if (result.unclear && isOurs && isTelling && (standing?.text ?? null) === wanted.text) {
        return { kind: 'done', revision: standing?.modRevision ?? result.revision }
      }
      // The earlier try may have been applied and since replaced, or even consumed: so neither refuse nor try again. A
      // claim on our lease is different: nobody replaces it, so the one found is somebody else's.
      if (result.unclear && leaseId === null)
        return { kind: 'unreachable', why: this.#lostAnswer(wanted, standing), mayBeWritten: true }
      if (holds(guard, standing))
        return { kind: 'refused', why: `${also.map(({ key }) => key).join(' or ')} is not what it was` }
      const next = nextGuard(wanted, standing)
      if (next === null) return { kind: 'refused', why: conflict(wanted, standing) }
      guard = next
    }
    return { kind: 'refused', why: `${wanted.key} kept changing` }
  }

  // Even a write that replaces anything is guarded by revision: a lost try that etcd applies late must not undo what
  // was written after it, such as the clearing of a failover request.
  async #firstGuard(
    wanted: GuardedWrite,
    budget: Budget,
  ): Promise<Guard | Extract<WriteOutcome, { why: string }>> {
    const { key, ifRevision } = wanted
    if (ifRevision === null) return { key, absent: true }
    if (ifRevision !== undefined) return { key, modRevision: ifRevision }
    const now = await this.#transactions.read(key, budget)
    return now.ok ? guardOf(key, now.entry) : { kind: 'unreachable', why: now.why }
  }

  /** Puts the member key on our lease, which is made when there is none. */
  async member(key: string, text: string, budget: Budget): Promise<WriteOutcome> {
    let why = 'no lease'
    for (let round = 0; round < 2; round++) {
      const leaseId = await this.#anyLease(budget)
      if (typeof leaseId !== 'string') return leaseId
      const result = await this.#putMember(key, text, leaseId, budget)
      if (result.ok && result.succeeded) return { kind: 'done', revision: result.revision }
      if (result.ok) {
        if (isForeign(result.entry, leaseId))
          return {
            kind: 'refused',
            why: `another node wrote ${key}, on lease ${result.entry?.leaseId ?? 'none'}`,
          }
        why = `${key} kept changing`
        continue
      }
      if (result.failure !== 'lease-gone') return { kind: 'unreachable', why: result.why }
      why = result.why
      this.#lease.forget(leaseId)
    }
    return { kind: 'unreachable', why }
  }

  // Guarded by the revision that was seen, for the same reason as above. A key that somebody else wrote meanwhile is
  // looked at first: the name may be another node's.
  async #putMember(key: string, text: string, leaseId: LeaseId, budget: Budget): Promise<Committed> {
    const change: Change = { key, text, leaseId }
    let result = await this.#transactions.commit(
      guardOf(key, this.#entries.get(key) ?? null),
      [change],
      budget,
    )
    for (let round = 0; round < ROUNDS_MAX && result.ok && !result.succeeded; round++) {
      if (isForeign(result.entry, leaseId)) return result
      result = await this.#transactions.commit(guardOf(key, result.entry), [change], budget)
    }
    return result
  }

  #lostAnswer({ key }: GuardedWrite, standing: Entry | null): string {
    const now = standing === null ? 'is gone' : `has revision ${standing.modRevision}`
    return `an answer of ${this.#lease.store} was lost: ${key} ${now} now, and whether ours was written is not known`
  }

  async #anyLease(budget: Budget): Promise<LeaseId | Extract<WriteOutcome, { why: string }>> {
    const { id } = this.#lease
    if (id !== null) return id
    const kept = await this.#lease.keep(budget)
    if (kept.kind === 'kept') return kept.leaseId
    return { kind: 'unreachable', why: kept.kind === 'gone' ? 'the lease is gone' : kept.why }
  }
}

function isForeign(entry: Entry | null, leaseId: LeaseId): boolean {
  return entry !== null && entry.leaseId !== leaseId
}

function guardOf(key: string, entry: Entry | null): Guard {
  return entry === null ? { key, absent: true } : { key, modRevision: entry.modRevision }
}

function nextGuard(wanted: GuardedWrite, standing: Entry | null): Guard | null {
  if (wanted.ifRevision === undefined) return guardOf(wanted.key, standing)
  if (wanted.ifRevision !== null || standing === null) return null
  return wanted.countsAsAbsent?.(standing.text) === true ? guardOf(wanted.key, standing) : null
}

function conflict({ key, ifRevision }: GuardedWrite, standing: Entry | null): string {
  if (standing === null) return `${key} is gone`
  if (ifRevision === null) return `${key} exists already, revision ${standing.modRevision}`
  return `${key} changed: it has revision ${standing.modRevision}, expected was ${ifRevision}`
}
