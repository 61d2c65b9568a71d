// Arms and disarms the fencer. Its deadline is never later than the proved end of the lease.

import type { FencerAction } from '../model/decision/action.ts'
import type { Outcome } from '../model/decision/outcome.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { leadershipEndsAtMs } from '../model/timing.ts'
import type { ActPorts } from './act-context.ts'
import { done, failed } from './outcomes.ts'

const FENCER_LIMIT_MS = 500

export async function fence(action: FencerAction, snap: Snapshot, ports: ActPorts): Promise<Outcome> {
  const { fencer } = ports
  switch (action.kind) {
    case 'arm-fencer':
      return await arm(action, snap, ports)
    case 'disarm-fencer':
      return (await fencer.disarm(FENCER_LIMIT_MS))
        ? done(action)
        : failed(action, 'the fencer did not answer')
    case 'open-watchdog': {
      const why = await fencer.openWatchdog(action.request, FENCER_LIMIT_MS)
      return why === null ? done(action) : failed(action, why)
    }
    case 'close-watchdog':
      return (await fencer.closeWatchdog(FENCER_LIMIT_MS))
        ? done(action)
        : failed(action, 'the fencer did not answer')
    default:
      return action satisfies never
  }
}

async function arm(
  action: Extract<FencerAction, { kind: 'arm-fencer' }>,
  snap: Snapshot,
  { guard, clock, fencer }: ActPorts,
): Promise<Outcome> {
  const lease = guard.view()
  const nowMs = clock.bootMs()
  const leaseEndMs = Math.min(
    action.ahead === true ? lease.validUntilMs : leadershipEndsAtMs(lease),
    nowMs + (action.withinMs ?? Number.POSITIVE_INFINITY),
  )
  const until = leaseEndMs - action.marginMs
  if (until <= nowMs) return failed(action, 'there is no lease to arm it with')
  const { process } = snap.postgres
  const why = await fencer.arm(until, process.kind === 'running' ? process.identity : null, FENCER_LIMIT_MS, {
    ahead: action.ahead ?? false,
    leaseEndMs,
    watchdog: action.watchdog ?? null,
  })
  return why === null ? done(action) : failed(action, why)
}
