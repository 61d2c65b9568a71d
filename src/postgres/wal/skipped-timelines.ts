// A promotion takes the number after the highest one that has a history file without a gap, from the server's own number
// on, in the archive or in pg_wal. A file that says nothing else than "taken" makes a running standby take a higher number.
//
// Its fork point is before any WAL, so that no standby ever switches to it. But a server that is *started* with it as the
// newest timeline ends at once ("requested timeline 2 is not a child of this server's history"): unless the promotion came
// about, each start removes it. After the promotion it must stay: a standby asks the primary for the history file of every
// number on the way to the primary's own.

import { constants, link, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, errorText } from '../../model/error-text.ts'
import type { Timeline } from '../../model/units.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { DONE, failed, type Log } from '../context.ts'
import { historyFileName } from '../data/data-directory.ts'
import { syncDirectory } from '../settings/durable-file.ts'

interface Place {
  readonly dataDir: string
  readonly log: Log
}

/** Before any WAL. 0/0 would mean: not left yet. */
const NOWHERE = '1\t0/1'
const MARK = 'hactl: taken before'

/** As PostgreSQL writes a history file: timeline, position and reason with tabs between them. */
const TEXT = `${NOWHERE}\t${MARK}, skipped by a promotion\n`

/** On the disk when this returns `ok`. A history file that is there already, whosever it is, has the same effect. */
export async function skipTimelines(
  { dataDir, log }: Place,
  timelines: readonly Timeline[],
): Promise<StepOutcome> {
  if (timelines.length === 0) return DONE
  const wal = join(dataDir, 'pg_wal')
  const made: string[] = []
  try {
    const { uid, gid, mode } = await stat(wal)
    for (const timeline of timelines) {
      const name = historyFileName(timeline)
      if (await create(wal, name, { uid, gid, mode: mode & 0o660 })) made.push(name)
    }
    await syncDirectory(wal)
  } catch (error) {
    for (const name of made) await unlink(join(wal, name)).catch(() => {})
    return failed(
      `timeline ${timelines[0]} cannot be skipped, which another promotion may have taken: ${errorText(error)}`,
    )
  }
  if (made.length > 0) log('info', `${made.join(', ')} written: a promotion takes a number above`)
  return DONE
}

interface Access {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/** False: it is there already. The walreceiver may write the same name at the same time: nothing is ever replaced. */
async function create(wal: string, name: string, { uid, gid, mode }: Access): Promise<boolean> {
  // PostgreSQL removes what begins with this when it starts.
  const temporary = join(wal, `xlogtemp.hactl.${process.pid}`)
  await unlink(temporary).catch(nothingThere)
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const file = await open(temporary, flags, 0o600)
    try {
      if (process.getuid?.() === 0) await file.chown(uid, gid)
      await file.chmod(mode)
      await file.writeFile(TEXT)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temporary, join(wal, name))
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  } finally {
    await unlink(temporary).catch(nothingThere)
  }
}

function nothingThere(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error
}

/**
 * Removes the files that no promotion came after: those without a real history file above them, without a gap. Also those
 * that came from the primary, if the files above them have not arrived yet. Fails rather than leaving one.
 */
export async function forgetSkippedTimelines({ dataDir, log }: Place): Promise<StepOutcome> {
  const wal = join(dataDir, 'pg_wal')
  try {
    const found = await historyFiles(wal)
    const vain = inVain(found)
    for (const timeline of vain) await unlink(join(wal, historyFileName(timeline)))
    if (vain.length === 0) return DONE
    await syncDirectory(wal)
    const names = vain.map(historyFileName).join(', ')
    log('info', `${names} removed: the promotion that would have skipped it did not come about`)
    return DONE
  } catch (error) {
    return failed(`what an earlier promotion left in pg_wal cannot be removed: ${errorText(error)}`)
  }
}

type Found = ReadonlyMap<Timeline, 'real' | 'skipped'>

async function historyFiles(wal: string): Promise<Found> {
  const found = new Map<Timeline, 'real' | 'skipped'>()
  // A missing pg_wal is for PostgreSQL to report.
  const names = await readdir(wal).catch(error => {
    nothingThere(error)
    return []
  })
  for (const name of names) {
    const [, digits] = /^([0-9A-F]{8})\.history$/.exec(name) ?? []
    if (digits === undefined) continue
    const text = await readFile(join(wal, name), 'utf8')
    found.set(Number.parseInt(digits, 16), text.startsWith(`${NOWHERE}\t${MARK}`) ? 'skipped' : 'real')
  }
  return found
}

export function inVain(found: Found): readonly Timeline[] {
  const downwards = [...found.keys()].sort((a, b) => b - a)
  const kept = new Set<Timeline>()
  for (const timeline of downwards)
    if (found.get(timeline) === 'real' || kept.has(timeline + 1)) kept.add(timeline)
  return downwards.filter(timeline => !kept.has(timeline)).reverse()
}
