// The notation of a case, second part: the local PostgreSQL, what this node remembers, how it is configured.

import type { Handover, Memory } from '../../../src/model/decision/memory.ts'
import type { Self } from '../../../src/model/decision/snapshot.ts'
import { revision } from '../../../src/model/revision.ts'
import type { Unfinished } from '../../../src/model/server/postgres.ts'
import { DEFAULT_LSN, type Draft, type PostgresDraft } from './draft.ts'
import { failoverForms } from './forms-failover.ts'
import { readMomentLine } from './forms-moment.ts'
import { scheduleForms } from './forms-orders.ts'
import { readRetained, slotForms } from './forms-slots.ts'
import { readWork } from './names.ts'
import { type Form, positionAt, readClauses, readDuration, readPosition, readSwitches } from './units.ts'

const DOWN = { process: 'stopped', serverUnknown: 'it does not run' } as const

const postgresForms: readonly Form<PostgresDraft>[] = [
  [
    /^(?:running )?(primary|standby)(?: data)?$/,
    ([role]) => ({ role: role === 'primary' ? 'primary' : 'standby' }),
  ],
  [/^running$/, () => ({ process: 'running' })],
  [/^stopped$/, () => DOWN],
  [/^unknown \((.*)\)$/, ([why = '']) => ({ serverUnknown: why })],
  [
    /^(rejecting|no-response|readiness unknown) for (\S+)$/,
    ([text, time = '']) => ({
      readiness: text === 'rejecting' || text === 'no-response' ? text : 'unknown',
      sinceMs: readDuration(time),
      serverUnknown: 'it does not accept connections',
    }),
  ],
  [/^(no )?standby\.signal$/, ([no]) => ({ recoveryConfigured: no === undefined })],
  [/^empty$/, () => ({ directory: 'empty', ...DOWN })],
  [
    /^empty but for (\S+)$/,
    ([name = '']) => ({ directory: 'empty', obstacle: `/data holds ${name}`, ...DOWN }),
  ],
  [/^inaccessible \((.*)\)$/, ([why = '']) => ({ directory: 'inaccessible', directoryWhy: why, ...DOWN })],
  [/^control "(.*)"$/, ([state = '']) => ({ controlState: state })],
  [/^control unknown \((.*)\)$/, ([why = '']) => ({ controlUnknown: why })],
  [/^control timeline (\d+)$/, ([timeline]) => ({ controlTimeline: Number(timeline) })],
  [/^timeline (\d+)$/, ([timeline]) => ({ timeline: Number(timeline) })],
  [/^timeline unknown$/, () => ({ timeline: null })],
  [/^lsn (\S+)$/, ([lsn = '']) => ({ lsn: readPosition(lsn) })],
  [/^system identifier (\d+)$/, ([id = '']) => ({ systemIdentifier: id })],
  [/^backup_label$/, () => ({ backupLabel: true })],
  [/^unfinished backup$/, () => ({ unfinishedBackup: true })],
  [/^unfinished (bootstrap|copy|rewind)$/, ([what]) => ({ unfinished: what as Unfinished })],
  [/^orphans? ([\d ]+)$/, ([pids = '']) => ({ orphans: pids.split(/\s+/).map(Number) })],
  [/^orphans unknown \((.*)\)$/, ([why = '']) => ({ orphans: why })],
  [/^other data$/, () => ({ sameData: false })],
  [/^runs in (\S+)$/, ([path = '']) => ({ runsOutside: path, sameData: false })],
  [/^same data unknown \((.*)\)$/, ([why = '']) => ({ sameData: why })],
  [/^no checksums$/, () => ({ checksums: false })],
  [/^not streaming$/, () => ({ streaming: false })],
  [/^streams to (.+)$/, ([names = '']) => ({ streamsTo: names === 'nobody' ? [] : names.split(/\s+/) })],
  [/^waits for nobody$/, () => ({ waitsFor: '' })],
  [/^waits for "(.+)"$/, ([names = '']) => ({ waitsFor: names })],
  [/^sync file "(.*)"$/, ([names = '']) => ({ syncFile: names })],
  [/^sync file being written$/, () => ({ syncFile: 'being written' })],
  [/^replay paused$/, () => ({ replayPaused: true })],
  [/^replay paused for max_connections$/, () => ({ replayPaused: true, settingsTooLow: true })],
  [/^restore_command$/, () => ({ archive: true })],
  [
    /^noted (\d+)@(\S+) by (\S+)$/,
    ([timeline, lsn = '', by = '']) => ({
      origins: [{ timeline: Number(timeline), lsn: readPosition(lsn), by }],
    }),
  ],
  [/^nothing noted$/, () => ({ origins: [] })],
  [/^notes unreadable$/, () => ({ origins: null })],
  [
    /^asked to promote at (\d+)@(\S+)$/,
    ([timeline, lsn = '']) => ({
      origins: [],
      asked: { timeline: Number(timeline), lsn: readPosition(lsn) },
    }),
  ],
  [/^history (.+)$/, ([text = '']) => ({ history: readSwitches(text) })],
  ...slotForms,
]

