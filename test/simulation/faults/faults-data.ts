// What becomes of a data directory under a node: it vanishes, or something else is put in its place, while its agent is up
// or between two lives of it, and whether or not a server still works in what it was. Nobody does that to the last copy.

import { DataDirectory } from '../machine/data-directory.ts'
import type { Machine } from '../machine/machine.ts'
import { isPartOf, lsnOf } from '../machine/wal.ts'
import type { Random } from '../random.ts'
import type { World } from '../world.ts'
import type { Fault } from './faults.ts'

/** Further behind than this a copy may be too far behind to lead (maximum_lag_on_failover is 4000 in some runs). */
const NEAR_BYTES = 2000n
const COPY_BEGINS_WITHIN_MS = 15_000

export function lossesOfData(
  world: World,
  random: Random,
  told: (who: string, text: string) => void,
): Readonly<Record<string, Fault>> {
  const lose = (machine: Machine, what: string, put: DataDirectory | null): void => {
    if (!isSpare(world, machine)) return
    // The agent dies first, for some time, or it sees its directory go.
    const agentDies = random.chance(0.7)
    const takesRecord = random.chance(0.3)
    told(
      machine.name,
      `the data directory ${what}${agentDies ? ', the agent dies' : ''}${takesRecord ? ', the state directory is lost' : ''}`,
    )
    if (agentDies && !machine.lostItsGuard) machine.killAgent()
    if (machine.data !== null) machine.data.nameless = random.chance(0.2)
    if (random.chance(0.2)) machine.killServer()
    machine.data = put
    world.dataWasLost = true
    machine.dataLostAtMs = world.nowMs
    if (takesRecord) {
      machine.forgetServer()
      machine.origins = null
    }
    if (agentDies) world.scheduler.after(random.skewed(50, 20_000), () => machine.startAgent())
  }
  return {
    backUp: machine => {
      if (machine.data?.usable === true) machine.backup = DataDirectory.snapshotOf(machine.data)
    },
    dataVanishes: machine => lose(machine, 'vanishes', null),
    olderBackup: machine => {
      const { backup } = machine
      if (backup?.systemIdentifier !== world.clusterIdentifier || backup === null) return
      lose(machine, 'is replaced by an older backup', DataDirectory.snapshotOf(backup))
    },
    anotherCluster: machine =>
      lose(machine, "is replaced by another cluster's", DataDirectory.initdb(world.systemIdentifier())),
  }
}

/** Somebody else has nearly all of what it has, and no work on the disk is in progress. */
function isSpare(world: World, machine: Machine): boolean {
  const { data } = machine
  if (data === null || !data.usable || machine.children.size > 0 || !machine.up) return false
  if (data.systemIdentifier !== world.clusterIdentifier) return false
  const newest = world.machines.filter(
    ({ data: other }) => other?.systemIdentifier === world.clusterIdentifier,
  )
  const end = lsnOf(data.end)
  return newest.some(
    other =>
      other !== machine &&
      other.up &&
      // That one is about to be replaced: neither fault alone loses the data.
      world.nowMs - other.copyAskedAtMs > COPY_BEGINS_WITHIN_MS &&
      other.data?.usable === true &&
      other.data.rewindBroken === false &&
      !other.options.tags.nofailover &&
      other.data.timeline >= data.timeline &&
      (isPartOf(data.end, other.data.end) ||
        (isPartOf(other.data.end, data.end) && end - lsnOf(other.data.end) < NEAR_BYTES)),
  )
}
