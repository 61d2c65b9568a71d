// Three sets of ttl, loop_wait and retry_timeout that fit together, measured in docs/modes.md. Each keeps
// `loop_wait + 2 * retry_timeout <= ttl`.

import type { JsonObject } from '../cluster/cluster.ts'
import { own } from './patch.ts'
import { parseReal } from './values.ts'

/** Seconds. */
interface TimingValues {
  readonly ttl: number
  readonly loop_wait: number
  readonly retry_timeout: number
}

export const TIMING_PROFILES = {
  /** About 5 s without a writer after the loss of a node. An election inside etcd fits in. */
  fast: { ttl: 5, loop_wait: 1, retry_timeout: 2 },
  /** The shortest ttl that Patroni honours. */
  balanced: { ttl: 20, loop_wait: 5, retry_timeout: 7 },
  /** For two data centres and slow links: half a minute without etcd is no reason for a failover. */
  wide: { ttl: 60, loop_wait: 10, retry_timeout: 25 },
} as const satisfies Record<string, TimingValues>

export type TimingProfile = keyof typeof TIMING_PROFILES

export const TIMING_PROFILE_NAMES = Object.keys(TIMING_PROFILES) as readonly TimingProfile[]

const NAMES = ['ttl', 'loop_wait', 'retry_timeout'] as const
const DEFAULTS: TimingValues = { ttl: 30, loop_wait: 10, retry_timeout: 10 }
/** A Patroni agent uses these in place of anything smaller (spec/ha.md 2.2). */
const PATRONI_LEAST: TimingValues = { ttl: 20, loop_wait: 1, retry_timeout: 3 }

/** The profile whose values a document has; null: it has others, such as the defaults. */
export function profileOf(document: JsonObject): TimingProfile | null {
  const given = timingOf(document)
  const isGiven = (profile: TimingProfile): boolean =>
    NAMES.every(name => TIMING_PROFILES[profile][name] === given[name])
  return TIMING_PROFILE_NAMES.find(isGiven) ?? null
}

/** What an edit changes to values that Patroni does not honour: `ttl=5 (Patroni uses 20)`; empty: nothing. */
export function notHonouredByPatroni(before: JsonObject, after: JsonObject): readonly string[] {
  const [old, next] = [timingOf(before), timingOf(after)]
  return NAMES.filter(
    name => next[name] !== old[name] && next[name] >= 1 && next[name] < PATRONI_LEAST[name],
  ).map(name => `${name}=${next[name]} (Patroni uses ${PATRONI_LEAST[name]})`)
}

function timingOf(document: JsonObject): TimingValues {
  const read = (name: keyof TimingValues): number => parseReal(own(document, name) ?? null) ?? DEFAULTS[name]
  return { ttl: read('ttl'), loop_wait: read('loop_wait'), retry_timeout: read('retry_timeout') }
}
