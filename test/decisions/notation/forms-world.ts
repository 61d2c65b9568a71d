// The notation of a case, first part: what is in etcd, what the peers said, what the operator configured.

import type { PeerView } from '../../../src/model/cluster/peer.ts'
import { TAKEOVER_CAUSES, type TakeoverCause } from '../../../src/model/cluster/takeover.ts'
import { revision } from '../../../src/model/revision.ts'
import { seen, unseen } from '../../../src/model/seen.ts'
import type { DynamicSettings } from '../../../src/model/settings/dynamic-settings.ts'
import { DEFAULT_LSN, type Draft, type EtcdDraft, type MemberDraft } from './draft.ts'
import { type Form, readClauses, readDuration, readPosition, readSwitches } from './units.ts'

export const WALL_MS = 1_700_000_000_000

const etcdForms: readonly Form<EtcdDraft>[] = [
  [/^unknown \((.*)\)$/, ([why = '']) => ({ unknown: why })],
  [/^revision (\d+)$/, ([revision]) => ({ revision: Number(revision) })],
  [/^watch$/, () => ({ source: 'watch' })],
  [/^read (\S+) ago$/, ([time = '']) => ({ ageMs: readDuration(time) })],
  [/^no leader$/, () => ({ leader: null })],
  [
    /^sync (\S+) with (.+?)(?: quorum (\d+))?$/,
    ([leader = '', names = '', quorum]) => ({
      sync: {
        leader: leader === 'nobody' ? null : leader,
        standbys: names === 'nobody' ? [] : names.split(/\s+/),
        quorum: Number(quorum ?? 0),
      },
    }),
  ],
  [
    /^leader (\S+)(?: on lease (\d+))?$/,
    ([name = '', leaseId]) => ({
      leader: {
        name,
        leaseId: leaseId === '0' ? null : (leaseId ?? leaseOf(name)),
        modRevision: revision(40),
      },
    }),
  ],
  [/^last leader (gave up|\S+)$/, ([name = '']) => ({ lastLeader: name })],
  [
    /^(guard|no guard) of (\S+) noted(?: at (\d+))?$/,
    ([what, leader = '', revision]) => ({
      guard: { leader, guarded: what === 'guard', modRevision: Number(revision ?? 40) },
    }),
  ],
  [/^no guard noted$/, () => ({ guard: null })],
  [/^no initialize$/, () => ({ initialize: null })],
  [
    /^initialize (\S+)(?: at (\d+))?$/,
    ([value = '', revision]) => ({
      initialize: value === 'empty' ? '' : value,
      initializeRevision: Number(revision ?? 2),
    }),
  ],
  [/^config changed at (\d+)$/, ([revision]) => ({ changedAt: Number(revision) })],
  [/^no config$/, () => ({ config: false })],
  [/^config unusable \((.*)\)$/, ([why = '']) => ({ configUnusable: why })],
  [/^members (.*)$/, ([names = '']) => ({ members: names.split(/\s+/) })],
  [/^no members$/, () => ({ members: [] })],
  [/^optime (\S+)$/, ([lsn = '']) => ({ optime: readPosition(lsn) })],
  [/^retain slots (.+)$/, ([names = '']) => ({ retainSlots: names.split(/\s+/) })],
  [
    /^(\S+) drained by (\S+): (.+)$/,
    ([member = '', by = '', reason = '']) => ({
      drains: [{ member, modRevision: revision(33), note: { by, at: '2026-11-29T23:20:11Z', reason } }],
    }),
  ],
  [
    /^takeover of (\S+) by (\S+): (\S+?)( settled)?$/,
    ([from = '', to = '', cause = '', settled]) => ({
      takeover: { from, to, cause: readCause(cause), settled: settled !== undefined },
    }),
  ],
  [
    /^promotions (.+)$/,
    ([text = '']) => ({
      promotions: [...text.matchAll(/(\d+) by (\S+)/g)].map(([, timeline, by = '']) => ({
        ...{ timeline: Number(timeline), by },
      })),
    }),
  ],
  [
    /^history (.+?)(?: noted at (\d+))?$/,
    ([text = '', revision]) => ({ history: readSwitches(text), historyRevision: Number(revision ?? 20) }),
  ],
]

/** Every member's lease has a number of its own: pg1 has 101. */
export function leaseOf(name: string): string {
  return String(100 + Number(/\d+$/.exec(name)?.[0] ?? 99))
}

