// What somebody asked of this node and what can be answered at once: a schedule taken or deleted, a request refused. And a
// scheduled restart whose time is over. What is to be done is left to the rules of the situation (spec/ha.md 3.15).

import type { Action } from '../../model/decision/action.ts'
import type { Order, OrderAnswer, ScheduledRestart } from '../../model/decision/order.ts'
import { mayEndEarly, type Work } from '../../model/decision/work.ts'
import { type Facts, seconds, server } from '../facts.ts'
import {
  dueRestart,
  isLeader,
  nobodyLeads,
  type OrderOf,
  orderOf,
  reinitObjection,
  restartedSince,
  restartObjection,
  scheduleText,
  staleForMs,
  unmetFilter,
} from '../order-facts.ts'
import { type Choice, type Rule, rule } from '../rule.ts'
import type { SituationName } from '../situation.ts'

/** `place`: the situation in which this node is without the work in progress. */
export interface AskedFacts extends Facts {
  readonly place: SituationName
}

const orderRules: readonly Rule<AskedFacts>[] = [
  rule({
    id: 'asked.agent-stops',
    why: 'nothing is begun by an agent that stops',
    log: 'event',
    match: f => (f.snap.stopRequested ? anyOrder(f) : null),
    choose: (_, order) => refuse(order, { is: 'refused', why: 'the agent is being stopped' }),
  }),
  rule({
    id: 'asked.schedule-paused',
    why: 'nothing is scheduled for a time at which somebody may still be at work',
    log: 'event',
    match: f => (f.snap.settings.paused ? orderOf(f, 'schedule-restart') : null),
    choose: (_, order) => refuse(order, { is: 'paused' }),
  }),
  rule({
    id: 'asked.schedule-twice',
    why: 'one scheduled restart a node: a second one would replace what somebody else counts on',
    log: 'event',
    match: f => (f.memory.scheduledRestart === null ? null : orderOf(f, 'schedule-restart')),
    choose: (_, order) => refuse(order, { is: 'already-scheduled' }),
  }),
  rule({
    id: 'asked.schedule',
    why: 'a restart at a time of its own is kept in memory and shown in the member key',
    log: 'event',
    match: f => orderOf(f, 'schedule-restart'),
    choose: scheduleRestart,
  }),
  rule({
    id: 'asked.unschedule',
    why: 'whoever scheduled a restart may take it back',
    log: 'event',
    match: ({ memory: { scheduledRestart }, snap }) => {
      const order = orderOf({ snap }, 'delete-scheduled-restart')
      return order !== null && scheduledRestart !== null && { order, scheduledRestart }
    },
    choose: (_, { order, scheduledRestart }) => ({
      reason: `the restart scheduled for ${scheduleText(scheduledRestart)} is deleted, as ${order.by} asked`,
      actions: [answer(order, { is: 'deleted' })],
      remember: { scheduledRestart: null },
    }),
  }),
  rule({
    id: 'asked.nothing-scheduled',
    why: 'nothing to delete',
    log: 'event',
    match: f => orderOf(f, 'delete-scheduled-restart'),
    choose: (_, order) => refuse(order, { is: 'nothing-scheduled' }),
  }),
  rule({
    id: 'asked.conditions',
    why: 'a restart with conditions is only for a node that meets them',
    log: 'event',
    match: f => {
      const order = orderOf(f, 'restart')
      const why = order === null ? null : unmetFilter(f, order.filters)
      return order !== null && why !== null && { order, why }
    },
    choose: (_, { order, why }) => refuse(order, { is: 'conditions', why }),
  }),
  rule({
    id: 'asked.reinit-without-leader',
    why: 'without a leader the data here may be what the cluster goes on with',
    log: 'event',
    match: f => (nobodyLeads(f) ? orderOf(f, 'reinitialize') : null),
    choose: (_, order) => refuse(order, { is: 'no-leader' }),
  }),
  rule({
    id: 'asked.reinit-leader',
    why: "the leader's data is what everybody else copies",
    log: 'event',
    match: f => (isLeader(f) ? orderOf(f, 'reinitialize') : null),
    choose: (_, order) => refuse(order, { is: 'leader' }),
  }),
  rule({
    id: 'asked.busy',
    why: 'one long piece of work at a time; only a reinitialization may be forced, and only work that may be left half done is cancelled for it',
    log: 'event',
    match: f => {
      const { work } = f.snap
      const order = orderOf(f, 'restart') ?? orderOf(f, 'reinitialize')
      return work !== null && order !== null && !mayCancelFor(order, work) && { order, work }
    },
    choose: (_, { order, work }) => refuse(order, { is: 'busy', why: `${taskOf(work)} already in progress` }),
  }),
  rule({
    id: 'asked.refused',
    why: 'what would endanger the data or the cluster is not begun, and whoever asked learns why',
    level: 'warning',
    log: 'event',
    match: f => {
      const order = orderOf(f, 'restart') ?? orderOf(f, 'reinitialize')
      if (order === null) return null
      const objection = order.kind === 'restart' ? restartObjection : reinitObjection
      const why = objection(f, f.place)
      return why !== null && { order, why }
    },
    choose: (_, { order, why }) => refuse(order, { is: 'refused', why }),
  }),
]

