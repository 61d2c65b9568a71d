// A Decision as the text that stands below the line of a case: the rule, its reason, the actions, what changed in the
// memory, and when to look again.

import type { ClusterStatus } from '../../../src/model/cluster/cluster.ts'
import type { Upstream } from '../../../src/model/cluster/peer.ts'
import { describeRequest } from '../../../src/model/cluster/request.ts'
import type { Action } from '../../../src/model/decision/action.ts'
import type { Decision } from '../../../src/model/decision/decision.ts'
import type { Memory } from '../../../src/model/decision/memory.ts'
import type { Job, RestartJob } from '../../../src/model/decision/work.ts'
import { isJsonObject } from '../../../src/model/settings/patch.ts'
import { formatLsn, type Revision } from '../../../src/model/units.ts'
import { showDuration, showSwitches } from './units.ts'

export function render(decision: Decision, before: Memory, nowMs: number): string {
  const remembered = changes(before, decision.memory, nowMs)
  return [
    `${decision.rule}: ${decision.reason}`,
    ...(decision.level === undefined
      ? []
      : [`  told as ${decision.level === 'error' ? 'an error' : `a ${decision.level}`}`]),
    ...(decision.news ?? []).map(({ id, level, text }) => `  ${id}: ${text} (${level})`),
    ...decision.actions.map(action => `  ${showAction(action)}`),
    ...(remembered.length === 0 ? [] : [`  remember ${remembered.join(', ')}`]),
    ...decision.upkeep.map(action => `  routine: ${showAction(action)}`),
    decision.next === 'again' ? '  again' : `  settled, look again in ${showDuration(decision.wakeInMs)}`,
  ].join('\n')
}

function showAction(action: Action): string {
  switch (action.kind) {
    case 'ask-peers':
      return `ask-peers ${action.members.map(({ name }) => (name === action.formerLeader ? `${name} (former leader)` : name)).join(' ') || 'nobody'}`
    case 'ask-failsafe':
    case 'write-failsafe':
      return showFailsafe(action)
    case 'compare-timelines':
      return `compare-timelines with ${action.leader.name}`
    case 'acquire-lease':
      return `${withGuard(action)}${action.unguarded === true ? ', noting that nothing guards this node' : ''}${action.despitePromiseAtMs === undefined ? '' : ', despite the promise'}`
    case 'take-leader':
      return withGuard(action)
    case 'note-guarded':
    case 'note-unguarded':
      return `${action.kind} ${guard(action.ifRevision)}, leader key at ${action.leaderRevision}`
    case 'adopt-lease':
      return `adopt-lease ${action.leaseId}`
    case 'renew-lease':
    case 'release-lease':
      return `${action.kind}${showOptime(action.status)}`
    case 'arm-fencer':
      return `arm-fencer ${showDuration(action.marginMs)} before ${endOf(action)}${action.watchdog === undefined ? '' : `, taking ${action.watchdog.device} over`}`
    case 'open-watchdog':
      return `open-watchdog ${action.request.device} with ${action.request.timeoutS}s`
    case 'publish-member':
      return `publish-member ${showRecord(action.record)}`
    case 'write-initialize':
      return `write-initialize ${action.value} ${guard(action.ifRevision)}`
    case 'delete-initialize':
    case 'clear-failover':
      return `${action.kind} ${guard(action.ifRevision)}`
    case 'claim-failover':
      return `claim-failover ${describeRequest(action.request)} ${guard(action.ifRevision)}`
    case 'write-config':
      return `write-config ${guard(action.ifRevision)}`
    case 'write-history':
      return `write-history ${showSwitches(action.lines)}${showOptime(action.status)} ${guard(action.ifRevision)}`
    case 'note-takeover': {
      const last = action.notes.at(-1)
      return `note-takeover ${last?.from} to ${last?.to}: ${last?.cause}, ${action.notes.length} notes ${guard(action.ifRevision)}`
    }
    case 'note-promotion': {
      const { numbers } = action.promotions
      const last = numbers.at(-1)
      return `note-promotion of ${last?.by} from timeline ${last?.from} to ${last?.timeline}, ${numbers.length} recorded ${guard(action.ifRevision)}`
    }
    case 'begin':
      return `begin ${showJob(action.job)}`
    case 'cancel-work':
      return `cancel-work: ${action.why}`
    case 'change-slots':
      return showSlots(action)
    case 'publish-sync':
      return `publish-sync ${showSync(action.state)} ${guard(action.ifRevision)}`
    case 'set-sync-names':
      return `set-sync-names ${action.value ?? 'nobody'}`
    case 'note-origin':
      return `note-origin ${showOrigin(action.origin)}`
    case 'answer-order':
      return `answer-order ${action.id}: ${action.answer.is}${'why' in action.answer ? ` (${action.answer.why})` : ''}`
    case 'exit':
      return `exit ${action.code}: ${action.why}`
    default:
      return action.kind
  }
}

function showFailsafe(action: Extract<Action, { kind: 'ask-failsafe' | 'write-failsafe' }>): string {
  const names = Object.keys(action.members).join(' ') || 'nobody'
  return `${action.kind} ${names}${action.kind === 'write-failsafe' ? ` ${guard(action.ifRevision)}` : ''}`
}

function endOf({ ahead, withinMs }: Action & { kind: 'arm-fencer' }): string {
  if (withinMs !== undefined) return `a lease of ${showDuration(withinMs)} ends that begins now`
  return `the ${ahead === true ? 'own lease, on which leadership is to hang,' : 'lease'} ends`
}

