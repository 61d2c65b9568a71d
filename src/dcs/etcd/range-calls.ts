// The questions of a bounded read (scope-read.ts) over gRPC.

import type { MemberName } from '../../model/units.ts'
import type { CallBudget, CallResult, Calls } from './calls.ts'
import type { KeySpace } from './key-space.ts'
import { type Ask, type Found, readScope, type ScopeRead } from './scope-read.ts'
import type { Header } from './terms.ts'
import { entryOf } from './transaction.ts'

type Answered = Found & { readonly header: Header; readonly sentMs: number }
type CallFailed = Extract<CallResult<never>, { readonly ok: false }>

/** A linearizable read of every key that counts. */
export function readScopeOver(
  calls: Calls,
  keys: KeySpace,
  budget: CallBudget,
  self: MemberName | null,
  known: readonly MemberName[] = [],
): Promise<ScopeRead<Answered> | CallFailed> {
  return readScope(keys, askOver(calls, { ...budget, refuseOldTerm: true }), self, known)
}

function askOver(calls: Calls, budget: CallBudget): Ask<Answered, CallFailed> {
  return async questions => {
    const request = {
      compare: [],
      success: questions.map(question => ({ request_range: { ...question } })),
      failure: [],
    }
    const answer = await calls.run(budget, (client, options) => client.kv.txn(request, options))
    if (!answer.ok) return answer
    const { header, responses } = answer.value
    const ranges = responses.map(({ response_range: range }) => ({
      kvs: (range?.kvs ?? []).map(kv => ({ key: kv.key, entry: entryOf(kv) })),
      count: Number(range?.count ?? 0),
    }))
    return { ok: true, header, revision: header.revision, ranges, sentMs: answer.sentMs }
  }
}
