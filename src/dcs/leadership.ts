// The leader key: acquire, renew, adopt, release. Each answer `done` means: a quorum of etcd agreed, after the lease
// was kept alive, that the key is ours and hangs on our lease. A key that belongs to somebody else, or to nobody, is
// `refused`; no answer is `unreachable`, and the outcome of the write is then unknown (the next guarded one finds out).

import type { ClusterStatus } from '../model/cluster/cluster.ts'
import type { LeaseId, MemberName, Revision } from '../model/units.ts'
import type { LeaseOutcome, WriteOutcome } from '../ports/store.ts'
import type { Entry } from '../wire/cluster-view.ts'
import { GUARD, LAST_LEADER, LEADER, STATUS } from '../wire/keys.ts'
import { serialiseGuard } from '../wire/own-keys/guard-record.ts'
import type { Entries } from './entries.ts'
import type { Kept, Lease } from './lease.ts'
import { statusWrite } from './status-write.ts'
import type { Log } from './store-log.ts'
import type { Transactions } from './transactions.ts'
import { type Budget, type Change, type Committed, type Guard, holds } from './transport.ts'

const ROUNDS_MAX = 6
const STATUS_ROUNDS_MAX = 3

/** Written beside a proof or a release, in the same transaction. */
interface SideWrites {
  readonly changes: readonly Change[]
  readonly status: ClusterStatus | null
}

type HeldLease = Extract<Kept, { kind: 'kept' }>
/** `again`: the lease went away, or etcd changed its leader between the two steps. */
type Proof = LeaseOutcome | { readonly kind: 'again'; readonly why: string }

export class Leadership {
  readonly #me: MemberName
  readonly #lease: Lease
  readonly #transactions: Transactions
  readonly #entries: Entries
  readonly #log: Log
  #newsRefused = false
  /** A release, by this or a former run of this agent, may still be on its way. */
  #mayBeReleased: boolean = false

  constructor(me: MemberName, lease: Lease, transactions: Transactions, entries: Entries, log: Log) {
    this.#me = me
    this.#lease = lease
    this.#transactions = transactions
    this.#entries = entries
    this.#log = log
  }

  /** `ifRevision`: the revision at which the caller saw the record of the last leader; null: there was none. */
  acquire(ifRevision: Revision | null, guarded: boolean, budget: Budget): Promise<LeaseOutcome> {
    const nobodySince: Guard =
      ifRevision === null ? { key: LAST_LEADER, absent: true } : { key: LAST_LEADER, modRevision: ifRevision }
    return this.#proven(budget, kept => this.#create(kept, nobodySince, guarded, budget))
  }

  renew(status: ClusterStatus | null, budget: Budget): Promise<LeaseOutcome> {
    return this.#proven(budget, kept => this.#prove(kept, status, budget))
  }

  async adopt(leaseId: LeaseId, budget: Budget): Promise<LeaseOutcome> {
    const kept = await this.#lease.adopt(leaseId, budget)
    if (kept.kind === 'unreachable') return kept
    if (kept.kind === 'gone') return { kind: 'refused', holder: null, why: `lease ${leaseId} is gone` }
    this.#mayBeReleased = true
    const proof = await this.#prove(kept, null, budget)
    if (proof.kind === 'again') return this.renew(null, budget)
    if (proof.kind === 'refused') this.#lease.leave()
    return proof
  }

