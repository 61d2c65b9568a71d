// What is wrong with a node, in one sentence: when it is said, when not, and which of two is.

import { expect, test } from 'vitest'
import { remember } from '../../src/decide/remember.ts'
import { trouble } from '../../src/decide/report/trouble.ts'
import { revision } from '../../src/model/revision.ts'
import type { DiskView, VitalsView } from '../../src/model/server/vitals.ts'
import { build } from './notation/build.ts'
import { type Draft, newDraft } from './notation/draft.ts'

/** As pg2, a standby of pg1, unless `change` says otherwise. */
function said(change: (draft: Draft) => void): string | null {
  const draft = newDraft('pg2')
  draft.etcd.leader = { name: 'pg1', leaseId: '101', modRevision: revision(40) }
  change(draft)
  const found = trouble(build(draft))
  return found === null ? null : `${found.id}: ${found.text}`
}

const STOPPED = { process: 'stopped', serverUnknown: 'PostgreSQL is not running' } as const
const NOW = 1_000_000
const NO_VITALS: VitalsView = {
  knocks: { unansweredSinceMs: null, asked: 'connection', unansweredTotalMs: 0 },
  disks: [],
  failingTotalMs: 0,
}

test.each<readonly [string, (draft: Draft) => void, string | null]>([
  ['a healthy standby', () => {}, null],
  [
    'etcd is away',
    ({ etcd }) => {
      etcd.unknown = 'etcd1:2379 refuses connections'
    },
    'etcd: etcd is not reachable: etcd1:2379 refuses connections',
  ],
  [
    'a configuration that cannot be used, where another one was seen',
    ({ etcd }) => {
      etcd.configUnusable = 'not JSON, or too large'
    },
    'configuration: the configuration in etcd cannot be used (not JSON, or too large): the last good one stays in force. HINT: hactl edit-config --replace FILE',
  ],
  [
    'the same at a start',
    draft => {
      draft.etcd.configUnusable = 'not a JSON object'
      draft.settingsConfirmed = false
    },
    'configuration: the configuration in etcd cannot be used (not a JSON object), so this node does not lead and is no healthy replica. HINT: hactl edit-config --replace FILE',
  ],
  [
    'settings that could not be written',
    draft => {
      const failure = { wanted: 2, why: 'settings not written: no space left on device', atMs: NOW - 1000 }
      draft.configuration = { ...draft.configuration, wanted: 2, failure }
    },
    'configuration: the configuration is not applied: settings not written: no space left on device',
  ],
  [
    'settings that take a moment',
    draft => {
      draft.configuration = { ...draft.configuration, wanted: 2, applyingSinceMs: NOW - 9_000 }
    },
    null,
  ],
  [
    'settings on a disk that hangs',
    draft => {
      draft.configuration = { ...draft.configuration, wanted: 2, applyingSinceMs: NOW - 10_000 }
    },
    'configuration: the configuration is not applied: its files have not been written for more than 10 s. HINT: Look for a disk that does not answer',
  ],
  [
    'a configuration file that was refused',
    draft => {
      draft.configuration = { ...draft.configuration, refusedFile: '/etc/pg1.yml:3: scope: is missing' }
    },
    'configuration: the configuration file was refused, an older one is in force: /etc/pg1.yml:3: scope: is missing',
  ],
  [
    'a directory that cannot be read',
    ({ postgres }) =>
      Object.assign(postgres, {
        process: 'stopped',
        directory: 'inaccessible',
        directoryWhy: 'EACCES: permission denied',
      }),
    'data-directory: the data directory is not accessible: EACCES: permission denied',
  ],
  [
    'a start that failed',
    ({ postgres, memory }) => {
      Object.assign(postgres, STOPPED)
      memory.lastFailure = { job: 'start', why: 'FATAL: no', atMs: NOW - 60_000 }
    },
    'work-failed: start failed: FATAL: no',
  ],
  [
    'a start that failed three times',
    ({ postgres, memory }) => {
      Object.assign(postgres, STOPPED)
      memory.startFailures = 3
      memory.lastFailure = { job: 'start', why: 'FATAL: no', atMs: NOW - 60_000 }
    },
    'work-failed: start failed 3 times: FATAL: no',
  ],
  [
    'a start that failed before the server came up all the same',
    ({ memory }) => {
      memory.lastFailure = { job: 'start', why: 'FATAL: no', atMs: NOW - 60_000 }
    },
    null,
  ],
  [
    'data that pg_rewind cannot mend',
    ({ postgres, memory }) => {
      Object.assign(postgres, STOPPED, { checksums: false })
      memory.rejoin = 'diverged'
    },
    'diverged: the local data left the history of leader pg1: it cannot follow, and pg_rewind needs data checksums or wal_log_hints; what was written here since is kept',
  ],
  [
    'data that a copy replaces by itself',
    ({ postgres, memory, self }) => {
      Object.assign(postgres, STOPPED, { checksums: false })
      memory.rejoin = 'diverged'
      self.removeDataOnDivergedTimelines = true
    },
    null,
  ],
  [
    'a server that says nothing, for a moment',
    ({ postgres, memory }) => {
      Object.assign(postgres, { readiness: 'unknown', serverUnknown: 'no answer within 2446 ms' })
      memory.silentSinceMs = NOW - 9000
    },
    null,
  ],
  [
    'a server that says nothing, in a sentence that stays the same',
    ({ postgres, memory }) => {
      Object.assign(postgres, { readiness: 'unknown', serverUnknown: 'no answer within 2446 ms' })
      memory.silentSinceMs = NOW - 60_000
    },
    'no-answer: PostgreSQL runs, but has not answered for more than 10 s',
  ],
  [
    'a server that lets nobody in, and therefore cannot be compared with the leader',
    ({ postgres, memory, etcd }) => {
      Object.assign(postgres, { readiness: 'accepting', serverUnknown: 'could not write init file' })
      etcd.leader = { name: 'pg3', leaseId: '101', modRevision: revision(40) }
      memory.rejoin = 'check'
      const why = 'the local server does not answer: could not write init file'
      const asked = { why, isLasting: false, tries: 1, sinceMs: NOW, retryAtMs: NOW + 1000 }
      memory.undecided = { leader: 'pg3', ...asked }
    },
    'no-access: PostgreSQL runs, but lets no session in: could not write init file',
  ],
  [
    'a server that starts says so in its state',
    draft => {
      Object.assign(draft.postgres, { readiness: 'accepting', serverUnknown: 'starting up' })
      const job = { kind: 'start', as: 'standby', upstream: null, timeoutMs: 60_000 } as const
      draft.work = { job, startedAtMs: NOW - 60_000, progress: null, cancelled: false }
    },
    null,
  ],
  [
    'a mode under which nobody is promoted',
    ({ etcd, settings }) => {
      etcd.leader = null
      settings.standbyCluster = true
    },
    'mode: nobody leads, and this version of hactl promotes nobody with standby_cluster',
  ],
])('%s', (_title, change, expected) => {
  expect(said(change)).toBe(expected)
})

