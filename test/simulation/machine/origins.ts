// Notes on timelines, in the state directory of a machine and once more in its data directory (src/postgres/data/noted-origins.ts).

import type { PromotionNote } from '../../../src/model/decision/work.ts'
import type { Origin, Origins } from '../../../src/model/server/origins.ts'
import type { StepOutcome } from '../../../src/ports/postgres.ts'
import type { Machine } from './machine.ts'
import { DONE } from './step.ts'

export function notePromotion(machine: Machine, { systemIdentifier, from, at }: PromotionNote): StepOutcome {
  return note(machine, systemIdentifier, noted => ({ ...noted, asked: { from, at } }))
}

export function noteOrigin(machine: Machine, systemIdentifier: string, origin: Origin | null): StepOutcome {
  return note(machine, systemIdentifier, ({ timelines }) => {
    const others = timelines.filter(({ timeline }) => timeline !== origin?.timeline)
    return { systemIdentifier, timelines: origin === null ? timelines : [...others, origin], asked: null }
  })
}

function note(machine: Machine, systemIdentifier: string, by: (noted: Origins) => Origins): StepOutcome {
  const before = machine.origins ?? machine.data?.origins ?? null
  const own = before?.systemIdentifier === systemIdentifier ? before : null
  machine.origins = by(own ?? { systemIdentifier, timelines: [], asked: null })
  if (machine.data !== null) machine.data.origins = machine.origins
  return DONE
}
