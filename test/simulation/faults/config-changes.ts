// What people and programs do to the cluster's configuration while it runs: single settings up and down, documents that
// leave settings out, nonsense.

import type { JsonObject } from '../../../src/model/cluster/cluster.ts'
import { parseConfig } from '../../../src/wire/records.ts'
import type { Random } from '../random.ts'

export interface ConfigChange {
  readonly what: string
  readonly text: string
}

/** Up and down, by a little and by much; some break the rule among the three and are adjusted by every node alike. */
const TIMINGS: readonly JsonObject[] = [
  { ttl: 30, loop_wait: 10, retry_timeout: 10 },
  { ttl: 60, loop_wait: 30, retry_timeout: 10 },
  { ttl: 20, loop_wait: 4, retry_timeout: 8 },
  { ttl: 10, loop_wait: 2, retry_timeout: 4 },
  { ttl: 5, loop_wait: 1, retry_timeout: 2 },
  { ttl: 30 },
  { ttl: 20 },
  { ttl: 8 },
  { loop_wait: 3 },
  { loop_wait: 20 },
  { retry_timeout: 2 },
]

const OTHERS: readonly JsonObject[] = [
  { maximum_lag_on_failover: 4000 },
  { maximum_lag_on_failover: 1048576 },
  { primary_start_timeout: 0 },
  { primary_start_timeout: 300 },
  { primary_stop_timeout: 5 },
  { max_timelines_history: 2 },
  { member_slots_ttl: 0 },
  { postgresql: { use_slots: false } },
  { postgresql: { use_slots: true } },
]

/** What Patroni stores, repairs or ignores, and what other programs may write. */
const FOREIGN: readonly JsonObject[] = [
  { ttl: 'soon' },
  { ttl: null, loop_wait: [], retry_timeout: { a: 1 } },
  { ttl: 1, loop_wait: 0, retry_timeout: 0 },
  { ttl: 12.7, retry_timeout: '4' },
  { loop_wait: 1e300 },
  { maximum_lag_on_failover: 1.5 },
  { maximum_lag_on_failover: '1MB' },
  { maximum_lag_on_failover: -1 },
  { primary_start_timeout: 'at once', primary_stop_timeout: -3 },
  { pause: 'perhaps', synchronous_mode: 'sometimes', failsafe_mode: 7 },
  { standby_cluster: 'nowhere', slots: [], ignore_slots: { a: 1 } },
  { postgresql: null },
  { postgresql: 'none' },
  {
    postgresql: {
      use_slots: 'some',
      parameters: { work_mem: '8MB', constructor: 1, pg_stat_statements: { track: 'all' } },
    },
  },
  { __proto__x: 1, constructor: { prototype: [] }, unknown: { deep: [[[[{}]]]] } },
]

const NONSENSE: readonly string[] = [
  'not json',
  '',
  'null',
  '[1]',
  '{"ttl": 5,',
  '7',
  `${'['.repeat(100)}${']'.repeat(100)}`,
]

/** `text` is what etcd holds; `first` what the cluster began with. */
export function changedConfig(random: Random, text: string, first: JsonObject): ConfigChange {
  if (random.chance(0.1)) return { what: 'writes nonsense', text: random.pick(NONSENSE) }
  const parsed = parseConfig(text)
  const document = parsed.valid ? parsed.document : first
  if (random.chance(0.2)) {
    const kept = Object.entries(document).filter(() => random.chance(0.5))
    return changed('replaces the configuration, leaving settings out', Object.fromEntries(kept))
  }
  if (random.chance(0.25)) return changed('writes a foreign value', { ...document, ...random.pick(FOREIGN) })
  const change = random.pick(random.chance(0.7) ? TIMINGS : OTHERS)
  return changed('changes the configuration', { ...document, ...change })
}

function changed(what: string, document: JsonObject): ConfigChange {
  const text = JSON.stringify(document)
  return { what: `${what}: ${text}`, text }
}
