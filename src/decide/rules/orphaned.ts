// A server of this node runs outside its data directory: a former postmaster whose directory was renamed, deleted,
// unmounted or replaced, or the processes of a killed one. It is stopped before anything is started, adopted or
// released (spec/ha.md 8.B15).

import { type ClusterFacts, isRunning, mayLead, runsAsPrimary } from '../facts.ts'
import { lossOf, renewLease, unansweredAndEnding } from '../lead/lease-rules.ts'
import { describeOrphans, keepsKey, mayStopOrphans, stopOrphans, whyFormer } from '../rejoin/former-life.ts'
import { stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'

const LOOK_AGAIN_MS = 1000

export const orphanedRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'orphaned.demote',
    why: 'a primary that etcd does not name stops first, whatever runs beside it',
    level: 'error',
    match: f => runsAsPrimary(f) && !keepsKey(f),
    choose: f => ({
      reason: `the lease is not ours (${lossOf(f)}), and ${describeOrphans(f)} runs besides; stopping PostgreSQL`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'orphaned.stop',
    why: 'a postmaster may outlive its directory and accept writes: it stops before the leader key is released',
    level: 'error',
    match: mayStopOrphans,
    choose: stopOrphans,
  }),
  renewLease('orphaned'),
  rule({
    id: 'orphaned.lease-ends',
    why: 'this node cannot prove its lease while a former server may write, so its own primary stops before another node can lead',
    level: 'error',
    match: f => runsAsPrimary(f) && (!mayLead(f.snap) || unansweredAndEnding(f)),
    choose: f => ({
      reason: `${whyFormer(f)}, and the lease is not ours (${lossOf(f)}); stopping PostgreSQL`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'orphaned.wait',
    why: 'a stop that failed is tried again, and the leader key is not released meanwhile',
    level: 'warning',
    match: () => true,
    choose: f => ({
      reason: `${whyFormer(f)}; trying again${keepsKey(f) && !isRunning(f.snap) ? ', and leaving the leader key to expire' : ''}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
]