const memberForms: readonly Form<MemberDraft>[] = [
  [/^role (\S+)$/, ([role = '']) => ({ role })],
  [/^state (.+)$/, ([state = '']) => ({ state })],
  [/^timeline (\d+)$/, ([timeline]) => ({ timeline: Number(timeline) })],
  [/^checkpointing$/, () => ({ checkpointing: true })],
  [/^paused$/, () => ({ paused: true })],
  [/^no api_url$/, () => ({ apiUrl: false })],
  [/^no conn_url$/, () => ({ connUrl: false })],
  [/^changed at (\d+)$/, ([at]) => ({ changedAt: Number(at) })],
  [/^on lease (\d+)$/, ([leaseId = '']) => ({ leaseId: leaseId === '0' ? null : leaseId })],
  [/^lease made for (\S+)$/, ([ttl = '']) => ({ leaseTtl: readDuration(ttl) / 1000 })],
  [/^of host (\S+)$/, ([host = '']) => ({ host })],
  [/^tags (.+)$/, ([tags = '']) => ({ tags: readTags(tags) })],
]

function readCause(text: string): TakeoverCause {
  const cause = TAKEOVER_CAUSES.find(each => each === text)
  if (cause === undefined) throw new Error(`no such cause: ${text}`)
  return cause
}

/** `nofailover failover_priority=2` */
function readTags(text: string): MemberDraft['tags'] {
  const pairs = text.split(/\s+/).map(word => word.split('='))
  return Object.fromEntries(pairs.map(([name = '', value]) => [name, value ?? true]))
}

const peerForms: readonly Form<PeerView>[] = [
  [/^standby$/, () => ({})],
  [/^primary$/, () => ({ role: 'primary', runsAsPrimary: true })],
  [/^state (.+)$/, ([state = '']) => ({ state })],
  [/^timeline (\d+)$/, ([timeline]) => ({ timeline: Number(timeline) })],
  [/^timeline unknown$/, () => ({ timeline: null })],
  [/^lsn (\S+)$/, ([lsn = '']) => ({ position: readPosition(lsn) })],
  [/^no position$/, () => ({ position: null })],
  [/^nofailover$/, () => ({ nofailover: true })],
  [/^priority (\d+)$/, ([priority]) => ({ failoverPriority: Number(priority) })],
  [/^watchdog failed$/, () => ({ watchdogFailed: true })],
  [/^off history$/, () => ({ offHistory: true })],
  [/^without configuration$/, () => ({ withoutConfiguration: true })],
  [/^former server may write$/, () => ({ formerMayWrite: true })],
  [/^stalls$/, () => ({ stalls: true })],
  [/^unfit \((.*)\)$/, ([unfit = '']) => ({ unfit })],
]

const settingsForms: readonly Form<DynamicSettings>[] = [
  [/^ttl (\S+)$/, ([time = '']) => ({ ttlMs: readDuration(time) })],
  [/^loop (\S+)$/, ([time = '']) => ({ loopWaitMs: readDuration(time) })],
  [/^retry (\S+)$/, ([time = '']) => ({ retryTimeoutMs: readDuration(time) })],
  [/^paused$/, () => ({ paused: true })],
  [/^failover interval (\S+)$/, ([time = '']) => ({ failoverIntervalMs: readDuration(time) })],
  [/^start timeout (\S+)$/, ([time = '']) => ({ primaryStartTimeoutMs: readDuration(time) })],
  [/^stop timeout (\S+)$/, ([time = '']) => ({ primaryStopTimeoutMs: readDuration(time) })],
  [/^race backoff (\S+)$/, ([time = '']) => ({ primaryRaceBackoffMs: readDuration(time) })],
  [/^maximum lag (\d+)$/, ([bytes = '']) => ({ maximumLagOnFailover: BigInt(bytes) })],
  [/^timelines (\d+)$/, ([count]) => ({ maxTimelinesHistory: Number(count) })],
  [/^no slots$/, () => ({ useSlots: false })],
  [/^member slots ttl (\S+)$/, ([time = '']) => ({ memberSlotsTtlMs: readDuration(time) })],
  [/^stalled agent timeout (\S+)$/, ([time = '']) => ({ stalledAgentTimeoutMs: readDuration(time) })],
  [/^failed disk timeout (\S+)$/, ([time = '']) => ({ failedDiskTimeoutMs: readDuration(time) })],
  [/^hung server timeout (\S+)$/, ([time = '']) => ({ hungServerTimeoutMs: readDuration(time) })],
  [/^synchronous$/, () => ({ synchronousMode: 'on' })],
  [/^strict$/, () => ({ synchronousStrict: true })],
  [/^sync nodes (\d+)$/, ([count]) => ({ synchronousNodeCount: Number(count) })],
  [/^sync lag (\d+)$/, ([bytes = '']) => ({ maximumLagOnSyncnode: BigInt(bytes) })],
  [/^quorum$/, () => ({ synchronousMode: 'quorum' })],
  [/^failsafe$/, () => ({ failsafeMode: true })],
  [/^standby cluster$/, () => ({ standbyCluster: true })],
]

