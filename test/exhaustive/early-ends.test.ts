// Which rule may end which job before its own end: the whole table, gathered from every decision about every job in the
// small world. What must end (a removal, a set-aside) is in no line of it.

import { expect, test } from 'vitest'
import { decide } from '../../src/decide/decide.ts'
import type { Job } from '../../src/model/decision/work.ts'
import { busyWorlds, jobs } from './worlds.ts'

const TABLE = {
  'busy.overtaken': [
    'clone',
    'crash-recovery',
    'follow',
    'promote',
    'restart primary',
    'restart standby',
    'rewind',
    'start primary',
    'start standby',
  ],
  'busy.lost-lease': ['promote', 'restart primary', 'start primary'],
  'busy.lost-lease-as-primary': [
    'clone',
    'crash-recovery',
    'follow',
    'restart standby',
    'rewind',
    'start standby',
  ],
  'busy.handover-end-stop': ['stop'],
  'stopping.cancel-work': [
    'bootstrap',
    'clone',
    'clone replacing data',
    'crash-recovery',
    'follow',
    'promote',
    'restart primary',
    'restart standby',
    'rewind',
    'start primary',
    'start standby',
  ],
}

test('every rule that cancels work, and the jobs that it cancels', () => {
  const cancelled = new Map<string, Set<string>>()
  const seen = new Set<string>()
  for (const { snap, memory } of busyWorlds()) {
    const job = snap.work?.job
    if (job === undefined) continue
    seen.add(nameOf(job))
    const decision = decide(snap, memory)
    if (!decision.actions.some(action => action.kind === 'cancel-work')) continue
    cancelled.set(decision.rule, (cancelled.get(decision.rule) ?? new Set()).add(nameOf(job)))
  }
  const found = Object.fromEntries([...cancelled].map(([rule, names]) => [rule, [...names].sort()]))
  expect(found).toEqual(TABLE)
  expect([...seen].sort()).toEqual(jobs.map(nameOf).sort())
}, 300_000)

function nameOf(job: Job): string {
  if (job.kind === 'start' || job.kind === 'restart') return `${job.kind} ${job.as}`
  return job.kind === 'clone' && job.replaces !== null ? 'clone replacing data' : job.kind
}
