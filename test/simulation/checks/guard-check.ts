// Of a leader that says in etcd that it is guarded nobody fears that it goes on without a lease: then it must be guarded.

import { guardOf } from '../../../src/model/cluster/guard.ts'
import { revision } from '../../../src/model/revision.ts'
import { GUARD, LAST_LEADER } from '../../../src/wire/keys.ts'
import { parseGuard } from '../../../src/wire/own-keys/guard-record.ts'
import type { Machine } from '../machine/machine.ts'
import type { Etcd } from '../store/etcd.ts'
import { absoluteKey } from '../store/store.ts'

export function saysGuarded(etcd: Etcd, name: string): boolean {
  return noteOf(etcd, name) === 'yes'
}

/**
 * In maintenance mode somebody put another directory in the place of its data, and what the agent knew of its server went too: no agent
 * finds that server, and none stops it. The note keeps the others from leading beside it.
 */
export function isForgotten(etcd: Etcd, { name, server, serverHere, lastServer }: Machine): boolean {
  return server !== serverHere && lastServer === null && noteOf(etcd, name) === 'no'
}

function noteOf(etcd: Etcd, name: string): ReturnType<typeof guardOf> {
  const [note, last] = [etcd.get(absoluteKey(GUARD)), etcd.get(absoluteKey(LAST_LEADER))]
  const value = note === null ? null : parseGuard(note.text)
  const view = {
    guard: note === null || value === null ? null : { value, modRevision: revision(note.modRevision) },
    lastLeader: last === null ? null : { value: last.text, modRevision: revision(last.modRevision) },
  }
  return guardOf(view, name)
}
