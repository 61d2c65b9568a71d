// Guarded transactions on single keys, in the form that every write of the store uses: compare, then write, and in
// either branch a linearizable read of the guarded key.

import type { ICompare, IKeyValue, IRequestOp, ITxnResponse } from 'etcd3'
import type { Entry } from '../../wire/cluster-view.ts'
import type { Budget, Change, Committed, Guard } from '../transport.ts'
import type { CallResult, Calls } from './calls.ts'
import { leaseIdOf, revisionOf } from './etcd-values.ts'
import type { KeySpace } from './key-space.ts'

export async function commit(
  calls: Calls,
  keys: KeySpace,
  guards: readonly [Guard, ...Guard[]],
  changes: readonly Change[],
  budget: Budget,
): Promise<Committed> {
  const read: IRequestOp = { request_range: { key: keys.absolute(guards[0].key) } }
  const request = {
    compare: guards.flatMap(guard => comparesOf(guard, keys)),
    success: [...changes.map(change => operationOf(change, keys)), read],
    failure: [read],
  }
  const result = await calls.run(budget, (client, options) => client.kv.txn(request, options))
  if (!result.ok) return failed(result)
  const { succeeded, header } = result.value
  return {
    ...{ ok: true, succeeded, entry: readEntry(result.value) },
    ...{ revision: revisionOf(header.revision), term: header.raft_term, unclear: result.unclear },
  }
}

/** One linearizable read of a key. */
export async function readKey(calls: Calls, keys: KeySpace, key: string, budget: Budget): Promise<Committed> {
  const result = await calls.range(budget, { key: keys.absolute(key) })
  if (!result.ok) return failed({ ...result, unclear: false })
  const { kvs, header } = result.value
  const entry = kvs[0] === undefined ? null : entryOf(kvs[0])
  return {
    ...{ ok: true, succeeded: true, entry },
    ...{ revision: revisionOf(header.revision), term: header.raft_term, unclear: false },
  }
}

function failed({ treatment, why, unclear }: Extract<CallResult<never>, { ok: false }>): Committed {
  const isRefused = treatment === 'give-up'
  const failure = treatment === 'lease-gone' ? treatment : isRefused ? 'not-taken' : 'no-answer'
  return { ok: false, failure, why, unclear }
}

function comparesOf(guard: Guard, keys: KeySpace): ICompare[] {
  const key = keys.absolute(guard.key)
  if ('absent' in guard) return [{ key, target: 'Create', result: 'Equal', create_revision: 0 }]
  if ('modRevision' in guard)
    return [{ key, target: 'Mod', result: 'Equal', mod_revision: String(guard.modRevision) }]
  const value: ICompare = { key, target: 'Value', result: 'Equal', value: Buffer.from(guard.text) }
  if (guard.leaseId === undefined) return [value]
  return [value, { key, target: 'Lease', result: 'Equal', lease: guard.leaseId }]
}

function operationOf({ key, text, leaseId }: Change, keys: KeySpace): IRequestOp {
  const absolute = keys.absolute(key)
  if (text === null) return { request_delete_range: { key: absolute } }
  return {
    request_put: {
      key: absolute,
      value: Buffer.from(text),
      ...(leaseId !== undefined && { lease: leaseId }),
    },
  }
}

// The read is the last operation of either branch.
function readEntry(response: ITxnResponse): Entry | null {
  const kv = response.responses.at(-1)?.response_range?.kvs[0]
  return kv === undefined ? null : entryOf(kv)
}

export function entryOf(kv: IKeyValue): Entry {
  return {
    text: kv.value.toString('utf8'),
    leaseId: leaseIdOf(kv.lease),
    modRevision: revisionOf(kv.mod_revision),
  }
}
