// History files that say nothing else than "taken" (src/postgres/wal/skipped-timelines.ts).

import type { StepOutcome } from '../../../src/ports/postgres.ts'
import type { DataDirectory } from './data-directory.ts'
import type { Machine } from './machine.ts'
import { DONE, failed } from './step.ts'

export async function skipTimelines(machine: Machine, timelines: readonly number[]): Promise<StepOutcome> {
  const { data } = machine
  if (data === null) return failed('no data directory')
  for (const timeline of timelines) if (timeline > data.newestTimeline) data.skipped.add(timeline)
  return DONE
}

/** Those that no promotion came after. */
export function forgetSkipped(data: DataDirectory): void {
  for (const timeline of [...data.skipped]) if (timeline > data.newestTimeline) data.skipped.delete(timeline)
}

/** The number that PostgreSQL takes: after the highest one with a history file, without a gap. */
export function nextTimeline({ newestTimeline, skipped }: DataDirectory): number {
  let next = newestTimeline + 1
  while (skipped.has(next)) next++
  return next
}
