// The comparison with the leader's timeline over simulated servers; the walk along the history is the real one.

import type { Upstream } from '../../../src/model/cluster/peer.ts'
import { type Seen, seen, unseen } from '../../../src/model/seen.ts'
import type { Divergence } from '../../../src/ports/postgres.ts'
import { type LocalEnd, walkHistory } from '../../../src/postgres/wal/timelines.ts'
import type { DataDirectory } from './data-directory.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'
import type { Postmaster } from './postmaster.ts'
import { type Branch, beginningOf, historyOf, isPartOf, lsnOf, pointAt, type WalEnd } from './wal.ts'

export async function compareTimelines(
  machine: Machine,
  process: OsProcess,
  server: Postmaster | null,
  leader: Upstream,
  budgetMs: number,
): Promise<Seen<Divergence>> {
  const { clock } = process
  const { world, name } = machine
  const atMs = clock.bootMs()
  await clock.sleep(machine.tookMs(2, 10))
  const data = server?.acceptsConnections === true ? server.data : machine.data
  const local = localEnd(data, server, machine.hangsQueries)
  if (typeof local === 'string') return unseen(local)
  const remote = world.serverReachableFrom(name, leader.name)
  if (remote === null || world.machine(leader.name)?.hangsQueries === true) {
    // A cut network says nothing; a machine without PostgreSQL refuses at once.
    const silent = remote !== null || !world.network.connects(name, leader.name)
    await clock.sleep(silent ? budgetMs : 2)
    return unseen(`${leader.name} does not answer`)
  }
  if (!remote.acceptsConnections) return unseen(`${leader.name} is starting up or shutting down`)
  if (remote.inRecovery) return unseen(`${leader.name} is still in recovery`)
  const [leaderTimeline, history] = [remote.data.timeline, historyOf(remote.data.end)]
  await clock.sleep(machine.tookMs(2, 10))
  if (world.machine(leader.name)?.hidesWal === true) {
    await clock.sleep(Math.max(0, budgetMs - 30))
    return unseen(`${leader.name} does not show its WAL`)
  }
  const own = data?.timeline === local.timeline ? historyOf(data.end) : null
  const walked = walkHistory(local, leaderTimeline, history, own)
  const endsThere = data !== null && lsnOf(data.end) === walked.switchLsn
  const found = walked.verdict !== 'ends-at-switch' ? walked.verdict : endsThere ? 'ancestor' : 'diverged'
  const verdict = found === 'diverged' || data === null ? found : proved(found, local, data, remote.data)
  return seen(
    {
      verdict,
      localTimeline: local.timeline,
      localLsn: local.lsn,
      leaderTimeline,
      switchLsn: walked.switchLsn,
    },
    atMs,
  )
}

/** As in src/postgres/wal/shared-wal.ts: how the timeline begins, and the last of what the node has, as far as both still have it. */
function proved(
  found: 'same' | 'ancestor' | 'twin' | 'unproved',
  local: LocalEnd,
  own: DataDirectory,
  leader: DataDirectory,
): Divergence['verdict'] {
  if (local.timeline === leader.timeline && local.lsn > leader.lsn) return 'twin'
  const keptFrom = own.keptFrom > leader.keptFrom ? own.keptFrom : leader.keptFrom
  const [ours, theirs] = [beginningOf(own.end.branch), beginningOnWay(leader.end, local.timeline)]
  const beginsAt = ours.parent === null ? null : lsnOf(ours.parent)
  const seesBeginning = beginsAt !== null && beginsAt >= keptFrom
  if (seesBeginning && theirs !== null && ours !== theirs) return 'twin'
  const seesEnd = local.lsn > leader.keptFrom && own.lsn > own.keptFrom
  if (seesEnd && !isPartOf(pointAt(own.end, local.lsn), leader.end)) return 'twin'
  return seesBeginning || seesEnd || beginsAt === null ? found : 'unproved'
}

function beginningOnWay(end: WalEnd, timeline: number): Branch | null {
  for (let at: WalEnd | null = end; at !== null; at = at.branch.parent)
    if (at.branch.timeline === timeline) return beginningOf(at.branch)
  return null
}

/** As in src/postgres/wal/timelines.ts: a server that answers says where it is, wherever it works. */
function localEnd(
  data: DataDirectory | null,
  server: Postmaster | null,
  hangsQueries: boolean,
): LocalEnd | string {
  if (data === null || !data.usable) return 'there is no control file'
  if (server !== null && hangsQueries) return 'the local server does not answer'
  if (server?.acceptsConnections === true)
    return {
      timeline: data.timeline,
      lsn: data.lsn,
      kind: server.inRecovery ? 'replayed' : 'written',
    }
  const { state, restartPoint, checkpoint } = data
  if (state === 'shut down in recovery' || state === 'in archive recovery')
    return { timeline: restartPoint.branch.timeline, lsn: lsnOf(restartPoint), kind: 'replayed' }
  if (state === 'shut down') return { ...checkpoint, kind: 'checkpoint' }
  return `the control file says "${state}": the end of the WAL is not known before a crash recovery`
}
