// The Store port over whatever transport reaches the store: docs/adr/0018-a-port-for-several-stores.md. This file only
// wires the parts.

import type { ClusterView } from '../model/cluster/cluster.ts'
import { type Seen, seen, unseen } from '../model/seen.ts'
import type { MemberName, Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { CommandStore, StoreTimings } from '../ports/store.ts'
import { clusterView } from '../wire/cluster-view.ts'
import { serialiseDrain } from '../wire/drain-record.ts'
import { asksForNothing } from '../wire/failover-record.ts'
import { CONFIG, drainKey, FAILOVER, INITIALIZE, memberKey, STATUS } from '../wire/keys.ts'
import { serialiseConfig, serialiseFailover, serialiseMember } from '../wire/records.ts'
import { Entries } from './entries.ts'
import { failsafeWrite } from './failsafe-write.ts'
import { guardWrite } from './guard-write.ts'
import { historyWrite } from './history-write.ts'
import { Leadership } from './leadership.ts'
import { Lease } from './lease.ts'
import { promotionsWrite } from './promotions-write.ts'
import type { Log } from './store-log.ts'
import { syncWrite } from './sync-write.ts'
import { takeoverWrite } from './takeover-write.ts'
import { type Observe, Transactions } from './transactions.ts'
import type { Budget, Sight, Transport } from './transport.ts'
import { Writes } from './writes.ts'

interface StoreOptions {
  readonly open: (sight: Sight) => Transport
  /** This node's name: the value of the leader key and the last part of the member key. */
  readonly member: MemberName
  readonly clock: Clock
  readonly timings: StoreTimings
  readonly log: Log
}

/**
 * The watch begins with the first `view()` or `onChange()`: a command that only reads and writes never opens one. Own
 * writes are in the view at once and are not reported to `onChange`. A listener called without keys learns that the
 * view became unknown, or known again unchanged.
 */
export function createStore(options: StoreOptions): CommandStore {
  const { member, clock } = options
  const { transport, entries, lease, leadership, writes, close, listeners, retime } = assemble(options)
  const within = (budgetMs: Millis): Budget => ({ budgetMs, deadlineMs: clock.bootMs() + budgetMs })
  const ownKey = memberKey(member)
  return {
    view: viewOf(transport, entries, member),
    read: budgetMs => readAll(transport, member, within(budgetMs)),
    onChange: listener => {
      transport.watch.start()
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    retime,

    keepLease: async budgetMs => {
      const kept = await lease.keep(within(budgetMs))
      return kept.kind === 'kept'
        ? { kind: 'done', leaseId: kept.leaseId, ttlMs: kept.askedMs, validUntilMs: kept.validUntilMs }
        : { kind: 'unreachable', why: kept.kind === 'gone' ? 'the lease is gone' : kept.why }
    },
    adoptLease: (leaseId, budgetMs) => leadership.adopt(leaseId, within(budgetMs)),
    acquireLeader: (ifRevision, guarded, budgetMs) =>
      leadership.acquire(ifRevision, guarded, within(budgetMs)),
    renewLeader: (status, budgetMs) => leadership.renew(status, within(budgetMs)),
    takeLeaderAfterBootstrap: (ifRevision, budgetMs) =>
      leadership.acquire(ifRevision, true, within(budgetMs)),
    releaseLeader: (status, budgetMs) => leadership.release(status, within(budgetMs)),

    publishMember: async (record, budgetMs) => {
      const text = serialiseMember(record)
      const standing = entries.get(ownKey)
      // Only a live watch would have reported that somebody removed the key.
      const isCurrent = standing?.text === text && standing.leaseId !== null && standing.leaseId === lease.id
      if (transport.watch.state.alive && isCurrent) {
        return { kind: 'done', revision: standing.modRevision }
      }
      return writes.member(ownKey, text, within(budgetMs))
    },
    // An empty one means "somebody is creating the cluster": it ends with that node, so that another one can
    // (spec/ha.md 3.4).
    writeInitialize: (text, ifRevision, budgetMs) =>
      writes.write({ key: INITIALIZE, text, ifRevision, onLease: text === '' }, within(budgetMs)),
    deleteInitialize: (ifRevision, budgetMs) =>
      writes.write({ key: INITIALIZE, text: null, ifRevision }, within(budgetMs)),
    writeConfig: (document, ifRevision, budgetMs) =>
      writes.write({ key: CONFIG, text: serialiseConfig(document), ifRevision }, within(budgetMs)),
    writeFailover: (request, ifRevision, budgetMs) => {
      const text = serialiseFailover(request)
      return writes.write(
        { key: FAILOVER, text, ifRevision, countsAsAbsent: asksForNothing },
        within(budgetMs),
      )
    },
    writeDrain: (name, note, ifRevision, budgetMs) => {
      const text = note === null ? null : serialiseDrain(note)
      return writes.write({ key: drainKey(name), text, ifRevision }, within(budgetMs))
    },
    removeAll: (before, budgetMs) => transport.removeAll(before, within(budgetMs)),
    ...leadersNotes(member, writes, entries, within),
    close,
  }
}

/** The writes that only the leader makes. */
function leadersNotes(
  member: MemberName,
  writes: Writes,
  entries: Entries,
  within: (budgetMs: Millis) => Budget,
): Pick<
  CommandStore,
  'noteGuard' | 'writeHistory' | 'writeFailsafe' | 'writePromotions' | 'writeTakeovers' | 'writeSync'
> {
  return {
    noteGuard: (guarded, ifRevision, leaderRevision, budgetMs) =>
      writes.write(guardWrite({ leader: member, guarded }, ifRevision, leaderRevision), within(budgetMs)),
    writeHistory: (lines, status, ifRevision, budgetMs) =>
      writes.write(
        historyWrite(member, lines, status, entries.get(STATUS) ?? null, ifRevision),
        within(budgetMs),
      ),
    writePromotions: (promotions, ifRevision, budgetMs) =>
      writes.write(promotionsWrite(member, promotions, ifRevision), within(budgetMs)),
    writeFailsafe: (members, ifRevision, budgetMs) =>
      writes.write(failsafeWrite(member, members, ifRevision), within(budgetMs)),
    writeTakeovers: (notes, ifRevision, budgetMs) =>
      writes.write(takeoverWrite(member, notes, ifRevision), within(budgetMs)),
    writeSync: (state, ifRevision, budgetMs) =>
      writes.write(syncWrite(member, state, ifRevision), within(budgetMs)),
  }
}

function assemble({ open, member, timings, log }: StoreOptions) {
  const entries = new Entries()
  const listeners = new Set<(keys: readonly string[]) => void>()
  const onChange = (changed: readonly string[]) => {
    for (const listener of [...listeners]) listener(changed)
  }
  let current = timings
  const transport = open({ entries, timings: () => current, onChange })
  const observe: Observe = (key, entry, revision, own) => {
    const changed = entry === null ? entries.delete(key, revision) : entries.put(key, entry)
    if (changed && !own && transport.watch.state.alive) onChange([key])
  }
  const transactions = new Transactions(transport, observe)
  const lease = new Lease(transport, log, timings.ttlMs)
  return {
    ...{ transport, entries, lease, listeners },
    close: async () => {
      listeners.clear()
      await transport.close()
    },
    retime: (wanted: StoreTimings) => {
      current = wanted
      lease.retime(wanted.ttlMs)
    },
    leadership: new Leadership(member, lease, transactions, entries, log),
    writes: new Writes(transactions, lease, entries),
  }
}

function viewOf({ watch }: Transport, entries: Entries, member: MemberName): () => Seen<ClusterView> {
  let assembled: { readonly revision: number; readonly view: ClusterView } | null = null
  return () => {
    watch.start()
    const { state } = watch
    if (!state.alive) return unseen(state.why)
    if (assembled?.revision !== entries.version) {
      const view = clusterView(entries.all, entries.revision, 'watch', member, entries.unread)
      assembled = { revision: entries.version, view }
    }
    return seen(assembled.view, state.atMs)
  }
}

async function readAll(transport: Transport, member: MemberName, budget: Budget): Promise<Seen<ClusterView>> {
  const result = await transport.readAll(budget)
  if (!result.ok) return unseen(result.why)
  return seen(clusterView(result.entries, result.revision, 'read', member, result.unread), result.sentMs)
}
