// The configuration in force has changed through a reload, another document in etcd or another role, and PostgreSQL
// does not have it yet. It is written beside the beats, one at a time, so that a disk that hangs costs no lease.

import type { ConfigurationFailure, ConfigurationView } from '../../model/settings/configuration-view.ts'
import type { Millis } from '../../model/units.ts'
import { type Facts, seenCluster } from '../facts.ts'
import { nameHolder } from '../lead/name-holder.ts'
import { type Rule, rule } from '../rule.ts'

const PAUSE_MS: Millis = 5000

/** The configuration has to be applied now. The situation ends when that has begun. */
export function isOutdated(facts: Facts): boolean {
  const { snap } = facts
  const { wanted, applied, applyingSinceMs } = snap.configuration
  if (applied === wanted || applyingSinceMs !== null || snap.stopRequested) return false
  // While another node uses this name, nothing is written.
  const cluster = seenCluster(facts)
  if (cluster !== null && nameHolder(cluster) !== null) return false
  const failure = failureOf(snap.configuration)
  return failure === null || snap.nowMs - failure.atMs >= Math.min(snap.settings.loopWaitMs, PAUSE_MS)
}

export const outdatedRules: readonly Rule<Facts>[] = [
  rule({
    id: 'outdated.again',
    why: 'an operator repairs a full disk or a refused value without notice, so the agent tries again',
    level: 'warning',
    match: f => failureOf(f.snap.configuration),
    choose: (f, { why }) => ({
      reason: `applies the configuration again (${f.snap.configuration.because}), which failed: ${why}`,
      actions: [{ kind: 'apply-configuration', wanted: f.snap.configuration.wanted }],
    }),
  }),
  rule({
    id: 'outdated.apply',
    why: 'the configuration in force is written to where PostgreSQL and the HTTP API read it, beside the beats',
    log: 'event',
    match: f => f.snap.configuration,
    choose: (_, { wanted, because }) => ({
      reason: `applies the configuration: ${because}`,
      actions: [{ kind: 'apply-configuration', wanted }],
    }),
  }),
]

/** The failure of the configuration that is wanted now: a newer one may succeed. */
function failureOf({ failure, wanted }: ConfigurationView): ConfigurationFailure | null {
  return failure?.wanted === wanted ? failure : null
}
