// Whether this node's WAL is on the leader's history or has left it (spec/postgres.md 4.2). The leader must prove that
// it accepts writes; without that there is no answer.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Upstream } from '../../model/cluster/peer.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { TimelineSwitch } from '../../model/server/postgres.ts'
import { type Lsn, type Millis, parseLsn, type Timeline } from '../../model/units.ts'
import type { Divergence } from '../../ports/postgres.ts'
import type { Context } from '../context.ts'
import { readControlData } from '../data/control-data.ts'
import { readHistoryFile } from '../data/data-directory.ts'
import { isThere } from '../rewind/archive-ready.ts'
import { queryOnce } from '../session/connection.ts'
import { identifySystem, identifyWithHistory } from './replication-protocol.ts'
import { isShared } from './shared-wal.ts'
import { readEndOfLastRecord } from './wal-records.ts'

export interface LocalEnd {
  readonly timeline: Timeline
  readonly lsn: Lsn
  /**
   * `replayed`: everything up to `lsn` was applied by a standby; `written`: a primary has written up to `lsn`;
   * `checkpoint`: a clean shutdown's last record begins at `lsn`; `copied`: a copy or a rewind ends at `lsn`, where its
   * source was when it was complete, but its WAL was copied before that and may lack the last of it.
   */
  readonly kind: 'replayed' | 'written' | 'checkpoint' | 'copied'
}

export async function compareTimelines(
  context: Context,
  leader: Upstream,
  budgetMs: Millis,
): Promise<Seen<Divergence>> {
  const { access, clock, dataDir, programs } = context
  const atMs = clock.bootMs()
  const left = () => Math.max(50, budgetMs - (clock.bootMs() - atMs))
  const local = await localEnd(context, left())
  if (typeof local === 'string') return unseen(local)
  const recovers = await isRecovering(context, leader, left)
  if (typeof recovers === 'string') return unseen(`${leader.name} does not answer: ${recovers}`)
  if (recovers) return unseen(`${leader.name} is still in recovery`)
  const remote = await identifyWithHistory(access.leaderReplication(leader), left())
  if (!remote.ok) return unseen(`${leader.name} does not say its timeline: ${remote.why}`)
  const { timeline, history, lsn: leaderLsn } = remote.value
  const walked = walkHistory(local, timeline, history, await ownHistory(context, local.timeline))
  const found = await settle(local, walked)
  if ('unknown' in found) return unseen(`${leader.name} does not show its WAL: ${found.unknown}`)
  const { switchLsn } = walked
  const [localTimeline, localLsn] = [local.timeline, local.lsn]
  return seen({ ...found, localTimeline, localLsn, leaderTimeline: timeline, switchLsn }, atMs)

  async function settle(end: LocalEnd, { verdict: found, switchLsn }: Walked): Promise<Settled> {
    if (found === 'diverged') return { verdict: found }
    if (found === 'ends-at-switch') {
      const last = await readEndOfLastRecord(programs, dataDir, end.timeline, end.lsn)
      if (last !== switchLsn) return { verdict: 'diverged' }
    }
    // The WAL that this node replayed was written by the server that it followed: a leader that has less never sent it.
    if (end.timeline === timeline && end.lsn > leaderLsn) return { verdict: 'twin' }
    const beginning = beginningOf(end.timeline, timeline, history)
    const checkpoint = await checkpointOn(context, end, left())
    const own = {
      timeline: end.timeline,
      beginning,
      end: end.lsn,
      checkpoint,
      isWhole: end.kind !== 'copied',
    }
    const shared = await isShared(dataDir, access.leaderReplication(leader), own, left)
    if (shared.kind === 'other') return { verdict: 'twin' }
    if (shared.kind === 'unknown') return { unknown: shared.why }
    // Timeline 1 begins with the cluster, and only one exists.
    if (shared.kind === 'gone' && beginning !== null) return { verdict: 'unproved', why: shared.why }
    return { verdict: found === 'same' ? 'same' : 'ancestor' }
  }
}

type Settled = Pick<Divergence, 'verdict' | 'why'> | { readonly unknown: string }

/** Where `timeline` began according to the leader's history; null: with the cluster, or it is not in the history. */
function beginningOf(
  timeline: Timeline,
  leaderTimeline: Timeline,
  history: readonly TimelineSwitch[],
): Lsn | null {
  const index =
    timeline === leaderTimeline ? history.length : history.findIndex(entry => entry.timeline === timeline)
  return history[index - 1]?.lsn ?? null
}

/**
 * Asked as the user of pg_rewind; where that one is not let in (no pg_rewind, so no line for it in pg_hba), as the
 * standby that we are. Text: why it is not known.
 */
async function isRecovering(
  { access }: Context,
  leader: Upstream,
  left: () => Millis,
): Promise<boolean | string> {
  const sql = 'SELECT pg_catalog.pg_is_in_recovery() AS recovering'
  const role = await queryOnce(await access.leader(leader), sql, left())
  if (role.ok) return role.rows[0]?.recovering !== false
  if (role.kind !== 'login') return role.why
  const replication = access.leaderReplication(leader)
  const readOnly = await queryOnce(replication, 'SHOW transaction_read_only', left())
  if (!readOnly.ok) return role.why
  if (readOnly.rows[0]?.transaction_read_only === 'off') return false
  // On: every standby, and a primary whose operator sets it as the default. Only from version 14 on can they be told
  // apart.
  const standby = await queryOnce(replication, 'SHOW in_hot_standby', left())
  return standby.ok ? standby.rows[0]?.in_hot_standby !== 'off' : true
}

