// Child processes that change a data directory: initdb, pg_basebackup, pg_rewind and the single-user recovery. They take
// time, need their source all the while, and leave a mess when they are cut short.

import type { Upstream } from '../../../src/model/cluster/peer.ts'
import type { StepOutcome } from '../../../src/ports/postgres.ts'
import { DataDirectory } from './data-directory.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'
import type { Postmaster } from './postmaster.ts'
import { cancelled, DONE, failed } from './step.ts'
import { commonEnd, isPartOf, lsnOf } from './wal.ts'

type Ended = 'done' | 'aborted'

/** Runs for `ms` on the machine; `cutShort` when its agent died, or was told to end it, before that. */
function runChild(
  machine: Machine,
  process: OsProcess,
  ms: number,
  signal: AbortSignal,
  cutShort: () => void,
): Promise<Ended> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve('aborted')
    const over = (how: Ended): void => {
      machine.children.delete(child)
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
      process.deliver(() => resolve(how))
    }
    const child = {
      kill: (): void => {
        cutShort()
        over('aborted')
      },
    }
    const onAbort = (): void => child.kill()
    const timer = machine.world.scheduler.after(ms, () => over('done'))
    machine.children.add(child)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

export async function initialise(
  machine: Machine,
  process: OsProcess,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const created = DataDirectory.initdb(machine.world.systemIdentifier())
  created.usable = false
  created.unfinishedBootstrap = true
  machine.data = created
  const ended = await runChild(machine, process, machine.tookMs(150, 900), signal, () => {})
  if (ended === 'aborted') return cancelled('initdb')
  created.usable = true
  return { ok: true }
}

/** As it is asked before data is removed for a copy. */
export async function reachSource(
  machine: Machine,
  process: OsProcess,
  from: Upstream,
): Promise<StepOutcome> {
  const source = sourceAt(machine, from)
  await process.clock.sleep(source === null ? 200 : 2)
  if (source === null) return failed(`nothing was removed: could not connect to ${from.name}`)
  return source.machine.refusesLogins
    ? failed('nothing was removed: password authentication failed for user "replicator"')
    : { ok: true }
}

export async function baseBackup(
  machine: Machine,
  process: OsProcess,
  from: Upstream,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { world } = machine
  if (machine.serverHere !== null) return failed('the data directory is not emptied: PostgreSQL runs')
  const source = sourceAt(machine, from)
  if (source === null) {
    await process.clock.sleep(200, signal)
    return failed(`could not connect to ${from.name}`)
  }
  if (source.machine.refusesLogins) return failed('password authentication failed for user "replicator"')
  const fragment = DataDirectory.fragmentOf(source.data)
  machine.origins = null
  machine.data = fragment
  const ended = await runChild(machine, process, machine.tookMs(300, 3000), signal, () => {})
  if (machine.data !== fragment) return failed('somebody else works here')
  if (machine.breaksCopies && ended === 'done') {
    machine.data = null
    return failed('No space left on device', 'free space')
  }
  if (ended === 'aborted') {
    machine.data = null
    return cancelled('the base backup')
  }
  if (sourceAt(machine, from) !== source) {
    machine.data = null
    return failed('the server closed the connection unexpectedly')
  }
  machine.data = DataDirectory.copyOf(source.data, source.data.end)
  world.trace(machine.name, `copied ${from.name} at ${source.data.timeline}/${source.data.lsn}`)
  return { ok: true }
}

export async function rewindData(
  machine: Machine,
  process: OsProcess,
  from: Upstream,
  signal: AbortSignal,
): Promise<StepOutcome & { readonly damaged?: boolean }> {
  const { data } = machine
  if (data === null || !data.usable) return failed('no rewind: there is no data directory')
  if (data.rewindBroken) return { ...failed('a rewind was broken off'), damaged: true }
  if (data.overwritten) return failed(OVERWRITTEN, 'make a new copy')
  if (!data.state.startsWith('shut down')) {
    const recovered = await crashRecovery(machine, process, signal)
    if (!recovered.ok) return recovered
  }
  const source = sourceAt(machine, from)
  if (source === null) {
    await process.clock.sleep(200, signal)
    return failed(`could not connect to ${from.name}`)
  }
  if (source.machine.refusesLogins) return failed('password authentication failed for user "replicator"')
  const halfMs = machine.tookMs(60, 700)
  const compared = await runChild(machine, process, halfMs, signal, () => {})
  if (compared === 'aborted') return cancelled('the rewind')
  if (machine.failsRewinds)
    return failed('could not find previous WAL record at 0/2000100', 'put the WAL back')
  const forked = commonEnd(data.end, source.data.end)
  if (source.data.systemIdentifier !== data.systemIdentifier || forked === null)
    return failed('source and target clusters are from different systems')
  // It believes the two control files.
  if (source.data.checkpoint.timeline === data.checkpoint.timeline) return { ok: true }
  if (isPartOf(data.end, source.data.end)) return { ok: true }
  data.rewindBroken = true
  const ended = await runChild(machine, process, halfMs, signal, () => {})
  if (ended === 'aborted') return { ...cancelled('the rewind'), damaged: true }
  if (sourceAt(machine, from) !== source)
    return { ...failed('the server closed the connection unexpectedly'), damaged: true }
  data.rewindBroken = false
  machine.origins = null
  data.origins = null
  data.end = source.data.end
  data.keptFrom = lsnOf(forked)
  data.restartPoint = source.data.end
  data.skipped.clear()
  data.newestTimeline = Math.max(data.newestTimeline, source.data.newestTimeline)
  data.checkpoint = { lsn: lsnOf(forked), timeline: forked.branch.timeline }
  data.state = 'in archive recovery'
  data.backupLabel = true
  machine.world.trace(machine.name, `rewound to ${from.name} at ${data.timeline}/${data.lsn}`)
  return { ok: true }
}

/** As in src/postgres/data/mixed-directory.ts. */
export const OVERWRITTEN = 'the control file names a checkpoint that the WAL in this directory does not have'

export async function crashRecovery(
  machine: Machine,
  process: OsProcess,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { data } = machine
  if (machine.serverHere !== null) return failed('no crash recovery: PostgreSQL is running')
  if (data === null || !data.usable) return failed('no crash recovery: there is no data directory')
  if (data.backupLabel) return failed('no crash recovery: backup_label says that this is a restored backup')
  data.recoveryConfigured = false
  const ended = await runChild(machine, process, machine.tookMs(30, 800), signal, () => {})
  if (ended === 'aborted') return cancelled('the crash recovery')
  data.append('checkpoint', 120n)
  data.markCheckpoint()
  data.state = 'shut down'
  return { ok: true }
}

function sourceAt(machine: Machine, from: Upstream): Postmaster | null {
  const source = machine.world.serverReachableFrom(machine.name, from.name)
  return source?.acceptsConnections === true ? source : null
}

export async function giveUpData(
  machine: Machine,
  process: OsProcess,
  how: 'removed' | 'moved',
): Promise<StepOutcome> {
  if (machine.serverHere !== null) return failed(`the data directory is not ${how}: PostgreSQL runs`)
  machine.world.checks.removed(machine)
  if (how === 'removed') await process.clock.sleep(machine.tookMs(2, 50))
  machine.data = null
  machine.origins = null
  return DONE
}
