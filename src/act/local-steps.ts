// Steps on this node: its PostgreSQL, its orders, the agent itself.

import type { LocalStep } from '../model/decision/action.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { isPrimaryOnly, type Job } from '../model/decision/work.ts'
import type { StepOutcome } from '../ports/postgres.ts'
import type { ActPorts, Performed } from './act-context.ts'
import { done, failed } from './outcomes.ts'

export async function actHere(action: LocalStep, snap: Snapshot, ports: ActPorts): Promise<Performed> {
  const { postgres, work } = ports
  switch (action.kind) {
    case 'answer-order':
      ports.orders.answer(action.id, action.answer)
      return { outcome: done(action) }
    case 'begin':
      if (isWithdrawn(action.job, ports))
        return { outcome: failed(action, 'the client that asked for it no longer waits') }
      if (becomesPrimary(action.job, snap) && !ports.promises.mayClaim(null))
        return { outcome: failed(action, 'this node has promised another one not to become the primary') }
      work.begin(action.job)
      return { outcome: done(action), postgresTouched: true }
    case 'cancel-work':
      work.cancel(action.why)
      return { outcome: done(action) }
    case 'apply-configuration':
      ports.configuration.apply()
      return { outcome: done(action) }
    case 'checkpoint-soon':
      postgres.checkpointSoon()
      return { outcome: done(action) }
    case 'change-slots':
      return step(action, await postgres.changeSlots(action))
    case 'resume-replay':
      return step(action, await postgres.resumeReplay())
    case 'set-sync-names':
      return step(action, await postgres.setSyncNames(action.value))
    case 'note-origin': {
      const noted = await postgres.noteOrigin(action.systemIdentifier, action.origin)
      return { outcome: noted.ok ? done(action) : failed(action, noted.why), postgresTouched: true }
    }
    case 'exit':
      ports.exit(action.code, action.why)
      return { outcome: done(action) }
    default:
      return action satisfies never
  }
}

function isWithdrawn(job: Job, { orders }: ActPorts): boolean {
  return 'order' in job && job.order !== undefined && !orders.begin(job.order)
}

/** A promise does not concern a server that is a primary already. */
function becomesPrimary(job: Job, { postgres }: Snapshot): boolean {
  const isPrimary = postgres.server.known && !postgres.server.value.inRecovery
  return isPrimaryOnly(job) && !isPrimary
}

function step(action: LocalStep, outcome: StepOutcome): Performed {
  return { outcome: outcome.ok ? done(action) : failed(action, outcome.why), postgresTouched: true }
}
