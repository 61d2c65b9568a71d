// When everything is healed, a leader accepts writes within ttl + 2 * loop_wait: the last lease ends, and two looks are enough
// for the election. Except where a rule says what it waits for, and that is a person, or longer by design.

import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'

/** Rules that leave it to an operator who shall lead. */
export const WAITS_TO_BE_NAMED: ReadonlySet<string> = new Set([
  'race.undecided',
  'race.received-nothing',
  'race.unguarded-primary',
  // The synchronous standbys are lost with the leader.
  'race.not-synchronous',
  'race.no-quorum',
  // Who led last may go on in failsafe mode without this node: only a person knows that it does not.
  'race.not-in-failsafe',
  // For ever where the leader's data was lost, with what it wrote while nobody streamed from it.
  'race.lag',
])
/** With limits of their own. */
const WAITS_LONGER: ReadonlySet<string> = new Set([
  // A former leader whose server may be alive renews its lease: two ttl.
  'race.lease-lives',
  // An agent that was started during an outage of etcd in failsafe mode: a promise that it may have made before has to end.
  'race.may-have-promised',
  // As long as the operator has set.
  'race.failover-interval',
  // As long as the device that it needs is missing.
  'race.no-watchdog',
])

/** Seconds; what is less counts as these. */
const TTL_LEAST = 3
const LOOP_WAIT_LEAST = 1

export class LeaderInTime {
  readonly #world: World
  readonly #allowedMs: number
  /** null: it is settled. */
  #endsMs: number | null

  /** To be made at the moment of healing. */
  constructor(world: World) {
    this.#world = world
    const { ttl, loop_wait } = timingOf(world)
    // Leases that were granted under an earlier ttl may have just begun anew.
    const leaseSeconds = Math.max(ttl ?? 0, TTL_LEAST, world.etcd.longestTtlSeconds())
    const waitSeconds = 2 * Math.max(loop_wait ?? 0, LOOP_WAIT_LEAST)
    this.#allowedMs = (leaseSeconds + waitSeconds) * 1000
    this.#endsMs = ttl === null || loop_wait === null ? null : world.nowMs + this.#allowedMs
  }

  /** To be called often; what is wrong, once. */
  look(): string | null {
    if (this.#endsMs === null) return null
    // The time counts from when somebody can lead.
    if (!this.#someCanLead()) this.#endsMs = this.#world.nowMs + this.#allowedMs
    const endsMs = this.#endsMs
    const leader = this.#world.leaderKey()
    const leads = leader === null ? null : this.#world.machine(leader)
    const isLed = leads?.server?.acceptsWrites === true
    if (!isLed && this.#world.nowMs <= endsMs) return null
    this.#endsMs = null
    if (isLed || this.#isExcused()) return null
    return `no leader accepts writes in time after the faults: ${this.#shown()}`
  }

  #someCanLead(): boolean {
    return this.#world.machines.some(
      ({ data, options, lastRule }) =>
        data?.usable === true &&
        // Until the lease of the other node with its name ends.
        lastRule !== 'namesake.wait' &&
        data.systemIdentifier === this.#world.clusterIdentifier &&
        !options.tags.nofailover,
    )
  }

  #isExcused(): boolean {
    return this.#world.machines.some(
      ({ lastRule }) => WAITS_TO_BE_NAMED.has(lastRule) || WAITS_LONGER.has(lastRule),
    )
  }

  #shown(): string {
    const leader = this.#world.leaderKey()
    const rules = this.#world.machines.map(({ name, lastRule }) => `${name} ${lastRule}`)
    return `the leader key holds ${leader ?? 'nobody'}; ${rules.join(', ')}`
  }
}

/** Seconds; null where an operator has written what is no number. */
function timingOf(world: World): { readonly ttl: number | null; readonly loop_wait: number | null } {
  const document = JSON.parse(world.etcd.get(absoluteKey('config'))?.text ?? '{}') as Readonly<
    Record<string, unknown>
  >
  const read = (name: 'ttl' | 'loop_wait', fallback: number): number | null => {
    const value = document[name] ?? fallback
    return typeof value === 'number' ? value : null
  }
  return { ttl: read('ttl', 30), loop_wait: read('loop_wait', 10) }
}
