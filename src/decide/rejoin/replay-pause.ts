// WAL replay is paused either by PostgreSQL, because a setting of the primary is greater than the standby's (resumed,
// the server shuts down and starts with the new value), or by an operator, who has a reason and resumes it.

import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { ControlData } from '../../model/server/postgres.ts'
import { control, type Facts, server } from '../facts.ts'
import { utc } from './reception.ts'

export function rememberReplayPause(memory: Memory, snap: Snapshot): Memory {
  const seen = server(snap)
  if (seen === null)
    return snap.postgres.process.kind === 'running' ? memory : { ...memory, replayPausedSince: null }
  const isPaused = isPausedByHand({ memory, snap })
  return { ...memory, replayPausedSince: isPaused ? (memory.replayPausedSince ?? snap.wallMs) : null }
}

/** PostgreSQL 14 and newer: hot standby is not possible with the primary's new settings. */
export function isPausedForSettings({ snap }: Facts): boolean {
  const seen = server(snap)
  const wanted = control(snap.postgres)?.settings
  if (seen?.replayPaused !== true || seen.inForce === undefined || wanted === undefined) return false
  const { inForce } = seen
  return NAMES.some(name => (wanted[name] ?? 0) > (inForce[name] ?? Number.POSITIVE_INFINITY))
}

function isPausedByHand(facts: Facts): boolean {
  return server(facts.snap)?.replayPaused === true && !isPausedForSettings(facts)
}

/** Text for `list`; null: replay goes on, or PostgreSQL has paused it. */
export function pausedByHand(facts: Facts): string | null {
  const since = facts.memory.replayPausedSince
  if (since === null || !isPausedByHand(facts)) return null
  return `WAL replay is paused by hand since ${utc(since)}: what is received is not shown to readers`
}

const NAMES: readonly (keyof ControlData['settings'])[] = [
  'maxConnections',
  'maxWorkerProcesses',
  'maxWalSenders',
  'maxPreparedTransactions',
  'maxLocksPerTransaction',
]
