// The notation of a case, second part: the local PostgreSQL, what this node remembers, how it is configured.

import type { Memory } from '../../src/model/memory.ts'
import type { Draft } from './draft.ts'
import { readMomentLine } from './forms-moment.ts'
import { applyClauses, type Form, positionAt, readDuration, readPosition, readSwitches } from './units.ts'

const postgresForms: readonly Form<Draft>[] = [
  [
    /^running (primary|standby)$/,
    (d, [role]) => {
      d.postgres.role = role === 'primary' ? 'primary' : 'standby'
    },
  ],
  [
    /^running$/,
    d => {
      d.postgres.process = 'running'
    },
  ],
  [
    /^stopped$/,
    d => {
      d.postgres.process = 'stopped'
      d.postgres.serverUnknown = 'it does not run'
    },
  ],
  [
    /^unknown \((.*)\)$/,
    (d, [why]) => {
      d.postgres.serverUnknown = why ?? ''
    },
  ],
  [
    /^(rejecting|no-response|readiness unknown) for (\S+)$/,
    (d, [readiness, time = '']) => {
      d.postgres.readiness =
        readiness === 'rejecting' ? 'rejecting' : readiness === 'no-response' ? 'no-response' : 'unknown'
      d.postgres.sinceMs = readDuration(time)
      d.postgres.serverUnknown ??= 'it does not accept connections'
    },
  ],
  [
    /^(primary|standby) data$/,
    (d, [role]) => {
      d.postgres.role = role === 'primary' ? 'primary' : 'standby'
    },
  ],
  [
    /^(no )?standby\.signal$/,
    (d, [no]) => {
      d.postgres.recoveryConfigured = no === undefined
    },
  ],
  [
    /^empty$/,
    d => {
      d.postgres.directory = 'empty'
      d.postgres.process = 'stopped'
      d.postgres.serverUnknown = 'it does not run'
    },
  ],
  [
    /^inaccessible \((.*)\)$/,
    (d, [why = '']) => {
      d.postgres.directory = 'inaccessible'
      d.postgres.directoryWhy = why
      d.postgres.process = 'stopped'
      d.postgres.serverUnknown = 'it does not run'
    },
  ],
  [
    /^control "(.*)"$/,
    (d, [state = '']) => {
      d.postgres.controlState = state
    },
  ],
  [
    /^control unknown \((.*)\)$/,
    (d, [why = '']) => {
      d.postgres.controlUnknown = why
    },
  ],
  [
    /^control timeline (\d+)$/,
    (d, [timeline]) => {
      d.postgres.controlTimeline = Number(timeline)
    },
  ],
  [
    /^timeline (\d+)$/,
    (d, [timeline]) => {
      d.postgres.timeline = Number(timeline)
    },
  ],
  [
    /^timeline unknown$/,
    d => {
      d.postgres.timeline = null
    },
  ],
  [
    /^lsn (\S+)$/,
    (d, [lsn = '']) => {
      d.postgres.lsn = readPosition(lsn)
    },
  ],
  [
    /^system identifier (\d+)$/,
    (d, [id = '']) => {
      d.postgres.systemIdentifier = id
    },
  ],
  [
    /^backup_label$/,
    d => {
      d.postgres.backupLabel = true
    },
  ],
  [
    /^no checksums$/,
    d => {
      d.postgres.checksums = false
    },
  ],
  [
    /^replay paused$/,
    d => {
      d.postgres.replayPaused = true
    },
  ],
  [
    /^history (.+)$/,
    (d, [text = '']) => {
      d.postgres.history = readSwitches(text)
    },
  ],
  [
    /^idle slots (.+)$/,
    (d, [names = '']) => {
      d.postgres.idleSlots = names.split(/\s+/)
    },
  ],
]