const scheduleRules: readonly Rule<AskedFacts>[] = [
  rule({
    id: 'asked.schedule-overtaken',
    why: 'PostgreSQL was restarted since: what the scheduled restart was for has happened',
    log: 'event',
    match: f => {
      const { scheduledRestart } = f.memory
      if (scheduledRestart === null || f.snap.work !== null) return null
      const since = restartedSince(scheduledRestart, f)
      return since !== null && { scheduledRestart, since }
    },
    choose: (_, { scheduledRestart, since }) =>
      unschedule(scheduledRestart, `cancelled: PostgreSQL was started at ${since}`),
  }),
  rule({
    id: 'asked.schedule-stale',
    why: 'a schedule that nobody was there to keep is not kept later, when nobody expects it',
    level: 'warning',
    log: 'event',
    match: f => {
      const due = dueRestart(f)
      const lateMs = due === null ? null : staleForMs(due, f)
      return due !== null && lateMs !== null && { due, lateMs }
    },
    choose: (_, { due, lateMs }) => unschedule(due, `dropped: that was ${seconds(lateMs)} ago`),
  }),
  rule({
    id: 'asked.schedule-unmet',
    why: 'a restart with conditions is only for a node that meets them when its time has come',
    level: 'warning',
    log: 'event',
    match: f => objectedSchedule(f, due => unmetFilter(f, due.filters)),
    choose: (_, { due, why }) => unschedule(due, `dropped: ${why}`),
  }),
  rule({
    id: 'asked.schedule-refused',
    why: 'what would be refused to somebody who asks now is not done because it was asked for before',
    level: 'warning',
    log: 'event',
    match: f => objectedSchedule(f, () => restartObjection(f, f.place)),
    choose: (_, { due, why }) => unschedule(due, `dropped: ${why}`),
  }),
]

export const askedRules: readonly Rule<AskedFacts>[] = [...orderRules, ...scheduleRules]

function anyOrder({ snap }: Facts): Order | null {
  return snap.order ?? null
}

function answer({ id }: Order, given: OrderAnswer): Action {
  return { kind: 'answer-order', id, answer: given }
}

function refuse(order: Order, given: OrderAnswer): Choice {
  const what = order.kind.replaceAll('-', ' ')
  return {
    reason: `not doing what ${order.by} asked for (${what}): ${inWords(given)}`,
    actions: [answer(order, given)],
  }
}

function unschedule(scheduled: ScheduledRestart, why: string): Choice {
  return {
    reason: `the restart scheduled for ${scheduleText(scheduled)} is ${why}`,
    remember: { scheduledRestart: null },
    next: 'again',
  }
}

/** The scheduled restart that is due where it would be carried out, and what speaks against it; null: nothing does. */
function objectedSchedule(
  facts: AskedFacts,
  objection: (due: ScheduledRestart) => string | null,
): { readonly due: ScheduledRestart; readonly why: string } | null {
  const due = dueRestart(facts)
  if (due === null || facts.snap.work !== null || !isSettled(facts.place)) return null
  const why = objection(due)
  return why === null ? null : { due, why }
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

function scheduleRestart(facts: AskedFacts, order: OrderOf<'schedule-restart'>): Choice {
  const { filters, timeoutMs, atMs, shown, by } = order
  const postmasterStart = server(facts.snap)?.startTime ?? null
  return {
    reason: `a restart is scheduled for ${scheduleText(order)}, as ${by} asked`,
    actions: [answer(order, { is: 'scheduled' })],
    remember: { scheduledRestart: { filters, timeoutMs, atMs, shown, postmasterStart, by } },
  }
}

/** Where a scheduled restart is carried out. */
function isSettled(place: SituationName): boolean {
  return place === 'leader' || place === 'follower'
}

function mayCancelFor(order: Order, work: Work): boolean {
  if (order.kind !== 'reinitialize' || !order.force) return false
  return work.cancelled || mayEndEarly(work.job, 'reinitialize')
}

/** In Patroni's words where it has them: patronictl asks whether to cancel what `reinit` finds in progress. */
function taskOf({ job }: Work): string {
  if (job.kind === 'clone') return job.order === undefined ? 'bootstrap from another member' : 'reinitialize'
  return job.kind
}
