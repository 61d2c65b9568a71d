// The comparison with the leader's timeline over simulated servers; the walk along the history is the real one.

import type { Upstream } from '../../src/model/peer.ts'
import { type Seen, seen, unseen } from '../../src/model/seen.ts'
import type { Divergence } from '../../src/ports/postgres.ts'
import { type LocalEnd, walkHistory } from '../../src/postgres/timelines.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'
import { beginningOf, historyOf, lsnOf, type WalEnd } from './wal.ts'

export async function compareTimelines(
  machine: Machine,
  process: OsProcess,
  leader: Upstream,
  budgetMs: number,
): Promise<Seen<Divergence>> {
  const { clock } = process
  const { world, name } = machine
  const atMs = clock.bootMs()
  await clock.sleep(machine.tookMs(2, 10))
  const local = localEnd(machine)
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
  const own = machine.data?.timeline === local.timeline ? historyOf(machine.data.end) : null
  const walked = walkHistory(local, leaderTimeline, history, own)
  const endsThere = machine.data !== null && lsnOf(machine.data.end) === walked.switchLsn
  const found = walked.verdict !== 'ends-at-switch' ? walked.verdict : endsThere ? 'ancestor' : 'diverged'
  const verdict = found === 'diverged' || beginAlike(machine.data?.end, remote.data.end) ? found : 'twin'
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

/** As in src/postgres/timeline-beginning.ts: what stands where the two timelines of one number begin. */
function beginAlike(own: WalEnd | undefined, leader: WalEnd): boolean {
  const timeline = own?.branch.timeline
  for (let at: WalEnd | null = leader; at !== null && own !== undefined; at = at.branch.parent)
    if (at.branch.timeline === timeline) return beginningOf(own.branch) === beginningOf(at.branch)
  return true
}

/** As in src/postgres/timelines.ts. */
function localEnd({ server, data, hangsQueries }: Machine): LocalEnd | string {
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