const memoryForms: readonly Form<Draft>[] = [
  [
    /^role (primary|standby|none)$/,
    (d, [role]) =>
      remember(d, { lastRole: role === 'none' ? null : role === 'primary' ? 'primary' : 'standby' }),
  ],
  [
    /^rejoin (check|follow|diverged|rewind-failed)$/,
    (d, [verdict]) => remember(d, { rejoin: verdict as Memory['rejoin'], agreesWith: null }),
  ],
  [
    /^agrees with (\S+) on timeline (\d+)$/,
    (d, [leader = '', timeline]) =>
      remember(d, { rejoin: 'follow', agreesWith: { leader, timeline: Number(timeline) } }),
  ],
  [/^last leader (\S+)$/, (d, [name = '']) => remember(d, { lastLeader: name === 'none' ? null : name })],
  [/^crash recovery tried$/, d => remember(d, { crashRecoveryTried: true })],
  [
    /^founding (running|ready|failed)(?: at (\d+))?$/,
    (d, [stage, revision]) =>
      remember(d, {
        founding: {
          initializeRevision: Number(revision ?? 2),
          stage: stage === 'running' ? 'running' : stage === 'ready' ? 'ready' : 'failed',
        },
      }),
  ],
  [/^start failures (\d+)$/, (d, [count]) => remember(d, { startFailures: Number(count) })],
  [
    /^failed (\S+) (\S+) ago \((.*)\)$/,
    (d, [job = '', time = '', why = '']) =>
      remember(d, { lastFailure: { job, why, atMs: d.nowMs - readDuration(time) } }),
  ],
  [/^released (\S+) ago$/, (d, [time = '']) => remember(d, { releasedAtMs: d.nowMs - readDuration(time) })],
  [
    /^leaderless for (\S+)$/,
    (d, [time = '']) => remember(d, { leaderlessSinceMs: d.nowMs - readDuration(time) }),
  ],
  [/^not joined$/, d => remember(d, { joined: false })],
  [/^never saw etcd$/, d => remember(d, { sawCluster: false })],
  [/^abandoned lease (\d+)$/, (d, [id = '']) => remember(d, { abandonedLease: id })],
  [
    /^unfenced for (\S+)$/,
    (d, [time = '']) => remember(d, { unfencedSinceMs: d.nowMs - readDuration(time) }),
  ],
  [/^stopped at (\S+)$/, (d, [lsn = '']) => remember(d, { stoppedAt: positionAt(lsn) })],
  [
    /^handover(?: to (\S+))? begun (\S+) ago$/,
    (d, [candidate, time = '']) => {
      d.handover = newHandover(d, candidate, readDuration(time))
    },
  ],
  [
    /^handover(?: to (\S+))? stopped (\S+) ago at (\S+)$/,
    (d, [candidate, time = '', lsn = '']) => {
      d.handover = {
        ...newHandover(d, candidate, readDuration(time) + 1000),
        stoppedAtMs: d.nowMs - readDuration(time),
        position: lsn === 'unknown' ? null : positionAt(lsn),
      }
    },
  ],
]

function newHandover(d: Draft, candidate: string | undefined, agoMs: number): NonNullable<Draft['handover']> {
  return {
    candidate: candidate ?? null,
    startedAtMs: d.nowMs - agoMs,
    requestRevision: 39,
    position: null,
    stoppedAtMs: null,
  }
}

function remember(draft: Draft, change: Draft['memory']): void {
  Object.assign(draft.memory, change)
}

const selfForms: readonly Form<Draft>[] = [
  [
    /^nofailover$/,
    d => {
      Object.assign(d.tags, { nofailover: true, failoverPriority: 0 })
    },
  ],
  [
    /^priority (\d+)$/,
    (d, [priority]) => {
      d.tags.failoverPriority = Number(priority)
    },
  ],
  [
    /^nostream$/,
    d => {
      d.tags.nostream = true
    },
  ],
  [
    /^replicatefrom (\S+)$/,
    (d, [name = '']) => {
      d.tags.replicatefrom = name
    },
  ],
  [
    /^may not bootstrap$/,
    d => {
      d.self.mayBootstrap = false
    },
  ],
  [
    /^no rewind$/,
    d => {
      d.self.useRewind = false
    },
  ],
  [
    /^replace after failed rewind$/,
    d => {
      d.self.removeDataOnRewindFailure = true
    },
  ],
  [
    /^replace diverged$/,
    d => {
      d.self.removeDataOnDivergedTimelines = true
    },
  ],
]

/** Lines about the node; false: not such a line. */
export function readNodeLine(key: string, text: string, d: Draft): boolean {
  switch (key) {
    case 'now':
      d.nowMs = readDuration(text)
      return true
    case 'started':
      d.startedAgoMs = readDuration(text.replace(/ ago$/, ''))
      return true
    case 'self':
      applyClauses(key, text, d, selfForms)
      return true
    case 'postgres':
      applyClauses(key, text, d, postgresForms)
      return true
    case 'memory':
      applyClauses(key, text, d, memoryForms)
      return true
    case 'stop':
      d.stopRequested = text === 'requested'
      return true
    default:
      return readMomentLine(key, text, d)
  }
}