/** Lines about the world; false: not such a line. */
export function readWorldLine(key: string, text: string, draft: Draft): boolean {
  switch (key) {
    case 'etcd':
      Object.assign(draft.etcd, readClauses(key, text, draft.nowMs, etcdForms))
      return true
    case 'settings':
      Object.assign(draft.settings, readClauses(key, text, draft.nowMs, settingsForms))
      return true
    case 'member': {
      const [name, rest] = firstWord(text)
      draft.members.set(name, readClauses(key, rest, draft.nowMs, memberForms))
      return true
    }
    case 'peers':
      if (text !== 'nobody') throw new Error('"peers" knows only "nobody"; name one with "peer"')
      draft.peers = new Map()
      return true
    case 'peer':
      readPeer(text, draft)
      return true
    case 'request':
      draft.etcd.unreadableRequest = /^unreadable \((.*)\)$/.exec(text)?.[1] ?? null
      if (draft.etcd.unreadableRequest === null) draft.etcd.request = readRequest(text)
      return true
    default:
      return false
  }
}

function readPeer(text: string, draft: Draft): void {
  const [name, rest] = firstWord(text)
  const peers = draft.peers ?? new Map()
  draft.peers = peers
  const unknown = /^unknown \((.*)\)$/.exec(rest)
  if (unknown !== null) {
    peers.set(name, unseen(unknown[1] ?? ''))
    return
  }
  const asked = / asked (\S+) ago$/.exec(rest)
  const clauses = asked === null ? rest : rest.slice(0, asked.index).replace(/,$/, '')
  const peer: PeerView = {
    state: 'running',
    role: 'replica',
    runsAsPrimary: false,
    position: DEFAULT_LSN,
    timeline: 1,
    nofailover: false,
    failoverPriority: 1,
    watchdogFailed: false,
    offHistory: false,
    paused: draft.settings.paused,
    ...readClauses('peer', clauses, draft.nowMs, peerForms),
  }
  peers.set(name, seen(peer, draft.nowMs - (asked === null ? 0 : readDuration(asked[1] ?? ''))))
}

/** `switchover from pg1 to pg2, in 60s` or `failover to pg2` or `…, at "garbage"`; then `, until 5s ago`, `, begun by pg1`. */
function readRequest(text: string): Draft['etcd']['request'] {
  const [begun = '', begunBy = null] = /, begun by (\S+)$/.exec(text) ?? []
  const [end = '', untilAgo, untilIn] =
    /, until (?:(\S+) ago|in (\S+))$/.exec(text.slice(0, text.length - begun.length)) ?? []
  const plain = text.slice(0, text.length - begun.length - end.length)
  const match =
    /^(?:switchover from (\S+?)|failover)(?: to (\S+?))?(?:, (?:in (-?\S+)|(\S+) ago|at "(.*)"))?$/.exec(
      plain,
    )
  if (match === null) throw new Error(`not a request: ${text}`)
  const [, leader, candidate, soon, ago, unreadable] = match
  const offset = soon !== undefined ? readDuration(soon) : ago !== undefined ? -readDuration(ago) : null
  const at =
    unreadable !== undefined
      ? { text: unreadable, wallMs: null }
      : offset === null
        ? null
        : { text: new Date(WALL_MS + offset).toISOString(), wallMs: WALL_MS + offset }
  const untilMs =
    untilAgo !== undefined
      ? WALL_MS - readDuration(untilAgo)
      : untilIn !== undefined
        ? WALL_MS + readDuration(untilIn)
        : null
  return { leader: leader ?? null, candidate: candidate ?? null, at, begunBy, untilMs }
}

export function firstWord(text: string): [string, string] {
  const match = /^(\S+)\s*(.*)$/.exec(text)
  if (match === null) throw new Error('a name is missing')
  return [match[1] ?? '', match[2] ?? '']
}
