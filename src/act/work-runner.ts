// Runs the one long piece of work beside the beats. It is visible and can be cancelled, and its signal aborts the
// moment the lease that it needs is gone. However it ends, it leaves a FinishedWork.

import type { FinishedWork, Job, Work } from '../model/decision/work.ts'
import { isPrimaryOnly } from '../model/decision/work.ts'
import type { Progress } from '../model/server/progress.ts'
import type { Clock } from '../ports/clock.ts'
import type { Fencer } from '../ports/fencer.ts'
import type { LeaseGuard } from '../ports/lease-guard.ts'
import type { Postgres, StepOutcome } from '../ports/postgres.ts'
import { type Ended, runJob } from './jobs.ts'

export interface WorkRunner {
  /** Begins a job; none may be in progress. */
  begin(job: Job): void
  /** Asks the job to end; it is over when `finished` shows. */
  cancel(why: string): void
  current(): Work | null
  /** The job that ended since the last call; null: none. */
  takeFinished(): FinishedWork | null
  /** Resolves when no job runs. */
  idle(): Promise<void>
}

export interface WorkPorts {
  readonly postgres: Postgres
  readonly fencer: Fencer
  readonly guard: LeaseGuard
  readonly clock: Clock
  /** Called when a job has ended, so that a beat begins. */
  readonly onEnd: (finished: FinishedWork) => void
  /** Called when PostgreSQL has shut down but its stop is not over: a handover may go on. */
  readonly onShutDown?: () => void
}

export function createWorkRunner(ports: WorkPorts): WorkRunner {
  let work: Work | null = null
  let finished: FinishedWork | null = null
  let controller = new AbortController()
  let running: Promise<void> = Promise.resolve()

  const report = (progress: Progress): void => {
    if (work === null) return
    work = { ...work, progress }
    if (progress.stoppedAt !== undefined) ports.onShutDown?.()
  }

  async function run(job: Job, signal: AbortSignal): Promise<void> {
    const ended = await settle(runJob(job, ports, signal, report))
    finished = conclude(job, ended, signal, ports.clock)
    work = null
    ports.onEnd(finished)
  }

  return {
    begin(job) {
      if (work !== null) throw new Error(`cannot begin ${job.kind}: ${work.job.kind} is in progress`)
      controller = new AbortController()
      const { signal } = controller
      work = { job, startedAtMs: ports.clock.bootMs(), progress: null, cancelled: false }
      running = run(job, isPrimaryOnly(job) ? AbortSignal.any([signal, ports.guard.primarySignal()]) : signal)
    },
    cancel(why) {
      if (work === null) return
      work = { ...work, cancelled: true, progress: { phase: `cancelled: ${why}` } }
      controller.abort(new Error(why))
    },
    current: () => work,
    takeFinished() {
      const last = finished
      finished = null
      return last
    },
    idle: () => running,
  }
}

/**
 * A step throws for a bug, or for a system error such as a full disk. The error becomes the job's reason and does not
 * kill the agent that holds the lease.
 */
async function settle(job: Promise<Ended>): Promise<Ended> {
  try {
    return await job
  } catch (error) {
    return { outcome: { ok: false, why: reasonOf(error) } }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `bug: ${error}`
  return 'syscall' in error ? error.message : `bug: ${error.stack ?? error.message}`
}

function conclude(job: Job, ended: Ended, signal: AbortSignal, clock: Clock): FinishedWork {
  const outcome: StepOutcome = ended.outcome
  return {
    job,
    ok: outcome.ok,
    why: outcome.ok ? '' : outcome.why,
    ...(outcome.ok || outcome.remedy === undefined ? {} : { remedy: outcome.remedy }),
    ...(outcome.ok || outcome.stillStarting !== true ? {} : { stillStarting: true }),
    cancelled: !outcome.ok && (outcome.cancelled === true || signal.aborted),
    finishedAtMs: clock.bootMs(),
    position: ended.position ?? null,
    damaged: ended.damaged ?? false,
  }
}
