// The notation of a case, first part: what is in etcd, what the peers said, what the operator configured.

import type { PeerView } from '../../src/model/peer.ts'
import { seen, unseen } from '../../src/model/seen.ts'
import type { Draft, MemberDraft } from './draft.ts'
import { applyClauses, type Form, readDuration, readPosition, readSwitches } from './units.ts'

export const WALL_MS = 1_700_000_000_000

const etcdForms: readonly Form<Draft>[] = [
  [
    /^unknown \((.*)\)$/,
    (d, [why]) => {
      d.etcd.unknown = why ?? ''
    },
  ],
  [
    /^revision (\d+)$/,
    (d, [revision]) => {
      d.etcd.revision = Number(revision)
    },
  ],
  [
    /^watch$/,
    d => {
      d.etcd.source = 'watch'
    },
  ],
  [
    /^no leader$/,
    d => {
      d.etcd.leader = null
    },
  ],
  [
    /^leader (\S+)(?: on lease (\d+))?$/,
    (d, [name = '', leaseId]) =>
      void (d.etcd.leader = { name, leaseId: leaseId ?? leaseOf(name), modRevision: 40 }),
  ],
  [
    /^no initialize$/,
    d => {
      d.etcd.initialize = null
    },
  ],
  [
    /^initialize (empty|\S+)(?: at (\d+))?$/,
    (d, [value, revision]) => {
      d.etcd.initialize = value === 'empty' ? '' : (value ?? '')
      d.etcd.initializeRevision = Number(revision ?? 2)
    },
  ],
  [
    /^no config$/,
    d => {
      d.etcd.config = false
    },
  ],
  [
    /^members (.*)$/,
    (d, [names = '']) => {
      d.etcd.members = names.split(/\s+/)
    },
  ],
  [
    /^no members$/,
    d => {
      d.etcd.members = []
    },
  ],
  [
    /^optime (\S+)$/,
    (d, [lsn = '']) => {
      d.etcd.optime = readPosition(lsn)
    },
  ],
  [
    /^retain slots (.+)$/,
    (d, [names = '']) => {
      d.etcd.retainSlots = names.split(/\s+/)
    },
  ],
  [
    /^history (.+)$/,
    (d, [text = '']) => {
      d.etcd.history = readSwitches(text)
    },
  ],
]

/** Every member's lease has a number of its own: pg1 has 101. */
export function leaseOf(name: string): string {
  return String(100 + Number(/\d+$/.exec(name)?.[0] ?? 99))
}

const memberForms: readonly Form<Partial<MemberDraft>>[] = [
  [
    /^role (\S+)$/,
    (m, [role]) => {
      m.role = role ?? null
    },
  ],
  [
    /^state (.+)$/,
    (m, [state = '']) => {
      m.state = state
    },
  ],
  [
    /^timeline (\d+)$/,
    (m, [timeline]) => {
      m.timeline = Number(timeline)
    },
  ],
  [
    /^checkpointing$/,
    m => {
      m.checkpointing = true
    },
  ],
  [
    /^no api_url$/,
    m => {
      m.apiUrl = false
    },
  ],
  [
    /^no conn_url$/,
    m => {
      m.connUrl = false
    },
  ],
  [
    /^tag (\S+)(?: (\S+))?$/,
    (m, [name = '', value]) => {
      m.tags = { ...m.tags, [name]: value === undefined ? true : value }
    },
  ],
]

const peerForms: readonly Form<PeerView & { -readonly [K in keyof PeerView]: PeerView[K] }>[] = [
  [/^standby$/, () => undefined],
  [
    /^primary$/,
    p => {
      p.role = 'primary'
      p.runsAsPrimary = true
    },
  ],
  [
    /^state (.+)$/,
    (p, [state = '']) => {
      p.state = state
    },
  ],
  [
    /^timeline (\d+)$/,
    (p, [timeline]) => {
      p.timeline = Number(timeline)
    },
  ],
  [
    /^timeline unknown$/,
    p => {
      p.timeline = null
    },
  ],
  [
    /^lsn (\S+)$/,
    (p, [lsn = '']) => {
      p.position = readPosition(lsn)
    },
  ],
  [
    /^no position$/,
    p => {
      p.position = null
    },
  ],
  [
    /^nofailover$/,
    p => {
      p.nofailover = true
    },
  ],
  [
    /^priority (\d+)$/,
    (p, [priority]) => {
      p.failoverPriority = Number(priority)
    },
  ],
  [
    /^watchdog failed$/,
    p => {
      p.watchdogFailed = true
    },
  ],
]