function showSync(state: Extract<Action, { kind: 'publish-sync' }>['state']): string {
  if (state === null) return 'none'
  const quorum = state.quorum === 0 ? '' : ` quorum ${state.quorum}`
  return `${state.leader} with ${state.standbys.join(' ') || 'nobody'}${quorum}`
}

function showOrigin(origin: Extract<Action, { kind: 'note-origin' }>['origin']): string {
  if (origin === null) return 'none: the promotion came to nothing'
  return `timeline ${origin.timeline} at ${formatLsn(origin.at)} by ${origin.by}`
}

function showOptime(status: ClusterStatus | null): string {
  return status?.optime == null ? '' : ` writing optime ${formatLsn(status.optime)}`
}

function withGuard({ kind, ifRevision }: Action & { ifRevision: Revision | null }): string {
  return ifRevision === null ? kind : `${kind} ${guard(ifRevision)}`
}

function guard(revision: Revision | null): string {
  return revision === null ? 'if absent' : `if revision ${revision}`
}

function showSlots(action: Action & { kind: 'change-slots' }): string {
  const parts = [
    action.create.length === 0 ? '' : `create ${action.create.join(' ')}`,
    action.drop.length === 0 ? '' : `drop ${action.drop.join(' ')}`,
    ...action.advance.map(({ name, to }) => `advance ${name} to ${formatLsn(to)}`),
  ]
  return `change-slots: ${parts.filter(part => part !== '').join(', ')}`
}

function showRecord(record: Extract<Action, { kind: 'publish-member' }>['record']): string {
  const flags = [record.checkpointAfterPromote === false ? 'checkpointing' : '', record.pause ? 'pause' : '']
  const problem = isJsonObject(record.extra.hactl) ? record.extra.hactl.problem : undefined
  const said = problem === undefined ? [] : [`problem: ${problem}`]
  return [record.role, record.state, ...flags.filter(flag => flag !== ''), ...said].join(', ')
}

function showJob(job: Job): string {
  switch (job.kind) {
    case 'bootstrap':
      return `bootstrap under initialize revision ${job.initializeRevision}`
    case 'clone':
      return `clone from ${job.from.name}${upstream(job.upstream)}${job.replaces === null ? '' : `, replacing the data because ${job.replaces}`}${forOrder(job)}`
    case 'start':
      return `start as ${job.as}${upstream(job.upstream)} within ${showDuration(job.timeoutMs)}${forOrder(job)}`
    case 'follow':
      return `follow ${job.upstream?.name ?? 'nobody'}`
    case 'restart':
      return `restart as ${job.as}${job.unguarded === true ? ' without a guard' : ''}${upstream(job.upstream)} within ${showDuration(job.timeoutMs)}${stopWithin(job)}${forOrder(job)}`
    case 'promote':
      return `promote within ${showDuration(job.timeoutMs)}${job.skips.length === 0 ? '' : `, skipping timeline ${job.skips.join(' ')}`}`
    case 'stop':
      return `stop ${job.mode}${job.checkpoint ? ' after a checkpoint' : ''}${job.timeoutMs === null ? '' : ` within ${showDuration(job.timeoutMs)}`}`
    case 'rewind':
      return `rewind from ${job.from.name}`
    case 'remove-data':
      return `remove-data because ${job.why}`
    default:
      return job.kind
  }
}

function stopWithin({ stopTimeoutMs }: RestartJob): string {
  return stopTimeoutMs === undefined ? '' : `, its stop within ${showDuration(stopTimeoutMs)}`
}

function forOrder({ order }: { readonly order?: string }): string {
  return order === undefined ? '' : ` for ${order}`
}

function upstream(node: Upstream | null): string {
  return node === null ? '' : ` following ${node.name}`
}

/** Only what is told of an outage comes from these: the news stand above. */
const FOR_NEWS: ReadonlySet<keyof Memory> = new Set(['outage', 'blindSinceMs'])

/** Changed fields in a stable order; times as distances from now, lists by their names. */
function changes(before: Memory, after: Memory, nowMs: number): string[] {
  const keys = (Object.keys(after) as (keyof Memory)[]).filter(key => !FOR_NEWS.has(key))
  return keys
    .filter(key => show(key, before[key], nowMs) !== show(key, after[key], nowMs))
    .map(key => `${key} ${show(key, after[key], nowMs)}`)
}

function show(key: string, value: unknown, nowMs: number): string {
  if (value === null || value === undefined) return 'none'
  if (typeof value === 'bigint') return key.endsWith('Bytes') ? String(value) : formatLsn(value)
  // The reason stands above.
  if (key === 'refusedRequest' || key === 'scheduledRestart') return 'this'
  if (typeof value === 'number') return key.endsWith('Ms') ? showMoment(value, nowMs) : String(value)
  if (Array.isArray(value)) return `(${value.map(nameOf).join(' ')})`
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([name, inner]) => `${name} ${show(name, inner, nowMs)}`)
      .join(', ')}}`
  }
  return String(value)
}

function showMoment(ms: number, nowMs: number): string {
  if (ms === nowMs) return 'now'
  return ms < nowMs ? `${showDuration(nowMs - ms)} ago` : `in ${showDuration(ms - nowMs)}`
}

/** A member counts by its name, a retained slot by its: when it was last needed moves with every beat. */
function nameOf(entry: unknown): string {
  if (typeof entry !== 'object' || entry === null) return String(entry)
  if ('slot' in entry) return String(entry.slot)
  return 'name' in entry ? String(entry.name) : JSON.stringify(entry)
}
