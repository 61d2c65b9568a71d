// The agent's own disk, with its state directory: it hangs, with the log of its PostgreSQL, or it is full.

import type { Machine } from '../machine/machine.ts'
import type { Random } from '../random.ts'

interface Tools {
  readonly random: Random
  readonly told: (who: string, text: string) => void
  /** Ends after `lowMs` to `highMs`, unless everything is healed before. */
  readonly forSome: (lowMs: number, highMs: number, end: () => void) => void
}

export function ownDiskFaults({
  random,
  told,
  forSome,
}: Tools): Readonly<Record<string, (machine: Machine) => void>> {
  return {
    ownDisk: machine => {
      const hangs = random.chance(0.8)
      told(machine.name, `the disk of the state directory ${hangs ? 'hangs' : 'is full'}`)
      if (hangs) machine.hungState = true
      else machine.fullState = true
      forSome(1000, 120_000, () => {
        if (hangs) machine.hungState = false
        else machine.fullState = false
      })
    },
  }
}