/** `caught up pg2 under "ANY 1 (pg2,pg3)"`: who has everything of those that are waited for, and since when that was so. */
const syncMemoryForms: readonly Form<Memory>[] = [
  [
    /^caught up (.+) under "(.+)"(?: for (\S+))?$/,
    ([ready = '', setting = '', time = '10s'], now) => ({
      sync: {
        setting,
        sinceMs: now - readDuration(time),
        catchUpLsn: time === '10s' ? DEFAULT_LSN : null,
        ready: ready === 'nobody' ? [] : ready.split(/\s+/),
      },
    }),
  ],
  [/^leaving sync for (\S+)$/, ([time = ''], now) => ({ leavingSyncSinceMs: now - readDuration(time) })],
]

const memoryForms: readonly Form<Memory>[] = [
  ...syncMemoryForms,
  [/^noted that nothing guards it$/, () => ({ notedUnguarded: true })],
  [/^role none$/, () => ({ lastRole: null })],
  [/^role (primary|standby)$/, ([role]) => ({ lastRole: role === 'primary' ? 'primary' : 'standby' })],
  [
    /^rejoin (check|follow|diverged|rewind-failed)$/,
    ([verdict]) => ({ rejoin: verdict as Memory['rejoin'], agreesWith: null }),
  ],
  [
    /^agrees with (\S+) on timeline (\d+)(?: until (\S+))?$/,
    ([leader = '', timeline, until]) => ({
      rejoin: 'follow',
      agreesWith: {
        leader,
        timeline: Number(timeline),
        untilLsn: until === undefined ? null : readPosition(until),
      },
    }),
  ],
  [
    /^undecided about (\S+) for (\S+)( for good)? asked again in (\S+) \((.*)\)$/,
    ([leader = '', time = '', lasting, pause = '', why = ''], now) => ({
      rejoin: 'check',
      agreesWith: null,
      undecided: {
        leader,
        why,
        isLasting: lasting !== undefined,
        tries: 3,
        sinceMs: now - readDuration(time),
        retryAtMs: now + readDuration(pause),
      },
    }),
  ],
  [
    /^receives nothing from (\S+) for (\S+)$/,
    ([leader = '', time = ''], now) => ({
      starving: {
        leader,
        sinceMs: now - readDuration(time),
        sinceWall: Date.UTC(2026, 10, 22, 9) - readDuration(time),
        replayLsn: DEFAULT_LSN,
      },
    }),
  ],
  [
    /^connecting to (\S+) for (\S+)$/,
    ([leader = '', time = ''], now) => ({ connecting: { leader, sinceMs: now - readDuration(time) } }),
  ],
  [
    /^took over from (\S+) after (\S+)$/,
    ([from = '', time = '']) => ({
      takeover: {
        ...{ cause: 'lease-ended', by: null, from, leaderlessMs: readDuration(time), lostBytes: 0n },
        atWall: 1_700_000_000_000,
      },
    }),
  ],
  [/^last leader (\S+)$/, ([name = '']) => ({ lastLeader: name === 'none' ? null : name })],
  ...scheduleForms,
  [/^stopped by itself$/, () => ({ stoppedBySelf: true })],
  [/^was (not )?paused$/, ([not]) => ({ wasPaused: not === undefined })],
  [/^yields \((.*)\)$/, ([why = '']) => ({ yields: { why } })],
  [/^restarted as hung (\S+) ago$/, ([time = ''], now) => ({ hungRestartAtMs: now - readDuration(time) })],
  [/^asked as stalled (\S+) ago$/, ([t = ''], now) => ({ stallsAskedAtMs: now - readDuration(t) })],
  [/^handed over as stalled (\S+) ago$/, ([t = ''], now) => ({ stalledHandoverAtMs: now - readDuration(t) })],
  [/^promotion asked$/, () => ({ promotionAsked: true })],
  ...failoverForms,
  [/^crash recovery tried$/, () => ({ crashRecoveryTried: true })],
  [
    /^founding (running|ready|failed)(?: at (\d+))?(?: \((.*)\))?$/,
    ([text, written, why]) => ({
      founding: {
        initializeRevision: revision(Number(written ?? 2)),
        stage: text === 'running' || text === 'ready' ? text : 'failed',
        ...(why === undefined ? {} : { why }),
      },
    }),
  ],
  [/^start failures (\d+)$/, ([count]) => ({ startFailures: Number(count) })],
  [
    /^failed (\S+) (?:(\d+) times )?(\S+) ago \((.*?)\)(?: remedy (.+))?$/,
    ([job = '', count, time = '', why = '', remedy], now) => ({
      lastFailure: {
        job: readWork(job),
        why,
        atMs: now - readDuration(time),
        ...repeated(count),
        ...lasting(remedy),
      },
    }),
  ],
  [/^released (\S+) ago$/, ([time = ''], now) => ({ releasedAtMs: now - readDuration(time) })],
  [
    /^backs off for (\S+) from (\S+)(?: moved (\S+) ago)?$/,
    ([time = '', position = '', moved], now) => ({
      raceBackoff: {
        sinceMs: now - readDuration(time),
        position: readPosition(position),
        movedAtMs: moved === undefined ? null : now - readDuration(moved),
      },
    }),
  ],
  [/^leaderless for (\S+)$/, ([time = ''], now) => ({ leaderlessSinceMs: now - readDuration(time) })],
  [/^not joined$/, () => ({ joined: false, joinedAs: null })],
  [/^strange leader (\S+)$/, ([name = '']) => ({ strangeLeader: name })],
  [/^never saw etcd$/, () => ({ sawCluster: false })],
  [/^abandoned lease (\d+)$/, ([id = '']) => ({ abandonedLease: id })],
  [/^broken rewind \((.*)\)$/, ([why = '']) => ({ brokenRewind: why })],
  [/^found named$/, () => ({ leaderKeyInherited: true })],
  [/^leader moved (\S+) ago$/, ([time = ''], now) => ({ leaderMovedAtMs: now - readDuration(time) })],
  [/^unfenced for (\S+)$/, ([time = ''], now) => ({ unfencedSinceMs: now - readDuration(time) })],
  [/^retains (.+)$/, ([text = ''], now) => ({ retainedSlots: readRetained(text, now) })],
  [/^stopped at (\S+)$/, ([lsn = '']) => ({ stoppedAt: positionAt(lsn) })],
  [
    /^handover(?: to (\S+))? begun (\S+) ago$/,
    ([candidate, time = ''], now) => ({ handover: newHandover(candidate, now - readDuration(time)) }),
  ],
  [
    /^handover(?: to (\S+))?( unasked)? stopped (\S+) ago at (\S+)$/,
    ([candidate, unasked, time = '', lsn = ''], now) => ({
      handover: {
        ...newHandover(candidate, now - readDuration(time) - 1000, unasked === undefined),
        stoppedAtMs: now - readDuration(time),
        position: lsn === 'unknown' ? null : positionAt(lsn),
      },
    }),
  ],
]

