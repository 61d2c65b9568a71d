// What the HTTP API says of this agent's own standstills. Most of it is from the last beat; if that one does not go on, it is
// old, and is not said as if it were true now.

import type { JsonObject } from '../../model/cluster/cluster.ts'
import { hangingStep, type StepInProgress } from '../../model/decision/step-in-progress.ts'
import type { StandstillsView } from '../../model/server/vitals.ts'
import type { DynamicSettings } from '../../model/settings/dynamic-settings.ts'
import type { Clock } from '../../ports/clock.ts'
import type { NodeStatus } from '../../rest/node-view.ts'

export interface StandstillSource {
  readonly clock: Pick<Clock, 'bootMs'>
  readonly settings: () => DynamicSettings
  /** The step of the beat that goes on now. */
  readonly step: () => StepInProgress | null
  readonly standstills: () => StandstillsView
}

/** By the time of the answer. */
export function withHangingBeat(status: NodeStatus, source: StandstillSource): NodeStatus {
  const hangs = hanging(source)
  if (hangs === null) return status
  const text = `the agent ${hangs}: what it last saw is old, and its lease is not renewed`
  return {
    ...status,
    problem: { id: 'agent-hangs', text },
    unfit: `its agent ${hangs}`,
    standstillMs: source.standstills().totalMs,
  }
}

/** For the object `hactl` of the status document. The times are since the agent started, in milliseconds. */
export function ownStandstills(source: StandstillSource): JsonObject {
  const hangs = hanging(source)
  const { times, totalMs, longestMs, lastMs } = source.standstills()
  return {
    ...(hangs !== null && { unfit: `its agent ${hangs}` }),
    ...(times > 0 && {
      standstills: { times, total_ms: totalMs, longest_ms: longestMs, last_ms: lastMs },
    }),
  }
}

function hanging({ step, settings, clock }: StandstillSource): string | null {
  return hangingStep(step(), settings(), clock.bootMs())
}
