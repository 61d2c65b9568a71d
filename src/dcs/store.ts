// The Store port over etcd v3 and gRPC, with little of its library: docs/adr/0009-dependencies.md. This file only wires
// the parts.

import { setMaxListeners } from 'node:events'
import type { ClusterView } from '../model/cluster/cluster.ts'
import { type Seen, seen, unseen } from '../model/seen.ts'
import type { EtcdConfig } from '../model/settings/config.ts'
import type { MemberName, Millis, Scope } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { CommandStore, StoreTimings } from '../ports/store.ts'
import { clusterView } from '../wire/cluster-view.ts'
import { serialiseDrain } from '../wire/drain-record.ts'
import { asksForNothing } from '../wire/failover-record.ts'
import { drainKey } from '../wire/keys.ts'
import { serialiseConfig, serialiseFailover, serialiseMember } from '../wire/records.ts'
import { removeAll } from './cluster-removal.ts'
import { Entries } from './entries.ts'
import { Calls, type CallWish } from './etcd/calls.ts'
import { Endpoints } from './etcd/etcd-endpoints.ts'
import { type KeySpace, keySpace } from './etcd/key-space.ts'
import { Session } from './etcd/session.ts'
import { Terms } from './etcd/terms.ts'
import { type Observe, Transactions } from './etcd/transaction.ts'
import { revisionOf } from './etcd/values.ts'
import { guardWrite } from './guard-write.ts'
import { historyWrite } from './history-write.ts'
import { Leadership } from './leadership.ts'
import { Lease } from './lease.ts'
import type { Log } from './store-log.ts'
import { takeoverWrite } from './takeover-write.ts'
import { snapshotOf, Watch } from './watch.ts'
import { Writes } from './writes.ts'

export interface EtcdStoreOptions {
  readonly config: EtcdConfig
  /** `service` or `/service/`: slashes at its ends do not matter. */
  readonly namespace: string
  readonly scope: Scope
  /** This node's name: the value of the leader key and the last part of the member key. */
  readonly member: MemberName
  readonly clock: Clock
  readonly timings: StoreTimings
  readonly log: Log
}

const CLOSE_MS_MAX = 2000

/**
 * Connects with the first call. The watch begins with the first `view()` or `onChange()`: a command that only reads and
 * writes never opens one. Own writes are in the view at once and are not told to `onChange`; a call of `onChange`'s
 * listener without keys says that the view became unknown, or known again unchanged.
 */
