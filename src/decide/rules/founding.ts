// This node's bootstrap has ended: the new cluster is announced in etcd, or its traces are removed (spec/ha.md 3.4.3).

import type { Action } from '../../model/decision/action.ts'
import type { Founding } from '../../model/decision/memory.ts'
import { type ClusterFacts, control, holdsLease, isSystemIdentifier, tried } from '../facts.ts'
import { armAhead, askGuarded } from '../lead/fencing.ts'
import { holdOnMs } from '../lead/lease-rules.ts'
import { watchdogToOpen, whyNotWatched } from '../lead/watchdog.ts'
import { memberRecord } from '../report/own-record.ts'
import { type Rule, rule } from '../rule.ts'

export const foundingRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'founding.superseded',
    why: 'the initialize key is not the one that guarded this bootstrap: another cluster has taken its place',
    level: 'warning',
    match: f => {
      const { founding } = f.memory
      if (founding === null || founding.stage === 'failed' || holdsLease(f.snap)) return null
      const why = supersededBy(founding, f)
      return why !== null && { founding, why }
    },
    choose: (f, { founding: { initializeRevision }, why }) => ({
      reason: `the new cluster is not announced: ${why}`,
      remember: {
        founding: { initializeRevision, stage: 'failed', why },
        lastFailure: { job: 'bootstrap', why, atMs: f.snap.nowMs },
      },
      next: 'again',
    }),
  }),
  rule({
    id: 'founding.clean-up',
    why: 'a failed bootstrap must not block the others: its initialize key is deleted, and its data is set aside for inspection',
    level: 'warning',
    match: f => {
      const key = f.view.initialize
      if (!isFailed(f) || tried(f.snap, 'delete-initialize') || key === null) return null
      return key.value === '' && key.modRevision === f.memory.founding?.initializeRevision && key
    },
    choose: (f, { modRevision }) => ({
      reason: `bootstrap failed (${whyFailed(f)}); removing the initialize key`,
      actions: [{ kind: 'delete-initialize', ifRevision: modRevision }],
    }),
  }),
  rule({
    id: 'founding.set-aside',
    why: 'the data of a failed bootstrap is evidence',
    level: 'warning',
    match: f =>
      isFailed(f) &&
      f.snap.postgres.dataDirectory.kind === 'present' &&
      f.memory.lastFailure?.job !== 'set-aside',
    choose: () => ({
      reason: 'setting aside the data directory of the failed bootstrap',
      actions: [{ kind: 'begin', job: { kind: 'set-aside' } }],
      next: 'settled',
    }),
  }),
  rule({
    id: 'founding.give-up',
    why: 'the next attempt would most likely fail in the same way: an operator has to look',
    level: 'error',
    match: isFailed,
    choose: f => ({
      reason: `failed to bootstrap cluster: ${whyFailed(f)}${whyNotAside(f)}`,
      actions: [
        // Otherwise peers and operators would read that this node is creating the cluster, until its lease has ended.
        { kind: 'publish-member', record: memberRecord(f) },
        { kind: 'exit', code: 1, why: `Failed to bootstrap cluster: ${whyFailed(f)}` },
      ],
      next: 'settled',
    }),
  }),
  rule({
    id: 'founding.wait',
    why: 'the bootstrap still runs, or its server cannot be looked at yet',
    match: f => f.memory.founding?.stage === 'running' || control(f.snap.postgres) === null,
    choose: f => ({ reason: 'waiting for the new server', wakeInMs: holdOnMs(f) }),
  }),
  rule({
    id: 'founding.done',
    why: 'the cluster exists, and this node leads it',
    match: f => holdsLease(f.snap),
    choose: () => ({
      reason: 'initialized a new cluster',
      remember: { founding: null, joined: true, lastRole: 'primary', rejoin: 'follow' },
      next: 'again',
    }),
  }),
  rule({
    id: 'founding.open-watchdog',
    why: 'a leader that is frozen together with its fencer is stopped by the reset of its machine: the fencer is armed first, and the device is open before this node leads',
    match: f => control(f.snap.postgres) !== null && !hasFailed(f) && watchdogToOpen(f),
    choose: (f, request) => ({
      reason: `opening the watchdog ${request.device} with a timeout of ${request.timeoutS} s`,
      actions: [...armAhead(f), { kind: 'open-watchdog', request }],
    }),
  }),
  rule({
    id: 'founding.no-watchdog',
    // spec/ha.md 3.4.3
    why: 'watchdog.mode is required: a node that cannot have it leads no new cluster either',
    level: 'error',
    match: f => {
      const { founding } = f.memory
      const why = founding === null ? null : whyNotWatched(f)
      return founding !== null && why !== null && { founding, why }
    },
    choose: (f, { founding, why: cause }) => {
      const why = `Cancelling bootstrap because watchdog activation failed: ${cause}`
      return {
        reason: why,
        remember: {
          founding: { ...founding, stage: 'failed', why },
          lastFailure: { job: 'bootstrap', why, atMs: f.snap.nowMs },
        },
        next: 'again',
      }
    },
  }),
  rule({
    id: 'founding.announce',
    why: 'identifier, configuration and leader key are written in this order, each guarded and each only once; the fencer is armed before this node can be the leader in etcd',
    match: f => !tried(f.snap, 'take-leader') && !hasFailed(f) && control(f.snap.postgres),
    choose: (f, { systemIdentifier }) => ({
      reason: 'the new server is up; announcing the cluster',
      actions: announcement(f, systemIdentifier),
    }),
  }),
  rule({
    id: 'founding.retry',
    why: 'etcd did not confirm all of the writes, or the fencer could not be armed: the same guarded steps are tried again',
    level: 'warning',
    match: () => true,
    choose: f => ({
      reason: `announcing the new cluster did not succeed: ${f.snap.outcomes
        .map(o => ('why' in o ? o.why : ''))
        .filter(Boolean)
        .join('; ')}`,
      wakeInMs: holdOnMs(f),
    }),
  }),
]

