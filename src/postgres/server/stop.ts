// Stopping the server (spec/postgres.md 1.7): CHECKPOINT, signal, and from then on a close look at the control file,
// because standbys may take over from the instant it says `shut down`, however long the process lives on.

import type { PostmasterIdentity } from '../../model/server/postgres.ts'
import type { Millis } from '../../model/units.ts'
import type { ShutdownPosition, StepOutcome, StopOptions } from '../../ports/postgres.ts'
import { killTree, signalProcess } from '../../system/proc.ts'
import { type Context, cancelled, failed } from '../context.ts'
import { peekClusterState, readControlData } from '../data/control-data.ts'
import { queryOnce } from '../session/connection.ts'
import { readShutdownPosition } from '../wal/wal-records.ts'
import { clearLeftovers } from './leftovers.ts'

type StopOutcome = StepOutcome & { readonly position?: ShutdownPosition | null }

const STATE_PACE_MS: Millis = 10
/** A CHECKPOINT before the stop only makes it shorter: after this limit we no longer wait for it. */
const CHECKPOINT_LIMIT_MS: Millis = 3_600_000
const KILL_LIMIT_MS: Millis = 5000
/** Reading the position takes three child processes, so failures are not repeated for ever. */
const POSITION_TRIES = 3

export async function stop(
  context: Context,
  options: StopOptions,
  signal: AbortSignal,
): Promise<StopOutcome> {
  const { former, watch, kept, log } = context
  const identity = await watch.find()
  // The directory was replaced: its control file describes other data, or two servers write it.
  const isOther = await former.isOtherData(identity)
  const positionNow = async () => (isOther ? null : await readPosition(context))
  if (identity === null) return { ok: true, position: await positionNow() }
  if (options.checkpoint && options.mode === 'fast') await checkpointFirst(context, options.timeoutMs, signal)
  if (signal.aborted) return cancelled('the stop')
  const sent = await signalProcess(identity, options.mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  if (sent === 'denied') return failed(`not permitted to signal the postmaster (pid ${identity.pid})`)
  kept.close()
  const { onShutDown, ...silently } = options
  const followed = await followShutdown(context, identity, isOther ? silently : options, signal)
  const position = () => followed.position ?? positionNow()
  if (followed.end === 'ended') return { ok: true, position: await position() }
  // The server has shut down and need not wait for a standby or an archiver: nothing is lost with the remaining
  // processes.
  if (followed.end === 'aborted') {
    if (followed.position === null) return cancelled('the stop')
    await signalProcess(identity, 'SIGQUIT')
    if (await watch.ended(identity, KILL_LIMIT_MS)) return { ok: true, position: followed.position }
    return { ...(await kill(context, identity)), position: followed.position }
  }
  if (options.mode === 'fast') {
    log('warning', `PostgreSQL did not stop within ${options.timeoutMs} ms: immediate shutdown`)
    await signalProcess(identity, 'SIGQUIT')
    if (await watch.ended(identity, options.timeoutMs, signal))
      return { ok: true, position: await position() }
    if (signal.aborted) return cancelled('the stop')
  }
  return await kill(context, identity)
}

async function checkpointFirst(
  context: Context,
  timeoutMs: Millis | null,
  signal: AbortSignal,
): Promise<void> {
  const target = await context.access.local('hactl checkpoint', { statement_timeout: '0' })
  const done = await queryOnce(target, 'CHECKPOINT', timeoutMs ?? CHECKPOINT_LIMIT_MS, signal)
  if (!done.ok) context.log('warning', `CHECKPOINT before the stop failed: ${done.why}`)
}

interface Followed {
  readonly end: 'ended' | 'late' | 'aborted'
  readonly position: ShutdownPosition | null
}

async function followShutdown(
  context: Context,
  identity: PostmasterIdentity,
  options: StopOptions,
  signal: AbortSignal,
): Promise<Followed> {
  const { clock, watch, dataDir } = context
  const startMs = clock.bootMs()
  let position: ShutdownPosition | null = null
  let tries = options.onShutDown !== undefined && options.mode === 'fast' ? POSITION_TRIES : 0
  for (;;) {
    const gone = await watch.ended(identity, 0)
    if (position === null && tries > 0 && (gone || (await peekClusterState(dataDir)) === 'shut down')) {
      tries -= 1
      position = await readPosition(context)
      if (position !== null) options.onShutDown?.(position)
    }
    if (gone) return { end: 'ended', position }
    if (signal.aborted) return { end: 'aborted', position }
    if (options.timeoutMs !== null && clock.bootMs() - startMs >= options.timeoutMs)
      return { end: 'late', position }
    await clock.sleep(STATE_PACE_MS, signal)
  }
}

/** Null unless the control file says `shut down`: only a former primary that stopped cleanly has such a position. */
async function readPosition(context: Context): Promise<ShutdownPosition | null> {
  const { programs, clock, dataDir } = context
  const control = await readControlData(programs, clock, dataDir)
  if (!control.known || control.value.state !== 'shut down') return null
  return await readShutdownPosition(
    programs,
    dataDir,
    control.value.checkpointTimeline,
    control.value.checkpointLsn,
  )
}

async function kill(context: Context, identity: PostmasterIdentity): Promise<StopOutcome> {
  const { log, watch } = context
  log('warning', `PostgreSQL does not stop: killing pid ${identity.pid} and its children`)
  if (!(await killTree(identity))) return failed(`not permitted to kill the postmaster (pid ${identity.pid})`)
  if (!(await watch.ended(identity, KILL_LIMIT_MS))) return failed(`pid ${identity.pid} survives SIGKILL`)
  // A killed backend may still be writing, so nothing else may work on the data before the last one is gone.
  const cleared = await clearLeftovers(context)
  return cleared.ok ? { ok: true, position: null } : cleared
}
