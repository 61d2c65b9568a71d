// An agent that stands still several times, each time for less than its lease lasts: a machine that swaps, is overloaded, or
// is paused from outside.

import type { Machine } from '../machine/machine.ts'
import type { Random } from '../random.ts'

interface Tools {
  readonly random: Random
  /** Machines whose agent does not run. */
  readonly agentless: Set<string>
  readonly told: (who: string, text: string) => void
  /** Ends after `lowMs` to `highMs`, unless everything is healed before. */
  readonly forSome: (lowMs: number, highMs: number, end: () => void) => void
}

export function standstills({
  random,
  agentless,
  told,
  forSome,
}: Tools): Readonly<Record<string, (machine: Machine) => void>> {
  const stop = (machine: Machine, times: number): void => {
    const process = machine.agent?.process
    if (times === 0 || process?.runs !== true || machine.lostItsGuard) return
    told(machine.name, `agent: SIGSTOP, ${times} times`)
    process.stop()
    agentless.add(machine.name)
    forSome(1000, 6000, () => {
      agentless.delete(machine.name)
      process.goOn()
      forSome(500, 10_000, () => stop(machine, times - 1))
    })
  }
  return { standstills: machine => stop(machine, random.between(3, 6)) }
}
