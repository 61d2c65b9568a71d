// The notation of a case, third part: what holds at this moment. The lease and its fencer, long work in progress or just
// ended, and what the actions of this beat came to so far.

import type { Divergence } from '../../../src/model/cluster/divergence.ts'
import type { Outcome } from '../../../src/model/decision/outcome.ts'
import type { Job } from '../../../src/model/decision/work.ts'
import { revision } from '../../../src/model/revision.ts'
import type { Progress } from '../../../src/model/server/progress.ts'
import { DEFAULT_LSN, type Draft, SYSTEM_IDENTIFIER } from './draft.ts'
import { readFailsafe } from './forms-failsafe.ts'
import { configurationForms, readOrder } from './forms-orders.ts'
import { vitalsForms } from './forms-vitals.ts'
import { readWatchdog } from './forms-watchdog.ts'
import { readAction } from './names.ts'
import { type Form, positionAt, readClauses, readDuration, readSwitches } from './units.ts'

/** false: not such a line. */
export function readMomentLine(key: string, text: string, d: Draft): boolean {
  switch (key) {
    case 'lease':
      readLease(text, d)
      return true
    case 'failsafe':
      readFailsafe(text, d)
      return true
    case 'fencer':
      readFencer(text, d)
      return true
    case 'watchdog':
      readWatchdog(text, d)
      return true
    case 'recovery': {
      const [change = '', ...differing] = text.split(/\s+/)
      if (change === 'unknown') d.recovery = 'unknown'
      else if (change === 'none' || change === 'reload' || change === 'restart')
        d.recovery = { change, differing }
      else throw new Error(`recovery settings need none, reload or restart, not ${change}`)
      return true
    }
    case 'comparison':
      d.divergence = readComparison(text)
      return true
    case 'own-history':
      d.ownHistory = readSwitches(text)
      return true
    case 'work':
      d.work = readWork(text, d)
      return true
    case 'configuration':
      Object.assign(d, {
        configuration: { ...d.configuration, ...readClauses(key, text, d.nowMs, configurationForms) },
      })
      return true
    case 'vitals':
      Object.assign(d.vitals, readClauses(key, text, d.nowMs, vitalsForms))
      return true
    case 'asked':
      d.order = readOrder(text)
      return true
    case 'finished':
      d.finished = readFinished(text, d)
      return true
    case 'outcome':
      d.outcomes.push(readOutcome(text))
      return true
    default:
      return false
  }
}

/** `25s left`, `none`, `id 109`, `id 109, 25s left`. */
function readLease(text: string, d: Draft): void {
  const forms: readonly Form<Draft>[] = [
    [/^(\S+) left$/, ([time = '']) => ({ leaderLeftMs: readDuration(time) })],
    [/^none$/, () => ({ leaseId: null })],
    [/^made for (\S+)$/, ([time = '']) => ({ leaseTtlMs: readDuration(time) })],
    [/^id (\d+)$/, ([id = '']) => ({ leaseId: id })],
  ]
  Object.assign(d, readClauses('lease', text, d.nowMs, forms))
}

function readFencer(text: string, d: Draft): void {
  const armed = /^armed for (\S+?)(, another server)?$/.exec(text)
  if (armed !== null)
    d.fencer = {
      alive: true,
      armedForMs: readDuration(armed[1] ?? ''),
      sameServer: armed[2] === undefined,
      formerMayAct: false,
    }
  else if (['dead', 'idle', 'of a former agent'].includes(text))
    d.fencer = {
      alive: text === 'idle',
      armedForMs: null,
      sameServer: true,
      formerMayAct: text === 'of a former agent',
    }
  else throw new Error(`the fencer is armed for a time, idle, dead or of a former agent, not ${text}`)
}

function readComparison(text: string): Draft['divergence'] {
  const unknown = /^unknown \((.*)\)$/.exec(text)
  if (unknown !== null) return { unknown: unknown[1] ?? '' }
  const match = /^(same|ancestor|diverged|twin|unproved) on timeline (\d+)(?: \((.*)\))?$/.exec(text)
  if (match === null) throw new Error(`not a comparison: ${text}`)
  const verdict = match[1] as Divergence['verdict']
  return { verdict, timeline: Number(match[2]), ...(match[3] === undefined ? {} : { why: match[3] }) }
}