const settingsForms: readonly Form<Draft>[] = [
  [
    /^ttl (\S+)$/,
    (d, [time = '']) => {
      d.settings.ttlMs = readDuration(time)
    },
  ],
  [
    /^loop (\S+)$/,
    (d, [time = '']) => {
      d.settings.loopWaitMs = readDuration(time)
    },
  ],
  [
    /^retry (\S+)$/,
    (d, [time = '']) => {
      d.settings.retryTimeoutMs = readDuration(time)
    },
  ],
  [
    /^paused$/,
    d => {
      d.settings.paused = true
    },
  ],
  [
    /^start timeout (\S+)$/,
    (d, [time = '']) => {
      d.settings.primaryStartTimeoutMs = readDuration(time)
    },
  ],
  [
    /^stop timeout (\S+)$/,
    (d, [time = '']) => {
      d.settings.primaryStopTimeoutMs = readDuration(time)
    },
  ],
  [
    /^maximum lag (\d+)$/,
    (d, [bytes = '']) => {
      d.settings.maximumLagOnFailover = BigInt(bytes)
    },
  ],
  [
    /^timelines (\d+)$/,
    (d, [count]) => {
      d.settings.maxTimelinesHistory = Number(count)
    },
  ],
  [
    /^no slots$/,
    d => {
      d.settings.useSlots = false
    },
  ],
  [
    /^synchronous$/,
    d => {
      d.settings.synchronousMode = 'on'
    },
  ],
  [
    /^quorum$/,
    d => {
      d.settings.synchronousMode = 'quorum'
    },
  ],
  [
    /^failsafe$/,
    d => {
      d.settings.failsafeMode = true
    },
  ],
  [
    /^standby cluster$/,
    d => {
      d.settings.standbyCluster = true
    },
  ],
]

/** Lines about the world; false: not such a line. */
export function readWorldLine(key: string, text: string, draft: Draft): boolean {
  switch (key) {
    case 'etcd':
      applyClauses(key, text, draft, etcdForms)
      return true
    case 'settings':
      applyClauses(key, text, draft, settingsForms)
      return true
    case 'member': {
      const [name, rest] = firstWord(text)
      const member = draft.members.get(name) ?? {}
      applyClauses(key, rest, member, memberForms)
      draft.members.set(name, member)
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
      draft.etcd.request = readRequest(text)
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
  const peer = {
    state: 'running',
    role: 'replica',
    runsAsPrimary: false,
    position: 0x3000148n,
    timeline: 1,
    nofailover: false,
    failoverPriority: 1,
    watchdogFailed: false,
    paused: draft.settings.paused,
  }
  applyClauses('peer', rest, peer, peerForms)
  peers.set(name, seen(peer, draft.nowMs))
}

/** `switchover from pg1 to pg2, in 60s` or `failover to pg2` or `…, at "garbage"`. */
function readRequest(text: string): Draft['etcd']['request'] {
  const match =
    /^(?:switchover from (\S+?)|failover)(?: to (\S+?))?(?:, (?:in (-?\S+)|(\S+) ago|at "(.*)"))?$/.exec(text)
  if (match === null) throw new Error(`not a request: ${text}`)
  const [, leader, candidate, soon, ago, unreadable] = match
  const offset = soon !== undefined ? readDuration(soon) : ago !== undefined ? -readDuration(ago) : null
  const at =
    unreadable !== undefined
      ? { text: unreadable, wallMs: null }
      : offset === null
        ? null
        : { text: new Date(WALL_MS + offset).toISOString(), wallMs: WALL_MS + offset }
  return { leader: leader ?? null, candidate: candidate ?? null, at }
}

export function firstWord(text: string): [string, string] {
  const match = /^(\S+)\s*(.*)$/.exec(text)
  if (match === null) throw new Error('a name is missing')
  return [match[1] ?? '', match[2] ?? '']
}
