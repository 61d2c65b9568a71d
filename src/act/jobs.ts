// Each job as a sequence of steps. A step that fails ends the job. The fencer is disarmed as soon as no server can
// accept writes, and armed for the new postmaster as soon as that exists.

import type { Job, RestartJob } from '../model/decision/work.ts'
import type { PostmasterIdentity } from '../model/server/postgres.ts'
import type { ShutdownPosition } from '../model/server/progress.ts'
import type { Millis } from '../model/units.ts'
import type { Report, StepOutcome } from '../ports/postgres.ts'
import type { WorkPorts } from './work-runner.ts'

/** How a job ended. */
export interface Ended {
  readonly outcome: StepOutcome
  readonly position?: ShutdownPosition | null
  readonly damaged?: boolean
}

const FENCER_LIMIT_MS = 500
const CLONE_START_LIMIT_MS = 60_000
/** After this the stop of a standby is enforced: a standby loses nothing in a crash. */
const STANDBY_STOP_LIMIT_MS = 60_000

export async function runJob(
  job: Job,
  ports: WorkPorts,
  signal: AbortSignal,
  report: Report,
): Promise<Ended> {
  const { postgres } = ports
  switch (job.kind) {
    case 'bootstrap':
      return inOrder([
        () => postgres.initdb(signal, report),
        () => postgres.start({ as: 'primary', upstream: null, timeoutMs: CLONE_START_LIMIT_MS }, signal),
        () => postgres.finishBootstrap(signal, report),
      ])
    case 'clone':
      return clone(job, ports, signal, report)
    case 'start':
      return job.as === 'primary'
        ? startPrimary(job.timeoutMs, ports, signal)
        : startStandby(job, ports, signal)
    case 'follow':
      return { outcome: await postgres.follow(job.upstream, signal) }
    case 'restart':
      return restart(job, ports, signal, report)
    case 'promote':
      return inOrder([
        () => postgres.notePromotion(job.note),
        () => postgres.skipTimelines(job.skips),
        () => postgres.promote(job.timeoutMs, signal),
      ])
    case 'stop':
      return stop(job, ports, signal, report)
    case 'stop-orphans':
      return inOrder([() => postgres.stopOrphans(signal), () => relieveFormer(ports)])
    case 'crash-recovery':
      return inOrder([() => disarm(ports), () => postgres.crashRecovery(signal)])
    case 'rewind':
      return rewind(job, ports, signal, report)
    case 'remove-data':
      return inOrder([
        () => stopAtOnce(ports, signal),
        () => disarm(ports),
        () => postgres.removeDataDirectory(),
      ])
    case 'set-aside':
      return inOrder([
        () => stopAtOnce(ports, signal),
        () => disarm(ports),
        () => postgres.setDataDirectoryAside(),
      ])
    default:
      return job satisfies never
  }
}

async function inOrder(steps: readonly (() => Promise<StepOutcome>)[]): Promise<Ended> {
  for (const step of steps) {
    const outcome = await step()
    if (!outcome.ok) return { outcome }
  }
  return { outcome: { ok: true } }
}

function clone(
  job: Job & { kind: 'clone' },
  ports: WorkPorts,
  signal: AbortSignal,
  report: Report,
): Promise<Ended> {
  const { postgres } = ports
  const removal =
    job.replaces === null
      ? []
      : [
          () => postgres.reachSource(job.from),
          () => stopAtOnce(ports, signal),
          () => disarm(ports),
          () => postgres.removeDataDirectory(),
        ]
  return inOrder([
    ...removal,
    () => postgres.basebackup(job.from, signal, report),
    () => postgres.start({ as: 'standby', upstream: job.upstream, timeoutMs: CLONE_START_LIMIT_MS }, signal),
  ])
}

