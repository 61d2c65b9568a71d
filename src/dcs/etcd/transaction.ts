// Guarded transactions on single keys, in the form that every write of the store uses: compare, then write, and on
// either branch a linearizable read of the key that the guard was about. What was written or seen goes into the view.

import type { ICompare, IKeyValue, IRequestOp, ITxnResponse } from 'etcd3'
import type { LeaseId, Revision } from '../../model/units.ts'
import type { Entry } from '../../wire/cluster-view.ts'
import type { Treatment } from './call-errors.ts'
import type { Calls, CallWish } from './calls.ts'
import type { KeySpace } from './key-space.ts'
import { leaseIdOf, revisionOf } from './values.ts'

/** A change of one key, by its relative name; a `text` of null deletes it. */
export interface Change {
  readonly key: string
  readonly text: string | null
  readonly leaseId?: LeaseId
}

export type Guard =
  | { readonly key: string; readonly absent: true }
  | { readonly key: string; readonly modRevision: Revision }
  | { readonly key: string; readonly text: string; readonly leaseId?: LeaseId }

/** As far as the key tells: whether it was this guard that failed. */
export function holds(guard: Guard, standing: Entry | null): boolean {
  if ('absent' in guard) return standing === null
  if ('modRevision' in guard) return standing?.modRevision === guard.modRevision
  const onLease = guard.leaseId === undefined || standing?.leaseId === guard.leaseId
  return standing?.text === guard.text && onLease
}

export type Committed =
  | {
      readonly ok: true
      readonly succeeded: boolean
      /** The guarded key after the transaction; null when absent. */
      readonly entry: Entry | null
      readonly revision: Revision
      readonly term: string
      /** An earlier try may have been applied. */
      readonly unclear: boolean
    }
  | { readonly ok: false; readonly treatment: Treatment; readonly why: string; readonly unclear: boolean }

/** Told what a transaction wrote (`own`) or found. */
export type Observe = (key: string, entry: Entry | null, revision: Revision, own: boolean) => void

export class Transactions {
  readonly #calls: Calls
  readonly #keys: KeySpace
  readonly #observe: Observe

  constructor(calls: Calls, keys: KeySpace, observe: Observe) {
    this.#calls = calls
    this.#keys = keys
    this.#observe = observe
  }

  /** All guards must hold; the answer is about the key of the first one. */
  async commit(
    guard: Guard,
    changes: readonly Change[],
    wish: CallWish,
    also: readonly Guard[] = [],
  ): Promise<Committed> {
    const read: IRequestOp = { request_range: { key: this.#keys.absolute(guard.key) } }
    const request = {
      compare: [guard, ...also].flatMap(one => this.#compares(one)),
      success: [...changes.map(change => this.#operation(change)), read],
      failure: [read],
    }
    const result = await this.#calls.run(wish, (client, options) => client.kv.txn(request, options))
    if (!result.ok) return result
    const { succeeded, header } = result.value
    const at = revisionOf(header.revision)
    if (succeeded) this.#observeOwn(changes, at)
    const entry = readEntry(result.value)
    this.#observe(guard.key, entry, at, succeeded)
    return { ok: true, succeeded, entry, revision: at, term: header.raft_term, unclear: result.unclear }
  }

  /** One linearizable read of a key. */
  async read(key: string, wish: CallWish): Promise<Committed> {
    const result = await this.#calls.range(wish, { key: this.#keys.absolute(key) })
    if (!result.ok) return { ...result, unclear: false }
    const { kvs, header } = result.value
    const at = revisionOf(header.revision)
    const entry = kvs[0] === undefined ? null : entryOf(kvs[0])
    this.#observe(key, entry, at, false)
    return { ok: true, succeeded: true, entry, revision: at, term: header.raft_term, unclear: false }
  }

  #observeOwn(changes: readonly Change[], at: Revision): void {
    for (const { key, text, leaseId } of changes) {
      const entry = text === null ? null : { text, leaseId: leaseId ?? null, modRevision: at }
      this.#observe(key, entry, at, true)
    }
  }

  #compares(guard: Guard): ICompare[] {
    const key = this.#keys.absolute(guard.key)
    if ('absent' in guard) return [{ key, target: 'Create', result: 'Equal', create_revision: 0 }]
    if ('modRevision' in guard)
      return [{ key, target: 'Mod', result: 'Equal', mod_revision: String(guard.modRevision) }]
    const value: ICompare = { key, target: 'Value', result: 'Equal', value: Buffer.from(guard.text) }
    if (guard.leaseId === undefined) return [value]
    return [value, { key, target: 'Lease', result: 'Equal', lease: guard.leaseId }]
  }

  #operation({ key, text, leaseId }: Change): IRequestOp {
    const absolute = this.#keys.absolute(key)
    if (text === null) return { request_delete_range: { key: absolute } }
    return {
      request_put: {
        key: absolute,
        value: Buffer.from(text),
        ...(leaseId !== undefined && { lease: leaseId }),
      },
    }
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