/** `ends-at-switch`: depends on whether the last record ends exactly at the switch point. */
type Walked = {
  readonly verdict: Divergence['verdict'] | 'ends-at-switch'
  readonly switchLsn: Lsn | null
}

/** `own`: the history of the local timeline; null when it is not known. */
export function walkHistory(
  local: LocalEnd,
  leaderTimeline: Timeline,
  history: readonly TimelineSwitch[],
  own: readonly TimelineSwitch[] | null,
): Walked {
  if (local.timeline === leaderTimeline) {
    // Two nodes may have promoted themselves to the same number: one that wrote on it and does not lead it is another,
    // and so is one that began elsewhere.
    const alike = own === null || own.length === 0 || own.at(-1)?.lsn === history.at(-1)?.lsn
    const followed = local.kind === 'replayed' || local.kind === 'copied'
    return { verdict: followed && alike ? 'same' : 'diverged', switchLsn: null }
  }
  const left = history.find(entry => entry.timeline === local.timeline)
  if (local.timeline > leaderTimeline || left === undefined) return { verdict: 'diverged', switchLsn: null }
  const switchLsn = left.lsn
  // A shutdown checkpoint that begins at the switch point or behind it was written after the others had left.
  const beyond = local.kind === 'checkpoint' ? local.lsn >= switchLsn : local.lsn > switchLsn
  const begun = beginningOf(local.timeline, leaderTimeline, history)
  const elsewhere = own !== null && own.length > 0 && own.at(-1)?.lsn !== begun
  if (beyond || elsewhere) return { verdict: 'diverged', switchLsn }
  return { verdict: local.kind === 'checkpoint' ? 'ends-at-switch' : 'ancestor', switchLsn }
}

async function ownHistory(
  { clock, dataDir }: Context,
  timeline: Timeline,
): Promise<readonly TimelineSwitch[] | null> {
  const read = await readHistoryFile(dataDir, timeline, clock)
  return read.known ? read.value : null
}

/** Text: why it is not known. */
async function localEnd(context: Context, limitMs: Millis): Promise<LocalEnd | string> {
  const running = await context.watch.find()
  if (running === null) return await endByControlFile(context, limitMs)
  const { access, kept } = context
  const sql = `SELECT pg_catalog.pg_is_in_recovery() AS recovering, pg_catalog.pg_last_wal_replay_lsn()::text AS replayed`
  const answer = await kept.query(sql, limitMs)
  // The local WAL receiver's timeline may be one that it only requested: the server itself knows what it replayed.
  const identity = answer.ok ? await identifySystem(await access.localReplication(), limitMs) : answer
  if (!answer.ok || !identity.ok) {
    const failure = answer.ok ? identity : answer
    if (!failure.ok && failure.kind === 'rejecting') return await endByControlFile(context, limitMs)
    return `the local server does not answer: ${failure.ok ? '' : failure.why}`
  }
  const { timeline, lsn } = identity.value
  if (answer.rows[0]?.recovering === false) return { timeline, lsn, kind: 'written' }
  return { timeline, lsn: lsnOrNull(answer.rows[0]?.replayed) ?? lsn, kind: 'replayed' }
}

function lsnOrNull(value: unknown): Lsn | null {
  return typeof value === 'string' ? parseLsn(value) : null
}

/**
 * The last checkpoint in the local WAL, if it is on the timeline of its end. A copy that never ran has it in its label.
 */
async function checkpointOn(context: Context, end: LocalEnd, limitMs: Millis): Promise<Lsn | null> {
  const label = await readFile(join(context.dataDir, 'backup_label'), 'utf8').catch(() => null)
  if (label !== null) {
    const [, lsn = '', timeline = ''] =
      /^CHECKPOINT LOCATION: ([0-9A-F]+\/[0-9A-F]+)$[\s\S]*^START TIMELINE: (\d+)$/m.exec(label) ?? []
    return Number(timeline) === end.timeline ? parseLsn(lsn) : null
  }
  const control = await readControlData(context.programs, context.clock, context.dataDir, limitMs)
  if (!control.known || end.kind === 'checkpoint') return null
  const { checkpointLsn, checkpointTimeline } = control.value
  return checkpointTimeline === end.timeline ? checkpointLsn : null
}

async function endByControlFile(context: Context, limitMs: Millis): Promise<LocalEnd | string> {
  const { clock, dataDir, programs } = context
  const control = await readControlData(programs, clock, dataDir, limitMs)
  if (!control.known) return control.why
  const { state, minRecoveryLsn, minRecoveryTimeline, checkpointLsn, checkpointTimeline } = control.value
  const hasLabel = await isThere(join(dataDir, 'backup_label'))
  const recovering = state === 'shut down in recovery' || state === 'in archive recovery'
  if (recovering && minRecoveryLsn !== 0n && minRecoveryTimeline !== 0) {
    const isCopy = control.value.unfinishedBackup === true || hasLabel
    return { timeline: minRecoveryTimeline, lsn: minRecoveryLsn, kind: isCopy ? 'copied' : 'replayed' }
  }
  // A copy that never ran has the control file of its source, whose server state does not apply to the copy.
  if (hasLabel) return { timeline: checkpointTimeline, lsn: checkpointLsn, kind: 'copied' }
  if (recovering || state === 'shut down') {
    return { timeline: checkpointTimeline, lsn: checkpointLsn, kind: 'checkpoint' }
  }
  return `the control file says "${state}": the end of the WAL is not known before a crash recovery`
}
