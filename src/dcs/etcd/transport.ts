// etcd as a transport of the store: its calls over gRPC, and the watch that the caller passes in.

import { wordsOf } from '../../model/store-words.ts'
import type { MemberName } from '../../model/units.ts'
import type { Transport } from '../transport.ts'
import type { Calls } from './calls.ts'
import { removeAll } from './cluster-removal.ts'
import { revisionOf } from './etcd-values.ts'
import type { KeySpace } from './key-space.ts'
import { grantLease, keepLeaseAlive } from './lease-calls.ts'
import { readScopeOver } from './range-calls.ts'
import { commit, readKey } from './transaction.ts'

export function etcdTransport(
  calls: Calls,
  keys: KeySpace,
  member: MemberName | null,
  rest: Pick<Transport, 'watch' | 'close'>,
): Transport {
  return {
    name: wordsOf('etcd').name,
    grant: (ttlSeconds, budget) => grantLease(calls, ttlSeconds, budget),
    keepAlive: (leaseId, budget) => keepLeaseAlive(calls, leaseId, budget),
    commit: (guard, changes, budget, also) => commit(calls, keys, [guard, ...also], changes, budget),
    read: (key, budget) => readKey(calls, keys, key, budget),
    async readAll(budget) {
      const read = await readScopeOver(calls, keys, budget, member)
      if (!read.ok) return read
      const { entries, unread, first } = read
      return { ok: true, entries, unread, revision: revisionOf(first.revision), sentMs: first.sentMs }
    },
    removeAll: (seen, budget) => removeAll(calls, keys, seen, budget),
    ...rest,
  }
}
