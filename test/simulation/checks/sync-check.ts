// What synchronous mode promises: whoever leads next without being forced to has everything that was acknowledged since the
// key `sync` first named a leader.

import type { Postmaster } from '../machine/postmaster.ts'
import { type Branch, isPartOf } from '../machine/wal.ts'
import type { World } from '../world.ts'

/** A write that a client was told is committed. */
export interface Acknowledged {
  readonly branch: Branch
  readonly count: number
  readonly atMs: number
  readonly node: string
  /** The key `sync` named its node as the leader, and has named one ever since: whoever leads next has it. */
  isKept: boolean
}

/** null: nothing was lost that had to be kept. Data that was taken away by hand is nobody's promise. */
export function lostInSyncMode(
  world: World,
  acknowledged: readonly Acknowledged[],
  { data, machine }: Postmaster,
): string | null {
  if (world.dataWasLost || !world.atElection.isSynchronous) return null
  const gone = acknowledged.filter(write => write.isKept && !isPartOf(write, data.end))
  if (gone.length === 0) return null
  const [first] = gone
  return `${machine.name} was promoted without ${gone.length} writes of synchronous mode, the first of ${first?.node} at ${((first?.atMs ?? 0) / 1000).toFixed(3)} s`
}

/** What was acknowledged until now is on as many nodes as it was, and nobody promises that it will be found again. */
export function endPromise(acknowledged: readonly Acknowledged[]): void {
  for (const write of acknowledged) write.isKept = false
}

/** Why nobody is synchronous though the mode is on and somebody could be; null: all is well. */
export function notSynchronous(world: World, leader: string): string | null {
  const state = world.syncState()
  const primary = world.machine(leader)?.server ?? null
  const streams = world.machines.some(
    ({ server }) => primary !== null && server?.receiver?.source === primary,
  )
  if (!world.isSynchronous || !streams) return null
  if (state?.leader !== leader)
    return `the sync key names ${state?.leader ?? 'nobody'}, the leader is ${leader}`
  return state.standbys.length === 0 ? 'nobody is synchronous' : null
}