const repeated = (count: string | undefined) => (count === undefined ? {} : { count: Number(count) })
const lasting = (remedy: string | undefined) => (remedy === undefined ? {} : { remedy })

function newHandover(to: string | undefined, startedAtMs: number, asked: boolean = true): Handover {
  return {
    candidate: to ?? null,
    startedAtMs,
    requestRevision: asked ? revision(39) : null,
    position: null,
    stoppedAtMs: null,
  }
}

const selfForms: readonly Form<Self>[] = [
  [/^may not bootstrap$/, () => ({ mayBootstrap: false })],
  [/^no rewind$/, () => ({ useRewind: false })],
  [/^host (\S+)$/, ([host = '']) => ({ host })],
  [/^api here$/, () => ({ apiIsHere: true })],
  [/^replace after failed rewind$/, () => ({ removeDataOnRewindFailure: true })],
  [/^replace diverged$/, () => ({ removeDataOnDivergedTimelines: true })],
]

const tagForms: readonly Form<Self['tags']>[] = [
  [/^nofailover$/, () => ({ nofailover: true, failoverPriority: 0 })],
  [/^priority (\d+)$/, ([priority]) => ({ failoverPriority: Number(priority) })],
  [/^nostream$/, () => ({ nostream: true })],
  [/^replicatefrom (\S+)$/, ([name = '']) => ({ replicatefrom: name })],
]

/** Lines about the node; false: not such a line. */
export function readNodeLine(key: string, text: string, d: Draft): boolean {
  switch (key) {
    case 'started':
      d.startedAgoMs = readDuration(text.replace(/ ago$/, ''))
      return true
    case 'agent':
      if (text === 'saw no configuration') d.settingsConfirmed = false
      else if (text === 'saw an older configuration') d.configRevision = 2
      else if (text === 'saw the newest configuration') d.configRevision = d.etcd.changedAt
      else return false
      return true
    case 'self':
      Object.assign(d.self, readClauses(key, text, d.nowMs, selfForms))
      return true
    case 'tags':
      Object.assign(d.tags, readClauses(key, text, d.nowMs, tagForms))
      return true
    case 'postgres':
      Object.assign(d.postgres, readClauses(key, text, d.nowMs, postgresForms))
      return true
    case 'memory':
      Object.assign(d.memory, readClauses(key, text, d.nowMs, memoryForms))
      return true
    case 'stop':
      d.stopRequested = text === 'requested'
      return true
    default:
      return readMomentLine(key, text, d)
  }
}
