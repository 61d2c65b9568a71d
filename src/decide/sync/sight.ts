// Synchronous replication as a running primary sees it: what PostgreSQL waits for, what `/sync` says, and who could be waited
// for.

import type { SyncState, Versioned } from '../../model/cluster/cluster.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { ServerView } from '../../model/server/postgres.ts'
import { parseSyncNames, type SyncNames } from '../../wire/sync-names.ts'
import { type ClusterFacts, server } from '../facts.ts'
import { type Names, namesOf } from './names.ts'
import { rememberStandbys, type StandbyQuestion, type Standbys, synchronousStandbys } from './standbys.ts'

export interface SyncSight {
  /** synchronous_standby_names in force. */
  readonly text: string
  readonly inForce: SyncNames
  /** The same by hactl's own file. null: it sets nothing. */
  readonly file: string | null
  /** null: there is no such key. Its leader is null if it cannot be read. */
  readonly key: Versioned<SyncState> | null
  readonly voters: Names
  readonly standbys: Standbys
}

/** null: the mode is off, this is no running primary, or something of it is not known. */
export function syncSight({ snap, memory, view }: ClusterFacts): SyncSight | null {
  const { syncFile } = snap.postgres
  const own = primaryServer(snap)
  if (own === null || syncFile?.known !== true || snap.settings.synchronousMode === 'off') return null
  const question = standbyQuestion(own, snap, view)
  if (question === null) return null
  const text = own.synchronous.standbyNames
  return {
    ...{ text, inForce: parseSyncNames(text), file: syncFile.value, key: view.sync },
    voters: namesOf(view.sync?.value.standbys ?? []),
    standbys: synchronousStandbys(question, memory.sync),
  }
}

/** Folds a look into what is remembered of the standbys. */
export function rememberSync(memory: Memory, snap: Snapshot): Memory {
  const own = primaryServer(snap)
  if (snap.settings.synchronousMode === 'off' || server(snap)?.inRecovery === true || !isRunning(snap))
    return memory.sync === null ? memory : { ...memory, sync: null }
  if (own === null || !snap.cluster.known) return memory
  const question = standbyQuestion(own, snap, snap.cluster.value)
  return question === null ? memory : { ...memory, sync: rememberStandbys(question, snap.nowMs, memory.sync) }
}

function isRunning({ postgres }: Snapshot): boolean {
  return postgres.process.kind === 'running'
}

type PrimaryServer = ServerView & Required<Pick<ServerView, 'synchronous'>>

function primaryServer(snap: Snapshot): PrimaryServer | null {
  const own = server(snap)
  if (own === null || own.inRecovery || own.synchronous === undefined) return null
  return { ...own, synchronous: own.synchronous }
}

function standbyQuestion(
  own: PrimaryServer,
  { self, settings }: Snapshot,
  view: ClusterFacts['view'],
): StandbyQuestion | null {
  const { synchronousMode: mode } = settings
  if (mode === 'off') return null
  const { kind, count, names, anybody } = parseSyncNames(own.synchronous.standbyNames)
  const sync = view.sync?.value ?? null
  const eachHasAll = sync !== null && sync.leader === self.name && sync.quorum === 0
  return {
    ...{ me: self.name, mode, anybody },
    needsAll: kind === 'priority' && count >= names.length && !anybody,
    trusted: eachHasAll ? namesOf(sync.standbys) : [],
    senders: own.replication,
    members: view.members,
    ownPosition: own.position,
    commit: own.synchronous.commit,
    wanted: settings.synchronousNodeCount,
    lagMax: settings.maximumLagOnSyncnode,
    setting: own.synchronous.standbyNames,
    waitedFor: namesOf(names),
  }
}