function isFailed({ memory }: ClusterFacts): boolean {
  return memory.founding?.stage === 'failed'
}

function whyFailed({ memory }: ClusterFacts): string {
  return memory.founding?.why ?? memory.lastFailure?.why ?? 'no reason known'
}

function whyNotAside({ memory }: ClusterFacts): string {
  if (memory.lastFailure?.job !== 'set-aside') return ''
  return `; what it left could not be set aside: ${memory.lastFailure.why}`
}

/** What has replaced this node's initialize key; null: nothing, or this node's own identifier. */
function supersededBy({ initializeRevision: ours }: Founding, { view, snap }: ClusterFacts): string | null {
  const key = view.initialize
  if (view.leader !== null && view.leader.name !== snap.self.name)
    return `${view.leader.name} leads a cluster already`
  if (key === null || key.value === control(snap.postgres)?.systemIdentifier) return null
  if (isSystemIdentifier(key.value)) return `the cluster's system identifier is ${key.value}`
  return ours === null || key.modRevision === ours
    ? null
    : `the initialize key has revision ${key.modRevision}, ours had ${ours}`
}

function announcement(facts: ClusterFacts, identifier: string): readonly Action[] {
  const { view, snap } = facts
  const actions: Action[] = []
  if (view.initialize?.value !== identifier) {
    actions.push({
      kind: 'write-initialize',
      value: identifier,
      ifRevision: view.initialize?.modRevision ?? null,
    })
  }
  if (view.config === null)
    actions.push({ kind: 'write-config', document: snap.settings.document, ifRevision: null })
  const ifRevision = view.lastLeader?.modRevision ?? null
  actions.push(...askGuarded(facts, { kind: 'take-leader', ifRevision }))
  return actions
}

/** Something of this beat. Mode `automatic` goes on without a watchdog. */
function hasFailed({ snap }: ClusterFacts): boolean {
  return snap.outcomes.some(({ kind, action }) => kind !== 'done' && action !== 'open-watchdog')
}
