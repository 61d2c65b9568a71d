// Orders that are answered at once: a schedule is accepted or deleted, a request is refused. Also a scheduled restart
// that must be dropped. The restart or copy itself is begun by the rules of the situation that the node is in
// (spec/ha.md 3.15).

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

/** `place`: the situation that this node would be in without the order and the work in progress. */
export interface AskedFacts extends Facts {
  readonly place: SituationName
}

const orderRules: readonly Rule<AskedFacts>[] = [
  rule({
    id: 'asked.agent-stops',
    why: 'an agent that is being stopped begins nothing',
    log: 'event',
    match: f => (f.snap.stopRequested ? anyOrder(f) : null),
    choose: (_, order) => refuse(order, { is: 'refused', why: 'the agent is being stopped' }),
  }),
  rule({
    id: 'asked.schedule-paused',
    why: 'nothing is scheduled for a time at which an operator may still be at work',
    log: 'event',
    match: f => (f.snap.settings.paused ? orderOf(f, 'schedule-restart') : null),
    choose: (_, order) => refuse(order, { is: 'paused' }),
  }),
  rule({
    id: 'asked.schedule-twice',
    why: 'one scheduled restart per node: a second one would replace a restart that somebody else counts on',
    log: 'event',
    match: f => (f.memory.scheduledRestart === null ? null : orderOf(f, 'schedule-restart')),
    choose: (_, order) => refuse(order, { is: 'already-scheduled' }),
  }),
  rule({
    id: 'asked.schedule',
    why: 'a scheduled restart is kept in memory and shown in the member key',
    log: 'event',
    match: f => orderOf(f, 'schedule-restart'),
    choose: scheduleRestart,
  }),
  rule({
    id: 'asked.unschedule',
    why: 'a scheduled restart can be deleted',
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
    why: 'there is nothing to delete',
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
    why: 'without a leader, the cluster may have to go on with the data of this node',
    log: 'event',
    match: f => (nobodyLeads(f) ? orderOf(f, 'reinitialize') : null),
    choose: (_, order) => refuse(order, { is: 'no-leader' }),
  }),
  rule({
    id: 'asked.reinit-leader',
    why: "the other members copy the leader's data",
    log: 'event',
    match: f => (isLeader(f) ? orderOf(f, 'reinitialize') : null),
    choose: (_, order) => refuse(order, { is: 'leader' }),
  }),
  rule({
    id: 'asked.busy',
    why: 'one long piece of work at a time; only a reinitialization can be forced, and it cancels only work that may be left half done',
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
    why: 'an order that would endanger the data or the cluster is refused, with the reason',
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
    why: 'PostgreSQL was restarted since then, so the scheduled restart is no longer needed',
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
    why: 'a restart whose time was missed is not made up for later, when nobody expects it',
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
    why: 'a scheduled restart with conditions is only for a node that meets them when it is due',
    level: 'warning',
    log: 'event',
    match: f => objectedSchedule(f, due => unmetFilter(f, due.filters)),
    choose: (_, { due, why }) => unschedule(due, `dropped: ${why}`),
  }),
  rule({
    id: 'asked.schedule-refused',
    why: 'a scheduled restart is dropped if the same order would be refused now',
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

/** The scheduled restart that is due, with the objection to it; null: there is none, or it would not be begun here. */
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

/** A scheduled restart begins only in these situations. */
function isSettled(place: SituationName): boolean {
  return place === 'leader' || place === 'follower'
}

function mayCancelFor(order: Order, work: Work): boolean {
  if (order.kind !== 'reinitialize' || !order.force) return false
  return work.cancelled || mayEndEarly(work.job, 'reinitialize')
}

/** In Patroni's words where it has some: patronictl asks whether to cancel the work that `reinit` finds in progress. */
function taskOf({ job }: Work): string {
  if (job.kind === 'clone') return job.order === undefined ? 'bootstrap from another member' : 'reinitialize'
  return job.kind
}
