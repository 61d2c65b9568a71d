// Answers POST /failsafe from memory: may the primary that asks go on without the store (spec/ha.md 5.3)? The answer is a
// promise: src/agent/failsafe/promise-desk.ts.

import { runsAsPrimary, server } from '../../decide/facts.ts'
import type { FailsafePing } from '../../model/cluster/failsafe.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { maxLsn } from '../../model/units.ts'
import type { PromiseDesk } from '../../ports/promises.ts'
import type { FailsafeAnswer } from '../../rest/node-view.ts'

interface AnswerPorts {
  readonly promises: Pick<PromiseDesk, 'promise'>
  readonly wake: (cause: string) => void
}

export function answerFailsafe(
  ping: FailsafePing,
  snap: Snapshot | null,
  memory: Memory,
  { promises, wake }: AnswerPorts,
): FailsafeAnswer {
  // A server that an earlier run of this agent left may be a primary.
  if (snap === null) return { kind: 'refused', why: 'this agent has just started and has not looked yet' }
  if (ping.name === snap.self.name) return { kind: 'refused', why: `${ping.name} is the name of this node` }
  if (runsAsPrimary({ snap, memory }) || memory.promotionAsked) return { kind: 'running-as-leader' }
  const answer = promises.promise(ping)
  if (answer.kind === 'refused') return answer
  wake(`rest: ${ping.name} asked to go on as primary`)
  const seen = server(snap)
  const lsn = seen === null ? null : maxLsn(seen.receiveLsn, seen.replayLsn)
  return { kind: 'accepted', lsn, holdsMs: answer.holdsMs }
}
