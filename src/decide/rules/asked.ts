// What somebody asked of this node and what can be answered at once: a schedule taken or deleted, a request refused. And a
// scheduled restart whose time is over. What is to be done is left to the rules of the situation (spec/ha.md 3.15).

import type { Order, OrderAnswer, ScheduledRestart } from '../../model/order.ts'
import { mayEndEarly } from '../../model/work.ts'
import { type Facts, seconds, server } from '../facts.ts'
import {
  isDue,
  isLeader,
  nobodyLeads,
  orderOf,
  reinitObjection,
  restartedSince,
  restartObjection,
  staleForMs,
  unmetFilter,
} from '../orders.ts'
import type { Choice, Rule } from '../rule.ts'
import type { SituationName } from '../situation.ts'

/** `place`: the situation in which this node is without the work in progress. */
export interface AskedFacts extends Facts {
  readonly place: SituationName
}

const orderRules: readonly Rule<AskedFacts>[] = [
  {
    id: 'asked.agent-stops',
    why: 'nothing is begun by an agent that stops',
    log: 'event',
    when: f => (f.snap.order ?? null) !== null && f.snap.stopRequested,
    choose: f => refuse(f, { is: 'refused', why: 'the agent is being stopped' }),
  },
  {
    id: 'asked.schedule-paused',
    why: 'nothing is scheduled for a time at which somebody may still be at work',
    log: 'event',
    when: f => orderOf(f, 'schedule-restart') !== null && f.snap.settings.paused,
    choose: f => refuse(f, { is: 'paused' }),
  },
  {
    id: 'asked.schedule-twice',
    why: 'one scheduled restart a node: a second one would replace what somebody else counts on',
    log: 'event',
    when: f => orderOf(f, 'schedule-restart') !== null && f.memory.scheduledRestart !== null,
    choose: f => refuse(f, { is: 'already-scheduled' }),
  },
  {
    id: 'asked.schedule',
    why: 'a restart at a time of its own is kept in memory and shown in the member key',
    log: 'event',
    when: f => orderOf(f, 'schedule-restart') !== null,
    choose: scheduleRestart,
  },
  {
    id: 'asked.unschedule',
    why: 'whoever scheduled a restart may take it back',
    log: 'event',
    when: f => orderOf(f, 'delete-scheduled-restart') !== null && f.memory.scheduledRestart !== null,
    choose: f => ({
      reason: `the restart scheduled for ${scheduledText(f)} is deleted, as ${by(f)} asked`,
      actions: [answer(f, { is: 'deleted' })],
      remember: { scheduledRestart: null },
    }),
  },
  {
    id: 'asked.nothing-scheduled',
    why: 'nothing to delete',
    log: 'event',
    when: f => orderOf(f, 'delete-scheduled-restart') !== null,
    choose: f => refuse(f, { is: 'nothing-scheduled' }),
  },
  {
    id: 'asked.conditions',
    why: 'a restart with conditions is only for a node that meets them',
    log: 'event',
    when: f => unmet(f) !== null,
    choose: f => refuse(f, { is: 'conditions', why: unmet(f) ?? '' }),
  },
  {
    id: 'asked.reinit-without-leader',
    why: 'without a leader the data here may be what the cluster goes on with',
    log: 'event',
    when: f => orderOf(f, 'reinitialize') !== null && nobodyLeads(f),
    choose: f => refuse(f, { is: 'no-leader' }),
  },
  {
    id: 'asked.reinit-leader',
    why: "the leader's data is what everybody else copies",
    log: 'event',
    when: f => orderOf(f, 'reinitialize') !== null && isLeader(f),
    choose: f => refuse(f, { is: 'leader' }),
  },
  {
    id: 'asked.busy',
    why: 'one long piece of work at a time; only a reinitialization may be forced, and only work that may be left half done is cancelled for it',
    log: 'event',
    when: isBusy,
    choose: f => refuse(f, { is: 'busy', why: `${taskOf(f)} already in progress` }),
  },
  {
    id: 'asked.refused',
    why: 'what would endanger the data or the cluster is not begun, and whoever asked learns why',
    level: 'warning',
    log: 'event',
    when: f => objection(f) !== null,
    choose: f => refuse(f, { is: 'refused', why: objection(f) ?? '' }),
  },
]