/** The fencer was armed before the job began; it is armed for the new postmaster the moment that exists. */
async function startPrimary(timeoutMs: Millis, ports: WorkPorts, signal: AbortSignal): Promise<Ended> {
  const armed: Promise<unknown>[] = []
  const onSpawned = (identity: PostmasterIdentity): void => {
    const until = ports.fencer.view().armedUntilMs
    if (until !== null) armed.push(ports.fencer.arm(until, identity, FENCER_LIMIT_MS))
  }
  const outcome = await ports.postgres.start({ as: 'primary', upstream: null, timeoutMs, onSpawned }, signal)
  await Promise.all(armed)
  return { outcome }
}

function startStandby(job: Job & { kind: 'start' }, ports: WorkPorts, signal: AbortSignal): Promise<Ended> {
  return inOrder([
    () => disarm(ports),
    () => ports.postgres.start({ as: 'standby', upstream: job.upstream, timeoutMs: job.timeoutMs }, signal),
  ])
}

async function restart(
  job: RestartJob,
  ports: WorkPorts,
  signal: AbortSignal,
  report: Report,
): Promise<Ended> {
  const { postgres } = ports
  const isPrimary = job.as === 'primary'
  report({ phase: isPrimary ? 'checkpoint and stop' : 'stop' })
  const timeoutMs = job.stopTimeoutMs ?? STANDBY_STOP_LIMIT_MS
  const stopped = await postgres.stop({ mode: 'fast', checkpoint: isPrimary, timeoutMs }, signal)
  if (!stopped.ok) return { outcome: stopped }
  report({ phase: 'start' })
  // The fencer stays armed while a primary is down: the new one is guarded before it accepts a write.
  return isPrimary
    ? startPrimary(job.timeoutMs, ports, signal)
    : {
        outcome: await postgres.start(
          { as: 'standby', upstream: job.upstream, timeoutMs: job.timeoutMs },
          signal,
        ),
      }
}

async function stop(
  job: Job & { kind: 'stop' },
  ports: WorkPorts,
  signal: AbortSignal,
  report: Report,
): Promise<Ended> {
  report({ phase: job.checkpoint ? 'checkpoint and stop' : 'stop' })
  const outcome = await ports.postgres.stop(
    {
      mode: job.mode,
      checkpoint: job.checkpoint,
      timeoutMs: job.timeoutMs,
      onShutDown: stoppedAt => report({ phase: 'shut down, waiting for the last processes', stoppedAt }),
    },
    signal,
  )
  if (!outcome.ok) return { outcome }
  await disarm(ports)
  return { outcome, position: outcome.position ?? null }
}

async function rewind(
  job: Job & { kind: 'rewind' },
  ports: WorkPorts,
  signal: AbortSignal,
  report: Report,
): Promise<Ended> {
  const stopped = await inOrder([() => stopCleanly(ports, signal), () => disarm(ports)])
  if (!stopped.outcome.ok) return stopped
  const outcome = await ports.postgres.rewind(job.from, signal, report)
  return { outcome, damaged: outcome.damaged ?? false }
}

function stopCleanly(ports: WorkPorts, signal: AbortSignal): Promise<StepOutcome> {
  return ports.postgres.stop({ mode: 'fast', checkpoint: false, timeoutMs: STANDBY_STOP_LIMIT_MS }, signal)
}

function stopAtOnce(ports: WorkPorts, signal: AbortSignal): Promise<StepOutcome> {
  return ports.postgres.stop({ mode: 'immediate', checkpoint: false, timeoutMs: 10_000 }, signal)
}

/**
 * The server that an earlier agent's fencer guarded is dead: that fencer would stop the next server in the directory.
 */
async function relieveFormer({ fencer }: WorkPorts): Promise<StepOutcome> {
  if (fencer.view().formerMayAct) await fencer.disarm(FENCER_LIMIT_MS)
  return { ok: true }
}

/** A fencer with the deadline of a former primary would stop the next standby. */
async function disarm({ fencer }: WorkPorts): Promise<StepOutcome> {
  const { alive, armedUntilMs } = fencer.view()
  if (!alive || armedUntilMs === null) return { ok: true }
  return (await fencer.disarm(FENCER_LIMIT_MS))
    ? { ok: true }
    : { ok: false, why: 'the fencer did not confirm that it is disarmed' }
}