  /** Deletes the key if it is ours, on whatever lease; the same transaction writes `status` and notes the release. */
  async release(status: ClusterStatus | null, budget: Budget): Promise<WriteOutcome> {
    const release: Change = { key: LEADER, text: null }
    const sideWrites = { changes: [{ key: LAST_LEADER, text: '' }], status }
    const seen = this.#entries.get(LEADER)
    const isSeen = seen?.text === this.#me
    const now = isSeen
      ? { entry: seen, revision: seen.modRevision }
      : await this.#transactions.read(LEADER, budget)
    if ('why' in now) return { kind: 'unreachable', why: now.why }
    let { entry, revision }: { entry: Entry | null; revision: Revision } = now
    let unclear = false
    // Guarded by revision: a try carried out late must not delete a key that was taken, or proved ours, after it.
    for (let round = 0; round < ROUNDS_MAX && entry?.text === this.#me; round++) {
      const asSeen: Guard = { key: LEADER, modRevision: entry.modRevision }
      const result = await this.#commitWithSideWrites(asSeen, [release], sideWrites, budget)
      if (!result.ok) {
        this.#mayBeReleased = true
        return { kind: 'unreachable', why: result.why }
      }
      if (result.succeeded) return { kind: 'done', revision: result.revision }
      unclear ||= result.unclear
      entry = result.entry
      revision = result.revision
    }
    // If an answer was lost and the key is no longer ours, that is what was asked for.
    if (unclear && entry?.text !== this.#me) return { kind: 'done', revision }
    return { kind: 'refused', why: `the leader key is held by ${entry?.text ?? 'nobody'}` }
  }

  async #proven(budget: Budget, step: (kept: HeldLease) => Promise<Proof>): Promise<LeaseOutcome> {
    let why = 'the lease could not be kept'
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const kept = await this.#lease.keep(budget)
      if (kept.kind === 'unreachable') return kept
      if (kept.kind === 'gone') continue
      const proof = await step(kept)
      if (proof.kind !== 'again') return proof
      why = proof.why
      this.#log('INFO', `leader key: once more, because ${why}`)
    }
    return { kind: 'unreachable', why }
  }

  async #create(kept: HeldLease, nobodySince: Guard, guarded: boolean, budget: Budget): Promise<Proof> {
    const note = serialiseGuard({ leader: this.#me, guarded })
    const changes = [...this.#taking(kept), { key: GUARD, text: note }]
    const absent: Guard = { key: LEADER, absent: true }
    const result = await this.#transactions.commit(absent, changes, budget, [nobodySince])
    if (result.ok && !result.succeeded && result.entry?.text === this.#me) {
      if (result.entry.leaseId === kept.leaseId) return this.#done(kept, result)
      const why = `the leader key is ours on another lease, ${result.entry.leaseId ?? 'none'}`
      return { kind: 'refused', holder: this.#me, why }
    }
    if (result.ok && result.succeeded) return this.#done(kept, result)
    return this.#otherwise(kept, result)
  }

  async #prove(kept: HeldLease, status: ClusterStatus | null, budget: Budget): Promise<Proof> {
    const mine = { key: LEADER, text: this.#me, leaseId: kept.leaseId }
    // A new write makes a release that is still on its way find another revision. The record is written anew as well:
    // others believe it only while it is not older than the key.
    const own = this.#mayBeReleased ? this.#taking(kept) : this.#recordChange()
    const result = await this.#commitWithSideWrites(mine, [], { changes: own, status }, budget)
    if (result.ok && result.succeeded && result.entry?.modRevision === result.revision)
      this.#mayBeReleased = false
    if (!result.ok || result.succeeded) return this.#otherwise(kept, result)
    if (result.entry?.text !== this.#me) return this.#otherwise(kept, result)
    // Ours, but on a lease of an earlier process or an earlier ttl.
    const guard = { key: LEADER, modRevision: result.entry.modRevision }
    const rebound = await this.#commitWithSideWrites(
      guard,
      this.#taking(kept),
      { changes: [], status },
      budget,
    )
    if (rebound.ok && !rebound.succeeded && rebound.unclear)
      return { kind: 'again', why: 'an answer was lost' }
    return this.#otherwise(kept, rebound)
  }

  #taking(kept: HeldLease): readonly Change[] {
    return [
      { key: LEADER, text: this.#me, leaseId: kept.leaseId },
      { key: LAST_LEADER, text: this.#me },
    ]
  }

  #otherwise(kept: HeldLease, result: Committed): Proof {
    if (!result.ok) {
      if (result.failure !== 'lease-gone') return { kind: 'unreachable', why: result.why }
      this.#lease.forget(kept.leaseId)
      return { kind: 'again', why: 'the lease ended meanwhile' }
    }
    if (result.succeeded) return this.#done(kept, result)
    const holder = result.entry?.text ?? null
    return { kind: 'refused', holder, why: `the leader key is held by ${holder ?? 'nobody'}` }
  }

  #done(kept: HeldLease, result: Extract<Committed, { ok: true }>): Proof {
    if (kept.term !== null && kept.term !== result.term) {
      return { kind: 'again', why: `${this.#lease.store} went from raft term ${kept.term} to ${result.term}` }
    }
    return { kind: 'done', leaseId: kept.leaseId, ttlMs: kept.askedMs, validUntilMs: kept.validUntilMs }
  }

  /**
   * Commits `needed` with the side writes. An etcd that takes no more data (its disk is full) still proves or ends a
   * lease: the side writes of a healthy primary can wait.
   */
  async #commitWithSideWrites(
    guard: Guard,
    needed: readonly Change[],
    sideWrites: SideWrites,
    budget: Budget,
  ): Promise<Committed> {
    const result = await this.#withStatus(
      guard,
      [...sideWrites.changes, ...needed],
      sideWrites.status,
      budget,
    )
    const none = sideWrites.changes.length === 0 && sideWrites.status === null
    if (result.ok || result.failure !== 'not-taken' || none) {
      if (result.ok && !none) this.#newsRefused = false
      return result
    }
    const without = await this.#transactions.commit(guard, needed, budget)
    if (without.ok && !this.#newsRefused) {
      this.#newsRefused = true
      const keys = [
        ...sideWrites.changes.map(({ key }) => key),
        ...(sideWrites.status === null ? [] : [STATUS]),
      ]
      this.#log(
        'WARNING',
        `${keys.join(' and ')}: not written until ${this.#lease.store} takes it again: ${result.why}`,
      )
    }
    // The earlier try, with the side writes, may have been applied.
    return { ...without, unclear: without.unclear || result.unclear }
  }

  /** A writer that keeps changing `status` must not prevent the proof of a lease, which then goes without it. */
  async #withStatus(
    guard: Guard,
    changes: readonly Change[],
    status: ClusterStatus | null,
    budget: Budget,
  ): Promise<Committed> {
    let unclear = false
    for (let round = 0; round < STATUS_ROUNDS_MAX; round++) {
      const write = statusWrite(status, this.#entries.get(STATUS) ?? null)
      if (write === null) break
      const result = await this.#transactions.commit(guard, [...changes, write.change], budget, [write.guard])
      if (!result.ok || result.succeeded || !holds(guard, result.entry))
        return { ...result, unclear: result.unclear || unclear }
      // Another writer was first: read what it wrote, so that it is kept.
      unclear ||= result.unclear
      if (!(await this.#transactions.read(STATUS, budget)).ok) break
    }
    const without = await this.#transactions.commit(guard, changes, budget)
    return { ...without, unclear: without.unclear || unclear }
  }

  // The key may come from Patroni, or from a hactl that kept no such record.
  #recordChange(): readonly Change[] {
    const isRecorded = this.#entries.get(LAST_LEADER)?.text === this.#me
    return isRecorded ? [] : [{ key: LAST_LEADER, text: this.#me }]
  }
}
