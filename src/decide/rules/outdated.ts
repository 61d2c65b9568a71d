// What PostgreSQL is to be configured with changed: a reload, another document in etcd, another role. It is written beside
// the beats, so that a disk that hangs costs no lease, and one at a time.

import type { ConfigurationFailure, ConfigurationView } from '../../model/settings/configuration-view.ts'
import type { Millis } from '../../model/units.ts'
import { type Facts, seenCluster } from '../facts.ts'
import { nameHolder } from '../lead/name-holder.ts'
import { type Rule, rule } from '../rule.ts'

const PAUSE_MS: Millis = 5000

/** The situation of a node whose configuration is to be applied now; it lasts until that has begun. */
export function isOutdated(facts: Facts): boolean {
  const { snap } = facts
  const { wanted, applied, applyingSinceMs } = snap.configuration
  if (applied === wanted || applyingSinceMs !== null || snap.stopRequested) return false
  // The files are those of the node that has the name.
  const cluster = seenCluster(facts)
  if (cluster !== null && nameHolder(cluster) !== null) return false
  const failure = failureOf(snap.configuration)
  return failure === null || snap.nowMs - failure.atMs >= Math.min(snap.settings.loopWaitMs, PAUSE_MS)
}

export const outdatedRules: readonly Rule<Facts>[] = [
  rule({
    id: 'outdated.again',
    why: 'a full disk or a value that PostgreSQL refuses is mended without telling the agent: it tries again',
    level: 'warning',
    match: f => failureOf(f.snap.configuration),
    choose: (f, { why }) => ({
      reason: `applies the configuration again (${f.snap.configuration.because}), which failed: ${why}`,
      actions: [{ kind: 'apply-configuration', wanted: f.snap.configuration.wanted }],
    }),
  }),
  rule({
    id: 'outdated.apply',
    why: 'what the file and etcd say is put where PostgreSQL and the HTTP API read it, beside the beats',
    log: 'event',
    match: f => f.snap.configuration,
    choose: (_, { wanted, because }) => ({
      reason: `applies the configuration: ${because}`,
      actions: [{ kind: 'apply-configuration', wanted }],
    }),
  }),
]

/** Of what is wanted now: another configuration may be a better one. */
function failureOf({ failure, wanted }: ConfigurationView): ConfigurationFailure | null {
  return failure?.wanted === wanted ? failure : null
}
