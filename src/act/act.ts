// The only interpreter of actions: one exhaustive switch. Each action returns an outcome; nothing is retried, waited
// for or decided here.

import type { Action } from '../model/decision/action.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import type { ActPorts, Performed } from './act-context.ts'
import { fence } from './fencer-actions.ts'
import { writeKey } from './key-writes.ts'
import { actOnLease } from './lease-actions.ts'
import { actHere } from './local-steps.ts'
import { ask } from './peer-questions.ts'

export async function act(action: Action, snap: Snapshot, ports: ActPorts): Promise<Performed> {
  switch (action.kind) {
    case 'read-cluster':
    case 'ask-peers':
    case 'compare-timelines':
    case 'ask-failsafe':
      return await ask(action, snap, ports)
    case 'keep-lease':
    case 'adopt-lease':
    case 'acquire-lease':
    case 'renew-lease':
    case 'take-leader':
    case 'release-lease':
      return await actOnLease(action, snap, ports)
    case 'arm-fencer':
    case 'disarm-fencer':
    case 'open-watchdog':
    case 'close-watchdog':
      return { outcome: await fence(action, snap, ports) }
    case 'note-guarded':
    case 'note-unguarded':
    case 'publish-member':
    case 'race-initialize':
    case 'write-initialize':
    case 'delete-initialize':
    case 'write-config':
    case 'clear-failover':
    case 'claim-failover':
    case 'write-history':
    case 'write-failsafe':
    case 'note-takeover':
    case 'publish-sync':
    case 'note-promotion':
      return await writeKey(action, snap, ports)
    case 'begin':
    case 'cancel-work':
    case 'apply-configuration':
    case 'checkpoint-soon':
    case 'change-slots':
    case 'resume-replay':
    case 'set-sync-names':
    case 'note-origin':
    case 'answer-order':
    case 'exit':
      return await actHere(action, snap, ports)
    default:
      return action satisfies never
  }
}