const scheduleRules: readonly Rule<AskedFacts>[] = [
  {
    id: 'asked.schedule-overtaken',
    why: 'PostgreSQL was restarted since: what the scheduled restart was for has happened',
    log: 'event',
    when: f => restartedSince(f) !== null && f.snap.work === null,
    choose: f => ({
      reason: `the restart scheduled for ${scheduledText(f)} is cancelled: PostgreSQL was started at ${restartedSince(f)}`,
      remember: { scheduledRestart: null },
      next: 'again',
    }),
  },
  {
    id: 'asked.schedule-stale',
    why: 'a schedule that nobody was there to keep is not kept later, when nobody expects it',
    level: 'warning',
    log: 'event',
    when: f => staleForMs(f) !== null,
    choose: f => ({
      reason: `the restart scheduled for ${scheduledText(f)} is dropped: that was ${seconds(staleForMs(f) ?? 0)} ago`,
      remember: { scheduledRestart: null },
      next: 'again',
    }),
  },
  {
    id: 'asked.schedule-unmet',
    why: 'a restart with conditions is only for a node that meets them when its time has come',
    level: 'warning',
    log: 'event',
    when: f => isDue(f) && f.snap.work === null && isSettled(f.place) && unmetSchedule(f) !== null,
    choose: f => ({
      reason: `the restart scheduled for ${scheduledText(f)} is dropped: ${unmetSchedule(f)}`,
      remember: { scheduledRestart: null },
      next: 'again',
    }),
  },
  {
    id: 'asked.schedule-refused',
    why: 'what would be refused to somebody who asks now is not done because it was asked for before',
    level: 'warning',
    log: 'event',
    when: f =>
      isDue(f) && f.snap.work === null && isSettled(f.place) && restartObjection(f, f.place) !== null,
    choose: f => ({
      reason: `the restart scheduled for ${scheduledText(f)} is dropped: ${restartObjection(f, f.place)}`,
      remember: { scheduledRestart: null },
      next: 'again',
    }),
  },
]

export const askedRules: readonly Rule<AskedFacts>[] = [...orderRules, ...scheduleRules]

function order({ snap }: Facts): Order {
  if (snap.order === undefined || snap.order === null) throw new Error('nothing was asked')
  return snap.order
}

function by(facts: Facts): string {
  return order(facts).by
}

function answer(facts: Facts, given: OrderAnswer): NonNullable<Choice['actions']>[number] {
  return { kind: 'answer-order', id: order(facts).id, answer: given }
}

function refuse(facts: Facts, given: OrderAnswer): Choice {
  return { reason: `${asked(facts)}: ${inWords(given)}`, actions: [answer(facts, given)] }
}

function asked(facts: Facts): string {
  const what = order(facts).kind.replaceAll('-', ' ')
  return `not doing what ${by(facts)} asked for (${what})`
}

function inWords(given: OrderAnswer): string {
  if ('why' in given) return given.why
  switch (given.is) {
    case 'paused':
      return 'maintenance mode is on'
    case 'already-scheduled':
      return 'another restart is scheduled'
    case 'nothing-scheduled':
      return 'none is scheduled'
    case 'no-leader':
      return 'the cluster has no leader'
    case 'leader':
      return 'this node is the leader'
    default:
      return given.is
  }
}

function scheduleRestart(facts: AskedFacts): Choice {
  const asking = orderOf(facts, 'schedule-restart')
  if (asking === null) throw new Error('no restart to schedule')
  const { filters, timeoutMs, atMs, shown } = asking
  const postmasterStart = server(facts.snap)?.startTime ?? null
  const scheduledRestart: ScheduledRestart = {
    ...{ filters, timeoutMs, atMs, shown, postmasterStart },
    by: asking.by,
  }
  return {
    reason: `a restart is scheduled for ${String(shown.schedule)}, as ${asking.by} asked`,
    actions: [answer(facts, { is: 'scheduled' })],
    remember: { scheduledRestart },
  }
}

function scheduledText({ memory }: Facts): string {
  return String(memory.scheduledRestart?.shown.schedule ?? '')
}

function unmet(facts: Facts): string | null {
  const restart = orderOf(facts, 'restart')
  return restart === null ? null : unmetFilter(facts, restart.filters)
}

function unmetSchedule(facts: Facts): string | null {
  const { scheduledRestart } = facts.memory
  return scheduledRestart === null ? null : unmetFilter(facts, scheduledRestart.filters)
}

/** Where a scheduled restart is carried out. */
function isSettled(place: SituationName): boolean {
  return place === 'leader' || place === 'follower'
}

function isBusy(facts: AskedFacts): boolean {
  const { work } = facts.snap
  if (work === null) return false
  if (orderOf(facts, 'restart') !== null) return true
  const reinit = orderOf(facts, 'reinitialize')
  if (reinit === null) return false
  return !reinit.force || !(work.cancelled || mayEndEarly(work.job, 'reinitialize'))
}

/** In Patroni's words where it has them: patronictl asks whether to cancel what `reinit` finds in progress. */
function taskOf({ snap }: Facts): string {
  const job = snap.work?.job
  if (job?.kind === 'clone') return job.order === undefined ? 'bootstrap from another member' : 'reinitialize'
  return job?.kind ?? 'nothing'
}

function objection(facts: AskedFacts): string | null {
  if (orderOf(facts, 'restart') !== null) return restartObjection(facts, facts.place)
  return orderOf(facts, 'reinitialize') === null ? null : reinitObjection(facts, facts.place)
}
