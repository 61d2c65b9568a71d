// `hactl remove`: deletes everything below the cluster's prefix in one transaction, unless somebody has recreated or
// led the cluster since it was read. The prefix ends with a slash, so that `main2` is not `main`.

import type { ICompare } from 'etcd3'
import type { Revision } from '../../model/units.ts'
import type { RemovalOutcome } from '../../ports/store.ts'
import type { Budget } from '../transport.ts'
import type { Calls } from './calls.ts'
import type { KeySpace } from './key-space.ts'

interface SeenKeys {
  /** Revisions of `leader` and `initialize`; null: absent. */
  readonly leader: Revision | null
  readonly initialize: Revision | null
}

export async function removeAll(
  calls: Calls,
  keys: KeySpace,
  seen: SeenKeys,
  budget: Budget,
): Promise<RemovalOutcome> {
  const request = {
    compare: [unchanged(keys, 'leader', seen.leader), unchanged(keys, 'initialize', seen.initialize)],
    success: [{ request_delete_range: { ...keys.range, prev_kv: true } }],
    failure: [],
  }
  const result = await calls.run(budget, (client, options) => client.kv.txn(request, options))
  if (!result.ok) return { kind: 'unreachable', why: result.why, mayBeWritten: result.unclear }
  const { succeeded, responses } = result.value
  // An earlier try, whose answer was lost, may have removed the keys.
  if (!succeeded && result.unclear)
    return { kind: 'unreachable', why: 'an answer of etcd was lost', mayBeWritten: true }
  if (!succeeded) return { kind: 'refused', why: 'somebody created or led the cluster meanwhile' }
  const removed = responses[0]?.response_delete_range?.prev_kvs ?? []
  return { kind: 'done', keys: removed.flatMap(({ key }) => keys.relative(key) ?? []).sort() }
}

function unchanged(keys: KeySpace, name: string, revision: Revision | null): ICompare {
  const key = keys.absolute(name)
  return revision === null
    ? { key, target: 'Create', result: 'Equal', create_revision: 0 }
    : { key, target: 'Mod', result: 'Equal', mod_revision: String(revision) }
}
