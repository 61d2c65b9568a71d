// The names that the notation takes from the program: one that it does not have is an error, not a case that cannot fail.

import type { ActionKind } from '../../../src/model/decision/action.ts'
import type { FailedWork } from '../../../src/model/decision/memory.ts'

const ACTIONS: Readonly<Record<ActionKind, true>> = {
  'acquire-lease': true,
  'adopt-lease': true,
  'answer-order': true,
  'apply-configuration': true,
  'arm-fencer': true,
  'ask-failsafe': true,
  'ask-peers': true,
  begin: true,
  'cancel-work': true,
  'change-slots': true,
  'close-watchdog': true,
  'checkpoint-soon': true,
  'claim-failover': true,
  'clear-failover': true,
  'compare-timelines': true,
  'delete-initialize': true,
  'disarm-fencer': true,
  exit: true,
  'keep-lease': true,
  'note-guarded': true,
  'note-origin': true,
  'note-promotion': true,
  'note-takeover': true,
  'note-unguarded': true,
  'open-watchdog': true,
  'publish-member': true,
  'publish-sync': true,
  'race-initialize': true,
  'read-cluster': true,
  'release-lease': true,
  'renew-lease': true,
  'resume-replay': true,
  'set-sync-names': true,
  'take-leader': true,
  'write-config': true,
  'write-failsafe': true,
  'write-history': true,
  'write-initialize': true,
}

const WORK: Readonly<Record<FailedWork, true>> = {
  'arm-fencer': true,
  bootstrap: true,
  clone: true,
  'crash-recovery': true,
  follow: true,
  'open-watchdog': true,
  promote: true,
  'remove-data': true,
  restart: true,
  rewind: true,
  'set-aside': true,
  start: true,
  stop: true,
  'stop-orphans': true,
}

export function readAction(text: string): ActionKind {
  if (!isKey(ACTIONS, text)) throw new Error(`no such action: ${text}`)
  return text
}

/** What may have failed. */
export function readWork(text: string): FailedWork {
  if (!isKey(WORK, text)) throw new Error(`no such work: ${text}`)
  return text
}

function isKey<K extends string>(table: Readonly<Record<K, true>>, text: string): text is K {
  return Object.hasOwn(table, text)
}
