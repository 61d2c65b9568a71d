// Writes to the keys other than the leader key, each guarded by the revision that it was decided on.

import type { Action, KeyWrite } from '../model/decision/action.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { requestBudgetMs } from '../model/timing.ts'
import type { Millis } from '../model/units.ts'
import type { Store, WriteOutcome } from '../ports/store.ts'
import type { ActPorts, Performed } from './act-context.ts'
import { done, unreachable } from './outcomes.ts'

export function writeKey(action: KeyWrite, snap: Snapshot, ports: ActPorts): Promise<Performed> {
  const { store, guard, clock } = ports
  return write(action, send(action, store, requestBudgetMs(guard.view(), snap.settings, clock.bootMs())))
}

function send(action: KeyWrite, store: Store, budgetMs: Millis): Promise<WriteOutcome> {
  switch (action.kind) {
    case 'note-guarded':
    case 'note-unguarded': {
      const guarded = action.kind === 'note-guarded'
      return store.noteGuard(guarded, action.ifRevision, action.leaderRevision, budgetMs)
    }
    case 'publish-member':
      return store.publishMember(action.record, budgetMs)
    case 'race-initialize':
      return store.writeInitialize('', null, budgetMs)
    case 'write-initialize':
      return store.writeInitialize(action.value, action.ifRevision, budgetMs)
    case 'delete-initialize':
      return store.deleteInitialize(action.ifRevision, budgetMs)
    case 'write-config':
      return store.writeConfig(action.document, action.ifRevision, budgetMs)
    case 'clear-failover':
      return store.writeFailover(null, action.ifRevision, budgetMs)
    case 'claim-failover':
      return store.writeFailover(action.request, action.ifRevision, budgetMs)
    case 'write-history':
      return store.writeHistory(action.lines, action.status, action.ifRevision, budgetMs)
    case 'write-failsafe':
      return store.writeFailsafe(action.members, action.ifRevision, budgetMs)
    case 'note-takeover':
      return store.writeTakeovers(action.notes, action.ifRevision, budgetMs)
    case 'publish-sync':
      return store.writeSync(action.state, action.ifRevision, budgetMs)
    case 'note-promotion':
      return store.writePromotions(action.promotions, action.ifRevision, budgetMs)
    default:
      return action satisfies never
  }
}

export async function write(action: Action, request: Promise<WriteOutcome>): Promise<Performed> {
  const outcome = await request
  switch (outcome.kind) {
    case 'done':
      return { outcome: done(action) }
    case 'refused':
      return { outcome: { kind: 'refused', action: action.kind, holder: null, why: outcome.why } }
    case 'unreachable':
      return { outcome: unreachable(action, outcome.why) }
    default:
      return outcome satisfies never
  }
}