export function createEtcdStore(options: EtcdStoreOptions): CommandStore {
  const { member, clock } = options
  const { watch, entries, lease, leadership, writes, calls, keys, close, listeners, retime } =
    assemble(options)
  const within = (budgetMs: Millis): CallWish => ({ budgetMs, deadlineMs: clock.bootMs() + budgetMs })
  const memberKey = `members/${member}`
  return {
    view: viewOf(watch, entries),
    read: budgetMs => readRange(calls, keys, within(budgetMs)),
    onChange: listener => {
      watch.start()
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    retime,

    keepLease: async budgetMs => {
      const wish = within(budgetMs)
      const kept = await lease.keep(wish)
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
      const standing = entries.get(memberKey)
      // Only a live watch would have reported that somebody removed the key.
      const isCurrent = standing?.text === text && standing.leaseId !== null && standing.leaseId === lease.id
      if (watch.state.alive && isCurrent) {
        return { kind: 'done', revision: standing.modRevision }
      }
      return writes.member(memberKey, text, within(budgetMs))
    },
    // An empty one says "somebody creates the cluster": it goes with that node, so that another one can (spec/ha.md
    // 3.4).
    writeInitialize: (text, ifRevision, budgetMs) =>
      writes.write({ key: 'initialize', text, ifRevision, onLease: text === '' }, within(budgetMs)),
    deleteInitialize: (ifRevision, budgetMs) =>
      writes.write({ key: 'initialize', text: null, ifRevision }, within(budgetMs)),
    writeConfig: (document, ifRevision, budgetMs) =>
      writes.write({ key: 'config', text: serialiseConfig(document), ifRevision }, within(budgetMs)),
    writeFailover: (request, ifRevision, budgetMs) => {
      const text = serialiseFailover(request)
      return writes.write(
        { key: 'failover', text, ifRevision, readsAsNone: asksForNothing },
        within(budgetMs),
      )
    },
    writeDrain: (name, note, ifRevision, budgetMs) => {
      const text = note === null ? null : serialiseDrain(note)
      return writes.write({ key: drainKey(name), text, ifRevision }, within(budgetMs))
    },
    removeAll: (before, budgetMs) => removeAll(calls, keys, before, within(budgetMs)),
    ...leadersNotes(member, writes, entries, within),
    close,
  }
}

/** What only the leader writes. */
function leadersNotes(
  member: MemberName,
  writes: Writes,
  entries: Entries,
  within: (budgetMs: Millis) => CallWish,
): Pick<CommandStore, 'noteGuard' | 'writeHistory' | 'writeTakeovers'> {
  return {
    noteGuard: (guarded, ifRevision, leaderRevision, budgetMs) =>
      writes.write(guardWrite({ leader: member, guarded }, ifRevision, leaderRevision), within(budgetMs)),
    writeHistory: (lines, status, ifRevision, budgetMs) =>
      writes.write(
        historyWrite(member, lines, status, entries.get('status') ?? null, ifRevision),
        within(budgetMs),
      ),
    writeTakeovers: (notes, ifRevision, budgetMs) =>
      writes.write(takeoverWrite(member, notes, ifRevision), within(budgetMs)),
  }
}

function assemble({ config, namespace, scope, member, clock, timings, log }: EtcdStoreOptions) {
  const closing = new AbortController()
  const abort = closing.signal
  // Each call in flight listens to it.
  setMaxListeners(0, abort)
  const keys = keySpace(namespace, scope)
  const endpoints = new Endpoints(config, clock, log)
  const session = new Session(config.credentials, endpoints, clock, abort)
  const entries = new Entries()
  const terms = new Terms(clock, why => {
    log('WARNING', `etcd was replaced: ${why}`)
    entries.clear()
  })
  const calls = new Calls(endpoints, session, terms, clock, abort)
  const listeners = new Set<(keys: readonly string[]) => void>()
  const onChange = (changed: readonly string[]) => {
    for (const listener of [...listeners]) listener(changed)
  }
  let current = timings
  const watch = new Watch({
    ...{ endpoints, session, calls, terms, keys, entries, clock, log, abort, onChange },
    timings: () => current,
  })
  const observe: Observe = (key, entry, revision, own) => {
    const changed = entry === null ? entries.delete(key, revision) : entries.put(key, entry)
    if (changed && !own && watch.state.alive) onChange([key])
  }
  const transactions = new Transactions(calls, keys, observe)
  const lease = new Lease(calls, log, timings.ttlMs)
  const close = async () => {
    closing.abort()
    listeners.clear()
    const limit = new AbortController()
    await Promise.race([
      Promise.all([watch.ended(), endpoints.close()]),
      clock.sleep(CLOSE_MS_MAX, limit.signal),
    ])
    limit.abort()
  }
  const retime = (wanted: StoreTimings) => {
    current = wanted
    lease.retime(wanted.ttlMs)
  }
  return {
    ...{ watch, entries, lease, calls, keys, close, listeners, retime },
    leadership: new Leadership(member, lease, transactions, entries, log),
    writes: new Writes(transactions, lease, entries),
  }
}

function viewOf(watch: Watch, entries: Entries): () => Seen<ClusterView> {
  let assembled: { readonly revision: number; readonly view: ClusterView } | null = null
  return () => {
    watch.start()
    const { state } = watch
    if (!state.alive) return unseen(state.why)
    if (assembled?.revision !== entries.version) {
      const view = clusterView(entries.all, entries.revision, 'watch')
      assembled = { revision: entries.version, view }
    }
    return seen(assembled.view, state.atMs)
  }
}

async function readRange(calls: Calls, keys: KeySpace, wish: CallWish): Promise<Seen<ClusterView>> {
  const result = await calls.range(wish, keys.range)
  if (!result.ok) return unseen(result.why)
  const view = clusterView(snapshotOf(result.value, keys), revisionOf(result.value.header.revision), 'read')
  return seen(view, result.sentMs)
}
