// What another member's answer means for the rules (spec/ha.md 3.8.6); one that is no status document is the reason why the
// member counts as unknown.

import { type PeerView, receiversOf } from '../model/cluster/peer.ts'
import { type Seen, seen, unseen } from '../model/seen.ts'
import { type BootMillis, type Lsn, maxLsn } from '../model/units.ts'
import { parseStatusAnswer, type StatusAnswer } from '../wire/status-answer.ts'
import { failoverTags } from '../wire/tags.ts'

/** `atMs` is when the question was sent. */
export function readPeerView(body: string, atMs: BootMillis): Seen<PeerView> {
  const answer = parseStatusAnswer(body)
  if (answer === null) return unseen(`the answer is not a JSON object: ${excerpt(body)}`)
  const { state, role, positions, hactl } = answer
  if (state === null || role === null) return unseen(`the answer is not a status document: ${excerpt(body)}`)
  const isPrimary = (positions?.written ?? 0n) > 0n || role === 'primary'
  return seen(
    {
      state,
      role,
      runsAsPrimary: isPrimary || hactl?.leads === true,
      position: isPrimary ? (positions?.written ?? null) : standbyPosition(positions),
      timeline: answer.timeline,
      ...failoverTags(answer.tags),
      offHistory: hactl?.off_history === true,
      ...(hactl?.receives_nothing === true && { receivesNothing: true }),
      ...(hactl?.without_configuration === true && { withoutConfiguration: true as const }),
      ...(hactl?.former_may_write === true && { formerMayWrite: true as const }),
      ...(typeof hactl?.unfit === 'string' && { unfit: hactl.unfit }),
      ...(hactl?.stalls === true && { stalls: true as const }),
      watchdogFailed: answer.watchdogFailed,
      paused: answer.paused,
      ...receivers(answer),
    },
    atMs,
  )
}

function standbyPosition(positions: StatusAnswer['positions']): Lsn | null {
  return positions === null ? null : (maxLsn(positions.received, positions.replayed) ?? 0n)
}

/** Only hactl leaves the list out when it is empty and only then; without a server it was not looked at. */
function receivers({ hactl, serverVersion, senders }: StatusAnswer): Pick<PeerView, 'receivers'> {
  const isKnown = hactl !== null && serverVersion !== null && senders !== null
  return isKnown ? { receivers: receiversOf(senders) } : {}
}

function excerpt(body: string): string {
  const line = body.slice(0, 80).replace(/[^ -~]+/g, ' ')
  return body.length > 80 ? `${line}…` : line
}
