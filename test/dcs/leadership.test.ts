// What a real etcd cannot be made to do on demand: an answer that is lost just before its disk is full.

import { expect, test } from 'vitest'
import { Entries } from '../../src/dcs/entries.ts'
import { Leadership } from '../../src/dcs/leadership.ts'
import type { Lease } from '../../src/dcs/lease.ts'
import type { Transactions } from '../../src/dcs/transactions.ts'
import type { Change, Committed } from '../../src/dcs/transport.ts'
import { revision } from '../../src/model/revision.ts'
import { LAST_LEADER } from '../../src/wire/keys.ts'

const budget = { budgetMs: 1000, deadlineMs: 1000 }

test('a release that was carried out with its news, before etcd had no space for them, is done', async () => {
  const entries = new Entries()
  entries.put('leader', { text: 'pg1', leaseId: '7', modRevision: revision(5) })
  const asked: string[][] = []
  const commit = async (_guard: unknown, changes: readonly Change[]): Promise<Committed> => {
    asked.push(changes.map(({ key }) => key))
    return changes.some(({ key }) => key === LAST_LEADER)
      ? { ok: false, failure: 'not-taken', why: 'etcdserver: mvcc: database space exceeded', unclear: true }
      : { ok: true, succeeded: false, entry: null, revision: revision(9), term: '2', unclear: false }
  }
  const transactions = { commit } as unknown as Transactions
  const leadership = new Leadership('pg1', {} as Lease, transactions, entries, () => {})
  expect(await leadership.release(null, budget)).toEqual({ kind: 'done', revision: revision(9) })
  expect(asked).toEqual([[LAST_LEADER, 'leader'], ['leader']])
})
