// Processes that a dead postmaster or a dead agent left running in the data directory: they must be gone before
// anything new works there.

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Millis } from '../../model/units.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { executableOf, killTree, listProcesses, type ProcessStat, signalProcess } from '../../system/proc.ts'
import { type Context, DONE, failed } from '../context.ts'
import { findServerProcesses, readPidFile } from './postmaster.ts'

/** Backends notice the death of their postmaster by themselves, unless they are busy. */
const GRACE_MS: Millis = 200
const LIMIT_MS: Millis = 5000

/** Server processes without a living postmaster keep its shared memory: nothing can start until they are gone. */
export async function clearLeftovers(context: Context): Promise<StepOutcome> {
  const { clock, dataDir, log, programs } = context
  await endOrphanedPrograms(context)
  const file = await readPidFile(dataDir)
  const startMs = clock.bootMs()
  for (let killed = false; ; ) {
    const leftovers = await findServerProcesses(dataDir, basename(programs.path('postgres')))
    if (leftovers.length === 0) return DONE
    const alone = leftovers.find(process => process.pid === -(file?.pid ?? 0))
    if (alone !== undefined)
      return failed(`a single-user server (pid ${alone.pid}) works on the data directory`)
    const parent = leftovers.find(process => leftovers.some(child => child.parentPid === process.pid))
    if (parent !== undefined) return failed(`a server without postmaster.pid runs here (pid ${parent.pid})`)
    const waitedMs = clock.bootMs() - startMs
    if (waitedMs > LIMIT_MS) return failed('server processes of a dead postmaster cannot be ended')
    if (waitedMs > GRACE_MS && !killed) {
      log('warning', `killing ${leftovers.length} server processes whose postmaster is dead`)
      for (const process of leftovers) await signalProcess(process, 'SIGKILL')
      killed = true
    }
    await clock.sleep(10)
  }
}

const COPYING = ['pg_basebackup', 'pg_rewind', 'initdb']

/** Programs that an agent before us started on this data directory: two of them at once would ruin it. */
export async function endOrphanedPrograms(context: Context): Promise<void> {
  const found = await Promise.all(
    (await listProcesses()).map(candidate => isOrphan(candidate, context.dataDir)),
  )
  for (const orphan of found.filter(candidate => candidate !== null)) {
    context.log('warning', `killing ${orphan.command} (pid ${orphan.pid}) that an earlier agent left behind`)
    await killTree(orphan)
  }
}

async function isOrphan(candidate: ProcessStat, dataDir: string): Promise<ProcessStat | null> {
  // The kernel keeps 15 characters of the name: enough for these.
  if (!COPYING.includes(candidate.command) || candidate.parentPid === process.pid) return null
  const executable = await executableOf(candidate.pid)
  if (executable === null || !COPYING.includes(basename(executable))) return null
  const line = await readFile(`/proc/${candidate.pid}/cmdline`, 'utf8').catch(() => '')
  const named = line.split('\0').some(word => word === dataDir || word === `--pgdata=${dataDir}`)
  // The second process of pg_basebackup is a child of the first, and ends with it.
  const parent = await executableOf(candidate.parentPid)
  return named && !COPYING.includes(basename(parent ?? '')) ? candidate : null
}