function readWork(text: string, d: Draft): Draft['work'] {
  const match = /^(.+?) for (\S+?)(, cancelled)?(?:, (.+))?$/.exec(text)
  if (match === null) throw new Error(`not work: ${text}`)
  const [, job = '', time = '', cancelled, phase] = match
  return {
    job: readJob(job),
    startedAtMs: d.nowMs - readDuration(time),
    progress: phase === undefined ? null : readProgress(phase),
    cancelled: cancelled !== undefined,
  }
}

/** `shut down at 0/5000028`: the control file said so, and the last processes linger. Any other text is the phase. */
function readProgress(text: string): Progress {
  const shutDown = /^shut down at (\S+)$/.exec(text)
  return shutDown === null
    ? { phase: text }
    : { phase: 'shut down', stoppedAt: positionAt(shutDown[1] ?? '') }
}

/** `stop ok at 0/5000028`, `rewind failed (why), damaged`, `clone cancelled`. */
function readFinished(text: string, d: Draft): Draft['finished'] {
  const match =
    /^(.+?) (?:(ok)|failed \((.*?)\)(?: remedy (.+?))?|(cancelled))(, damaged)?(?: at (\S+))?$/.exec(text)
  if (match === null) throw new Error(`not finished work: ${text}`)
  const [, job = '', ok, why, remedy, cancelled, damaged, lsn] = match
  return {
    job: readJob(job),
    ok: ok !== undefined,
    why: why ?? (cancelled === undefined ? '' : 'cancelled'),
    ...(remedy === undefined ? {} : { remedy }),
    cancelled: cancelled !== undefined,
    finishedAtMs: d.nowMs,
    position: lsn === undefined ? null : positionAt(lsn),
    damaged: damaged !== undefined,
  }
}

const from = { name: 'pg1', host: '10.0.0.1', port: 5432, slot: null }

export function readJob(text: string): Job {
  const jobs: Readonly<Record<string, Job>> = {
    bootstrap: { kind: 'bootstrap', initializeRevision: revision(2) },
    clone: { kind: 'clone', from, upstream: from, replaces: null },
    'start primary': { kind: 'start', as: 'primary', upstream: null, timeoutMs: 60_000 },
    'start standby': { kind: 'start', as: 'standby', upstream: from, timeoutMs: 60_000 },
    follow: { kind: 'follow', upstream: from },
    restart: { kind: 'restart', as: 'standby', upstream: from, timeoutMs: 60_000 },
    'restart primary': { kind: 'restart', as: 'primary', upstream: null, timeoutMs: 60_000 },
    'restart primary without a guard': {
      kind: 'restart',
      as: 'primary',
      upstream: null,
      timeoutMs: 60_000,
      unguarded: true,
    },
    reinitialize: {
      kind: 'clone',
      from,
      upstream: from,
      replaces: 'pg_admin asked for a new copy',
      order: 'o0',
    },
    promote: {
      kind: 'promote',
      timeoutMs: 60_000,
      note: { systemIdentifier: SYSTEM_IDENTIFIER, from: 1, at: DEFAULT_LSN },
      skips: [],
    },
    stop: { kind: 'stop', mode: 'fast', checkpoint: false, timeoutMs: null },
    'stop-orphans': { kind: 'stop-orphans' },
    'crash-recovery': { kind: 'crash-recovery' },
    rewind: { kind: 'rewind', from },
    'remove-data': { kind: 'remove-data', why: 'asked for' },
    'set-aside': { kind: 'set-aside' },
  }
  const job = jobs[text]
  if (job === undefined) throw new Error(`no such job: ${text}`)
  return job
}

function readOutcome(text: string): Outcome {
  const match =
    /^(\S+) (?:(done)|refused by (\S+)|refused \((.*)\)|unreachable \((.*)\)|failed \((.*)\))$/.exec(text)
  if (match === null) throw new Error(`not an outcome: ${text}`)
  const [, name = '', done, holder, refused, unreachable, failed] = match
  const action = readAction(name)
  if (done !== undefined) return { kind: 'done', action }
  if (holder !== undefined) {
    const who = holder === 'nobody' ? null : holder
    return { kind: 'refused', action, holder: who, why: `the leader key is held by ${holder}` }
  }
  if (refused !== undefined) return { kind: 'refused', action, holder: null, why: refused }
  if (unreachable !== undefined) return { kind: 'unreachable', action, why: unreachable }
  return { kind: 'failed', action, why: failed ?? '' }
}
