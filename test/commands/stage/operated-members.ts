// What agents do when they are asked to restart or to copy their data anew, in the words of spec/interfaces.md 1.8.

import type { FakeCluster, FakeMember } from './members.ts'
import type { Stage } from './stage.ts'

export const STARTED = '2026-11-29 10:00:00.000000+00:00'
let starts = 0

/** Every member says since when its server runs, and has published it. */
export async function tellStarts(stage: Stage, cluster: FakeCluster, more: object = {}): Promise<void> {
  for (const member of cluster.members)
    await setMore(stage, member, { ...more, postmaster_start_time: STARTED })
}

export async function setMore(stage: Stage, member: FakeMember, more: object): Promise<void> {
  member.now = { ...member.now, more: { ...member.now.more, ...more } }
  await stage.put(`duo/members/${member.name}`, member.record(member.now))
}

/** Its server is another one, nothing is pending, and a standby streams. */
export function startAnew(member: FakeMember): void {
  const { now } = member
  const { pending_restart: _done, pending_restart_reason: _why, ...more } = now.more ?? {}
  const streaming = now.role === 'replica'
  starts += 1
  const again = `2090-01-01 10:00:00.${String(starts).padStart(6, '0')}+00:00`
  member.now = { ...now, state: 'running', streaming, more: { ...more, postmaster_start_time: again } }
}

export function restarts(member: FakeMember): void {
  member.onLine = async line => {
    if (line !== 'POST /restart') return null
    startAnew(member)
    return [200, 'restarted successfully']
  }
}

/** PostgreSQL was stopped and does not come up. */
export function doesNotStart(member: FakeMember): void {
  member.onLine = async line => {
    if (line !== 'POST /restart') return null
    const { postmaster_start_time: _gone, ...more } = member.now.more ?? {}
    const hactl = { version: '0.1.0', problem: 'FATAL: no space left on device', problem_id: 'work-failed' }
    member.now = { ...member.now, state: 'start failed', streaming: false, more: { ...more, hactl } }
    return [503, 'restart failed']
  }
}

/** It copies its data from `source`, and is half way. */
export async function copiesFrom(stage: Stage, member: FakeMember, source: string): Promise<void> {
  const work = { kind: 'clone', phase: 'copies', bytes_done: 54, bytes_total: 100, source, started_at: null }
  const more = { hactl: { version: '1.0.0', work } }
  member.now = { ...member.now, state: 'creating replica', streaming: false, location: Number.NaN, more }
  await stage.put(`duo/members/${member.name}`, member.record(member.now))
}

const GIB = 1024 ** 3

/** Each look at it is a step further. */
export function copies(
  member: FakeMember,
  end: 'streams' | 'does not start' | 'goes on' | 'falls silent',
  runs: 'hactl' | 'Patroni' = 'hactl',
): void {
  let looks = -1
  member.onLine = async line => {
    if (line === 'POST /reinitialize') {
      looks = 0
      const { postmaster_start_time: _gone, ...more } = member.now.more ?? {}
      member.now = { ...member.now, state: 'creating replica', streaming: false, more }
      return [200, 'reinitialize started']
    }
    if (line !== 'GET /patroni' || looks < 0) return null
    looks += 1
    if (looks <= 2 || end === 'goes on') tellCopy(member, looks, runs)
    else if (end === 'streams') startAnew(member)
    else if (end === 'falls silent') member.hung = true
    else failCopy(member)
    return member.hung ? new Promise(() => {}) : null
  }
}

function tellCopy(member: FakeMember, looks: number, runs: 'hactl' | 'Patroni'): void {
  if (runs === 'Patroni') return
  const work = {
    kind: 'clone',
    phase: 'copies',
    bytes_done: looks * GIB,
    bytes_total: 4 * GIB,
    source: 'pg0',
  }
  member.now = { ...member.now, more: { ...member.now.more, hactl: { version: '0.1.0', work } } }
}

function failCopy(member: FakeMember): void {
  const hactl = { version: '0.1.0', problem: 'start failed: FATAL: data directory has wrong ownership' }
  member.now = { ...member.now, state: 'start failed', more: { ...member.now.more, hactl } }
}

/** The leader hands over to `to` and answers as agents do; its server starts anew by that, and the other's is the one that ran. */
export function handsOver(stage: Stage, cluster: FakeCluster, from: string, to: string): void {
  const [leader, next] = [cluster.member(from), cluster.member(to)]
  leader.onRequest = async (action, body) => {
    const more = next.now.more ?? {}
    await stage.put('duo/failover', { leader: body.leader, member: body.candidate })
    await cluster.changeLeader(from, to, 'rejoins')
    next.now = { ...next.now, more }
    leader.now = { ...leader.now, role: 'replica', more: {} }
    startAnew(leader)
    return [200, `Successfully ${action === 'switchover' ? 'switched' : 'failed'} over to "${to}"`]
  }
}

/** It takes the change of the configuration, and every member that lives says in its key what it makes of it. */
export function storesPause(stage: Stage, cluster: FakeCluster, member: FakeMember): void {
  member.onLine = async (line, body) => {
    if (line !== 'PATCH /config') return null
    const { pause } = JSON.parse(body)
    await publishPause(stage, cluster, pause === true)
    const { pause: _, ...rest } = JSON.parse(await stage.get('duo/config'))
    await stage.put('duo/config', { ...rest, ...(pause === true && { pause }) })
    return [200, '{}']
  }
}

/** A member that hangs has read nothing. */
export async function publishPause(stage: Stage, cluster: FakeCluster, pause: boolean): Promise<void> {
  for (const each of cluster.members.filter(({ hung }) => !hung))
    await stage.put(`duo/members/${each.name}`, { ...each.record(each.now), ...(pause && { pause }) })
}
