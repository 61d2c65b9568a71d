// What must hold of every decision on a node with a watchdog device, written down without the help of the rules.

import type { Decision } from '../../src/model/decision/decision.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import type { World } from './parts.ts'

/** How long a primary may look for the device that it needs. */
const PATIENCE_MS = 3000

export function goesUnwatched({ snap, memory }: World, decision: Decision): readonly string[] {
  const { fencer, self, settings } = snap
  const mode = self.watchdog?.mode ?? 'off'
  const kinds = decision.actions.map(({ kind }) => kind)
  const opens = kinds.indexOf('open-watchdog')
  const wrong: string[] = []
  if (opens >= 0) {
    if (mode === 'off' || settings.paused) wrong.push('opens a watchdog that nobody wants')
    const armed = fencer.alive && (fencer.armedUntilMs ?? 0) > snap.nowMs
    const armsFirst = kinds.indexOf('arm-fencer')
    if (!armed && (armsFirst < 0 || armsFirst > opens))
      wrong.push('opens a watchdog that nobody would switch off')
  }
  if (mode !== 'required' || settings.paused || isOpen(snap)) return wrong
  const jobs = decision.actions.flatMap(action => (action.kind === 'begin' ? [action.job] : []))
  if (jobs.some(({ kind }) => kind === 'promote')) wrong.push('promotes without the watchdog that it needs')
  if (kinds.includes('take-leader')) wrong.push('founds a cluster without the watchdog that it needs')
  if (isMissing(snap)) {
    if (decision.rule === 'race.acquire-lease' && !isPrimary(snap))
      wrong.push('races without the watchdog that it needs')
    if (jobs.some(job => job.kind === 'start' && job.as === 'primary'))
      wrong.push('starts a primary without the watchdog that it needs')
  }
  const failed = snap.outcomes.some(({ kind, action }) => action === 'open-watchdog' && kind !== 'done')
  const sinceMs = memory.watchdogFailure?.sinceMs ?? snap.nowMs
  const isOver = failed && snap.nowMs - sinceMs >= PATIENCE_MS
  const stops = jobs.length > 0 || snap.work !== null || memory.founding !== null
  if (isOver && isPrimary(snap) && decision.next === 'settled' && !stops)
    wrong.push('goes on as a primary without the watchdog that it needs')
  return wrong
}

function isOpen({ fencer }: Snapshot): boolean {
  return (fencer.watchdog ?? null) !== null
}

/** Not known counts as missing. */
function isMissing({ fencer: { device } }: Snapshot): boolean {
  return device === undefined || !device.known || device.value !== null
}

function isPrimary({ postgres: { server } }: Snapshot): boolean {
  return server.known && !server.value.inRecovery
}
