// What makes it hard to tell whose data a node has: WAL that is hidden or gone, notes that are lost, standbys that receive
// nothing, and a winner of a race that dies between its promotion and its history line in etcd.

import type { Machine } from '../machine/machine.ts'
import type { Random } from '../random.ts'
import type { World } from '../world.ts'

interface Tools {
  readonly world: World
  readonly random: Random
  readonly told: (who: string, text: string) => void
  /** Ends after `lowMs` to `highMs`, unless everything is healed before. */
  readonly forSome: (lowMs: number, highMs: number, end: () => void) => void
}

export function timelineFaults({
  world,
  random,
  told,
  forSome,
}: Tools): Readonly<Record<string, (machine: Machine) => void>> {
  return {
    hiddenWal: machine => {
      told(machine.name, 'whoever compares timelines with it hears nothing')
      machine.hidesWal = true
      forSome(1000, 60_000, () => {
        machine.hidesWal = false
      })
    },
    refusedReplication: machine => {
      told(machine.name, 'lets nobody in for replication')
      machine.refusesReceivers = true
      machine.server?.dropReceivers()
      forSome(1000, 60_000, () => {
        machine.refusesReceivers = false
      })
    },
    recycledWal: machine => {
      if (machine.data === null) return
      told(machine.name, 'its WAL up to here is recycled')
      machine.data.keptFrom = machine.data.lsn
    },
    lostStateDirectory: machine => {
      told(machine.name, 'the state directory is lost')
      machine.origins = null
    },
    twin: () => {
      told('all', 'whoever promotes next freezes at once')
      const forMs = random.skewed(2000, 60_000)
      for (const machine of world.machines) machine.freezesAtPromotionForMs = forMs
      // A leader that is lost gives the occasion.
      world.machine(world.leaderKey() ?? '')?.powerOff()
      forSome(40_000, 60_000, () => {
        for (const machine of world.machines) {
          machine.freezesAtPromotionForMs = null
          if (!machine.up) machine.powerOn()
        }
      })
    },
  }
}
