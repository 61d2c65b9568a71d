// `hactl pause` and `hactl resume`: put the cluster into maintenance mode or end it, and wait until every member has
// confirmed it. A dead or frozen member is named, because it is not known to keep its hands off.

import type { ClusterView, JsonObject, Member } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { clusterModes } from '../look/cluster-report.ts'
import { signOfLife } from '../look/sign-of-life.ts'
import { deadlineIn, type Operator, readCluster } from '../use-case.ts'
import { setPause } from './set-pause.ts'
import { configOf } from './show-config.ts'

interface PauseOptions {
  readonly cluster: string
  /** true: pause. */
  readonly paused: boolean
  readonly wait: boolean
  /** For the whole command with its wait; null: the wait takes as long as the agents need at most. */
  readonly budgetMs: Millis | null
  /** The `loop_wait` that a configuration puts in force, even if it is invalid. */
  readonly loopWaitMs: (config: JsonObject) => Promise<Millis>
  readonly interrupted: AbortSignal
  /** The awaited state, for people. */
  readonly progress: (text: string) => void
}

export interface PauseReport {
  readonly action: 'pause' | 'resume'
  readonly cluster: string
  readonly paused: boolean
  /** `requested`: the command did not wait; `unfinished`: see the error beside it. */
  readonly outcome: 'done' | 'already' | 'requested' | 'unfinished'
  readonly requestedThrough: string | null
  readonly members: readonly PauseMember[]
}

interface PauseMember {
  readonly member: MemberName
  readonly outcome: 'done' | 'already' | 'requested' | 'unreachable' | 'timed-out'
  /** null: the member has recognised the change. */
  readonly why: string | null
}

const CHANGE_MS: Millis = 10_000
const LOOK_EVERY_MS: Millis = 200
const LOOK_BUDGET_MS: Millis = 2000
const ANSWER_MS: Millis = 1000
/** A look gets this long even after the deadline, or it would report as missing what it had no time to see. */
const LAST_LOOK_MS: Millis = 1000
/** On top of `loop_wait`, which a member of Patroni may need to see the change. */
const MARGIN_MS: Millis = 2000

export async function changePause(operator: Operator, options: PauseOptions): Promise<Result<PauseReport>> {
  const { cluster, paused } = options
  const deadline = deadlineIn(operator.clock, options.budgetMs ?? CHANGE_MS)
  const read = await readCluster(operator, cluster, deadline)
  if (!read.ok) return failed(read.failure)
  const before = read.value
  const config = configOf(cluster, before)
  if (!config.ok) return failed(config.failure)
  const already = clusterModes(before).paused === paused
  const report: PauseReport = {
    action: paused ? 'pause' : 'resume',
    cluster,
    paused,
    outcome: 'unfinished',
    requestedThrough: null,
    members: before.members.map(member => rowOf(member, paused)),
  }
  // Waits even if nothing changes, so that a second call reports as much as the first.
  if (already && (!options.wait || report.members.every(({ outcome }) => outcome === 'already')))
    return done({ ...report, outcome: 'already' })
  if (options.interrupted.aborted) return failed({ kind: 'interrupted' })
  const changed = already ? done(null) : await setPause(operator, cluster, before, paused, deadline)
  if (!changed.ok) return failed(changed.failure, { ...report, paused: !paused })
  const requested = { ...report, requestedThrough: changed.value }
  if (!options.wait) return done({ ...requested, outcome: 'requested' })
  const limitMs =
    options.budgetMs === null
      ? (await options.loopWaitMs(config.value.document)) + MARGIN_MS
      : deadline.leftMs()
  const members = await untilRecognised(operator, options, before, limitMs)
  return conclusion({ ...requested, members }, limitMs, options.interrupted.aborted)
}

/** The member's row before anything is changed. */
function rowOf({ name, record }: Member, paused: boolean): PauseMember {
  const same = (record.pause ?? false) === paused
  return {
    member: name,
    outcome: same ? 'already' : 'requested',
    why: same ? null : 'it has not recognised it yet',
  }
}

async function untilRecognised(
  operator: Operator,
  { cluster, paused, interrupted, progress }: PauseOptions,
  before: ClusterView,
  limitMs: Millis,
): Promise<readonly PauseMember[]> {
  const deadline = deadlineIn(operator.clock, limitMs)
  let view = before
  for (;;) {
    const read = await operator.store.read(
      cluster,
      Math.max(LAST_LOOK_MS, Math.min(LOOK_BUDGET_MS, deadline.leftMs())),
    )
    if (read.known) view = read.value
    const waiting = before.members.filter(({ name }) => {
      const now = view.members.find(member => member.name === name)
      return now !== undefined && (now.record.pause ?? false) !== paused
    })
    if (waiting.length === 0 || deadline.leftMs() === 0 || interrupted.aborted) break
    progress(`stored; waiting for ${waiting.map(({ name }) => name).join(', ')} to recognise it`)
    await operator.clock.sleep(Math.min(LOOK_EVERY_MS, deadline.leftMs()), interrupted)
  }
  return Promise.all(before.members.map(member => verdictOf(operator, member, view, paused)))
}

async function verdictOf(
  operator: Operator,
  member: Member,
  view: ClusterView,
  paused: boolean,
): Promise<PauseMember> {
  const { name } = member
  const now = view.members.find(other => other.name === name)
  if (now === undefined) {
    return { member: name, outcome: 'unreachable', why: 'its member key is gone: its agent does not run' }
  }
  const knows = (now.record.pause ?? false) === paused
  const was = (member.record.pause ?? false) === paused
  if (knows && !was) return { member: name, outcome: 'done', why: null }
  // A key that said so before the change proves nothing: a dead or frozen agent has recognised nothing.
  const silent = await signOfLife(operator, now, ANSWER_MS)
  if (silent !== null)
    return { member: name, outcome: 'unreachable', why: `its agent does not answer: ${silent}` }
  if (knows) return { member: name, outcome: 'already', why: null }
  return { member: name, outcome: 'timed-out', why: 'it answers, but has not said that it knows' }
}

function conclusion(report: PauseReport, limitMs: Millis, isInterrupted: boolean): Result<PauseReport> {
  const missing = report.members.filter(({ why }) => why !== null)
  if (missing.length === 0) return done({ ...report, outcome: 'done' })
  if (isInterrupted) {
    const names = missing.map(({ member }) => member).join(', ')
    const what = `cluster ${report.cluster} is ${report.paused ? 'paused' : 'resumed'} all the same; not recognised yet by ${names}`
    return failed({ kind: 'interrupted', action: report.action, request: { kind: 'stored', what } }, report)
  }
  const seconds = Math.round(limitMs / 1000)
  return failed(
    {
      kind: 'partly-done',
      done: `cluster ${report.cluster} is ${report.paused ? 'paused' : 'resumed'}`,
      missing: `not recognised within ${seconds} s by ${missing.map(({ member, why }) => `${member} (${why})`).join(', ')}`,
      hint: `the configuration in etcd says so, and an agent reads it when it is back; see hactl list ${report.cluster}.`,
    },
    report,
  )
}
