// The Store port of one agent process: the real lease, leadership and guarded writes of src/dcs over a simulated way to
// a simulated etcd. Only the transport and the watch are ours.

import { Entries } from '../../src/dcs/entries.ts'
import { keySpace } from '../../src/dcs/etcd/key-space.ts'
import { type Observe, Transactions } from '../../src/dcs/etcd/transaction.ts'
import { revisionOf } from '../../src/dcs/etcd/values.ts'
import { guardWrite } from '../../src/dcs/guard-write.ts'
import { historyWrite } from '../../src/dcs/history-write.ts'
import { Leadership } from '../../src/dcs/leadership.ts'
import { Lease } from '../../src/dcs/lease.ts'
import { takeoverWrite } from '../../src/dcs/takeover-write.ts'
import { snapshotOf } from '../../src/dcs/watch.ts'
import { Writes } from '../../src/dcs/writes.ts'
import type { ClusterView } from '../../src/model/cluster/cluster.ts'
import { type Seen, seen, unseen } from '../../src/model/seen.ts'
import type { Store, StoreTimings } from '../../src/ports/store.ts'
import { clusterView } from '../../src/wire/cluster-view.ts'
import { asksForNothing } from '../../src/wire/failover-record.ts'
import { serialiseConfig, serialiseFailover, serialiseMember } from '../../src/wire/records.ts'
import { EtcdClient, type EtcdPath } from './etcd-client.ts'
import { SimulatedWatch } from './watch.ts'

const KEYS = keySpace('service', 'demo')

/** `leader` as etcd names it. */
export function absoluteKey(name: string): string {
  return String(KEYS.absolute(name))
}

interface Parts {
  readonly path: EtcdPath
  readonly client: EtcdClient
  readonly entries: Entries
  readonly watch: SimulatedWatch
  readonly lease: Lease
  readonly leadership: Leadership
  readonly writes: Writes
  readonly listeners: Set<(keys: readonly string[]) => void>
  retime(timings: StoreTimings): void
}

export function createSimulatedStore(path: EtcdPath, timings: StoreTimings): Store {
  const parts = assemble(path, timings)
  const { entries, lease, leadership, watch } = parts
  const { clock } = path.process
  const within = (budgetMs: number) => ({ budgetMs, deadlineMs: clock.bootMs() + budgetMs })
  return {
    view: viewOf(watch, entries),
    read: budgetMs => read(parts, within(budgetMs)),
    onChange: listener => {
      watch.start()
      parts.listeners.add(listener)
      return () => void parts.listeners.delete(listener)
    },
    retime: parts.retime,
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
    ...guardedWrites(parts),
    close: async () => {},
  }
}

type GuardedWrites = Pick<
  Store,
  | 'noteGuard'
  | 'publishMember'
  | 'writeInitialize'
  | 'deleteInitialize'
  | 'writeConfig'
  | 'writeFailover'
  | 'writeHistory'
  | 'writeTakeovers'
>

function guardedWrites({ path, entries, watch, lease, writes }: Parts): GuardedWrites {
  const memberKey = `members/${path.member}`
  const within = (budgetMs: number) => ({ budgetMs, deadlineMs: path.process.clock.bootMs() + budgetMs })
  return {
    noteGuard: (guarded, ifRevision, leaderRevision, budgetMs) =>
      writes.write(
        guardWrite({ leader: path.member, guarded }, ifRevision, leaderRevision),
        within(budgetMs),
      ),
    publishMember: async (record, budgetMs) => {
      const text = serialiseMember(record)
      const standing = entries.get(memberKey)
      if (
        watch.state.alive &&
        standing?.text === text &&
        standing.leaseId !== null &&
        standing.leaseId === lease.id
      )
        return { kind: 'done', revision: standing.modRevision }
      return writes.member(memberKey, text, within(budgetMs))
    },
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
    writeHistory: (lines, status, ifRevision, budgetMs) =>
      writes.write(
        historyWrite(path.member, lines, status, entries.get('status') ?? null, ifRevision),
        within(budgetMs),
      ),
    writeTakeovers: (notes, ifRevision, budgetMs) =>
      writes.write(takeoverWrite(path.member, notes, ifRevision), within(budgetMs)),
  }
}

function assemble(path: EtcdPath, first: StoreTimings): Parts {
  let timings = first
  const entries = new Entries()
  const client = new EtcdClient(path)
  const listeners = new Set<(keys: readonly string[]) => void>()
  const onChange = (changed: readonly string[]) => {
    for (const listener of [...listeners]) listener(changed)
  }
  const watch = new SimulatedWatch({ path, client, keys: KEYS, entries, timings: () => timings, onChange })
  const observe: Observe = (key, entry, revision, own) => {
    const changed = entry === null ? entries.delete(key, revision) : entries.put(key, entry)
    if (changed && !own && watch.state.alive) onChange([key])
  }
  const transactions = new Transactions(client.asCalls(), KEYS, observe)
  const lease = new Lease(client.asCalls(), () => {}, timings.ttlMs)
  return {
    ...{ path, client, entries, watch, lease, listeners },
    leadership: new Leadership(path.member, lease, transactions, entries, () => {}),
    writes: new Writes(transactions, lease, entries),
    retime(wanted) {
      timings = wanted
      lease.retime(wanted.ttlMs)
    },
  }
}

function viewOf(watch: SimulatedWatch, entries: Entries): () => Seen<ClusterView> {
  let assembled: { readonly version: number; readonly view: ClusterView } | null = null
  return () => {
    watch.start()
    const { state } = watch
    if (!state.alive) return unseen(state.why)
    if (assembled?.version !== entries.version)
      assembled = {
        version: entries.version,
        view: clusterView(entries.all, entries.revision, 'watch'),
      }
    return seen(assembled.view, state.atMs)
  }
}

async function read(
  { client }: Parts,
  wish: { readonly budgetMs: number; readonly deadlineMs: number },
): Promise<Seen<ClusterView>> {
  const result = await client.range(wish, KEYS.range)
  if (!result.ok) return unseen(result.why)
  const at = revisionOf(result.value.header.revision)
  return seen(clusterView(snapshotOf(result.value, KEYS), at, 'read'), result.sentMs)
}