test('since when a server says nothing is remembered until it says something', () => {
  const draft = newDraft('pg2')
  Object.assign(draft.postgres, { readiness: 'unknown', serverUnknown: 'no answer within 2446 ms' })
  const { snap, memory } = build(draft)
  const silent = remember(memory, snap)
  expect(silent.silentSinceMs).toBe(NOW)
  expect(remember(silent, { ...snap, nowMs: NOW + 5000 }).silentSinceMs).toBe(NOW)
  expect(remember(silent, build(newDraft('pg2')).snap).silentSinceMs).toBe(null)
})

test('a sentence is bounded, and is one line', () => {
  const draft = newDraft('pg2')
  Object.assign(draft.postgres, STOPPED)
  draft.memory.lastFailure = { job: 'clone', why: `one\ntwo ${'x'.repeat(300)}`, atMs: NOW }
  const text = trouble(build(draft))?.text ?? ''
  expect([text.length, text.slice(0, 22), text.at(-1)]).toEqual([200, 'clone failed: one two ', '…'])
})

test('a state directory that takes nothing, with its remedy', () => {
  const { snap, memory } = build(newDraft('pg2'))
  const why = `EACCES: permission denied, open '/var/lib/postgresql/${'x'.repeat(100)}/journal.jsonl'`
  expect(trouble({ snap: { ...snap, stateUnwritable: why }, memory })).toEqual({
    id: 'state-directory',
    text: 'the state directory cannot be written (EACCES: permission denied): no decision is recorded, no copy or rewind can begin. HINT: Make it writable, or room on its disk',
  })
  const full = { ...snap, stateUnwritable: 'ENOSPC: no space left on device, write' }
  expect(trouble({ snap: full, memory })?.text).toContain('(ENOSPC: no space left on device)')
})

test('the disks that only the agent needs, and which of the two comes first', () => {
  const { snap, memory } = build(newDraft('pg2'))
  const said = (ownDisks: readonly DiskView[]) =>
    trouble({ snap: { ...snap, vitals: { ...NO_VITALS, ownDisks } }, memory })
  const state = { place: 'state', state: 'hangs', why: 'a write has not come back', forMs: 6000 } as const
  const log = { place: 'log', state: 'full', why: 'No space left on device', forMs: 0 } as const
  expect(said([state, log])).toEqual({
    id: 'state-directory',
    text: 'the disk of the state directory hangs (a write has not come back): PostgreSQL waits when it logs there, no decision is recorded. HINT: Make it writable',
  })
  expect(said([log])?.text).toBe(
    "the disk of the agent's log is full (No space left on device): lines of the log are lost. HINT: Make it writable, or room on it",
  )
  expect(said([])).toBe(null)
})

test('a disk of PostgreSQL comes before that of its log, whichever failed first', () => {
  const { snap, memory } = build(newDraft('pg2'))
  const hangs = { state: 'hangs', why: 'a write has not come back' } as const
  const disks: readonly DiskView[] = [{ ...hangs, place: 'data', forMs: 6000 }]
  const ownDisks: readonly DiskView[] = [{ ...hangs, place: 'state', forMs: 7000, serverLogs: true }]
  expect(trouble({ snap: { ...snap, vitals: { ...NO_VITALS, disks, ownDisks } }, memory })).toEqual({
    id: 'disk',
    text: 'the disk of the data directory hangs (a write has not come back)',
  })
})
