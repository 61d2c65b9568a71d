// Arms and disarms the fencer. Its deadline is never later than the proved end of the lease.

import type { FencerAction } from '../model/decision/action.ts'
import type { Outcome } from '../model/decision/outcome.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { leadershipEndsAtMs } from '../model/timing.ts'
import type { ActPorts } from './act-context.ts'
import { done, failed } from './outcomes.ts'

const FENCER_LIMIT_MS = 500

export async function fence(action: FencerAction, snap: Snapshot, ports: ActPorts): Promise<Outcome> {
  if (action.kind === 'disarm-fencer') {
    return (await ports.fencer.disarm(FENCER_LIMIT_MS))
      ? done(action)
      : failed(action, 'the fencer did not answer')
  }
  const lease = ports.guard.view()
  const nowMs = ports.clock.bootMs()
  const endMs = Math.min(
    action.ahead === true ? lease.validUntilMs : leadershipEndsAtMs(lease),
    nowMs + (action.withinMs ?? Number.POSITIVE_INFINITY),
  )
  const until = endMs - action.marginMs
  if (until <= nowMs) return failed(action, 'there is no lease to arm it with')
  const { process } = snap.postgres
  const armed = await ports.fencer.arm(
    until,
    process.kind === 'running' ? process.identity : null,
    FENCER_LIMIT_MS,
    action.ahead,
  )
  return armed ? done(action) : failed(action, 'the fencer did not confirm')
}
