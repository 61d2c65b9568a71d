// One run: a cluster made from a seed lives under faults, then everything is healed, and it has to become whole again.

import type { DecisionEntry } from '../../src/agent/beat.ts'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import type { Tags } from '../../src/model/settings/config.ts'
import { FAILOVER } from '../../src/wire/keys.ts'
import { isForgotten } from './checks/guard-check.ts'
import { LeaderInTime, WAITS_TO_BE_NAMED } from './checks/leader-in-time.ts'
import { FailsafeFaults, failsafeChances } from './faults/failsafe-faults.ts'
import { Faults } from './faults/faults.ts'
import { Freezer } from './faults/freezer.ts'
import { Housekeeper } from './faults/housekeeper.ts'
import { intervalsOf } from './faults/intervals.ts'
import { OperatorsHand } from './faults/operators-hand.ts'
import { firstSyncMode, ModeSwitcher } from './faults/sync-modes.ts'
import type { Machine, MachineOptions } from './machine/machine.ts'
import { isPartOf } from './machine/wal.ts'
import { Random } from './random.ts'
import { absoluteKey } from './store/store.ts'
import { World } from './world.ts'

export interface Result {
  readonly violations: readonly string[]
  readonly acknowledged: number
  readonly lost: number
  readonly promotions: number
  readonly summary: string
}

const TIMINGS = [
  { ttl: 30, loop_wait: 10, retry_timeout: 10 },
  { ttl: 20, loop_wait: 4, retry_timeout: 8 },
  { ttl: 10, loop_wait: 2, retry_timeout: 4 },
  { ttl: 5, loop_wait: 1, retry_timeout: 2 },
] as const
const STABLE_MS = 6000
/** Of what the configuration may have been changed to. */
const TTL_MAX_MS = 60_000
/** How long an operator looks on. */
const OPERATOR_MS = 30_000

export type Tell = (atMs: number, who: string, text: string) => void

export async function simulate(seed: number, tell?: Tell): Promise<Result> {
  const plan = new Random(seed)
  const timing = plan.pick(TIMINGS)
  const failsafe = failsafeChances(seed)
  const intervals = intervalsOf(seed)
  const world = new World({
    seed: plan.below(0x7fffffff),
    machines: machinesOf(plan).map((machine, index) => withWatchdog(machine, seed, index)),
    firstConfig: {
      ...configOf(plan, timing),
      ...syncModeOf(seed),
      ...backoffOf(seed),
      ...intervals.first,
      ...(failsafe === null ? {} : { failsafe_mode: true }),
    },
    etcdClockRate: rate(plan),
    onDecision: decisionsTo(tell),
    ...(tell === undefined ? {} : { tell }),
  })
  const failed = (): boolean => world.checks.violations.length > 0
  world.start()
  const faults = new Faults(world, plan.fork())
  const horizonMs = plan.between(20, 90) * 1000
  const fromMs = plan.chance(0.8) ? plan.between(4000, 15_000) : 0
  const hand = handOf(world, seed)
  if (hand?.isAlone !== true) faults.begin(fromMs, horizonMs)
  hand?.begin(fromMs, horizonMs)
  switcherOf(world, seed)?.begin(fromMs, horizonMs)
  intervals.begin(world, fromMs, horizonMs)
  if (failsafe !== null) new FailsafeFaults(world, failsafe).begin(fromMs, horizonMs)
  const freezer = freezerOf(world, seed)
  freezer?.begin(fromMs, horizonMs)
  const housekeeper = housekeeperOf(world, seed)
  housekeeper?.begin(fromMs, horizonMs)
  await world.scheduler.runUntil(horizonMs, failed)
  faults.healAll()
  housekeeper?.finish()
  hand?.finish()
  freezer?.finish()
  if (!failed()) await demandConvergence(world, TTL_MAX_MS, intervals.longestMs, failed)
  const { acknowledged, lost, promotions, violations } = world.checks
  const seconds = Math.round(world.nowMs / 1000)
  return {
    violations,
    acknowledged: acknowledged.length + lost,
    lost,
    promotions,
    summary: `${seconds} s, ${world.scheduler.fired} events, ${acknowledged.length + lost} writes, ${lost} lost, ${promotions} promotions, ${faults.count} faults`,
  }
}

/** In some clusters. With chances of its own, as those below. */
function backoffOf(seed: number): JsonObject {
  const random = new Random(seed ^ 0xbac0ff)
  return random.chance(0.1) ? { primary_race_backoff: random.between(3, 20) } : {}
}

/** Of some runs. With chances of its own: what else a seed stands for stays as it was. */
function handOf(world: World, seed: number): OperatorsHand | null {
  const random = new Random(seed ^ 0x0bad)
  return random.chance(0.4) ? new OperatorsHand(world, random) : null
}

/** A third of the clusters begins in synchronous mode. */
function syncModeOf(seed: number): JsonObject {
  const random = new Random(seed ^ 0x51c0)
  return random.chance(0.33) ? firstSyncMode(random) : {}
}

function switcherOf(world: World, seed: number): ModeSwitcher | null {
  const random = new Random(seed ^ 0x3a0de)
  return random.chance(0.25) ? new ModeSwitcher(world, random) : null
}

/** The same, of others. */
function housekeeperOf(world: World, seed: number): Housekeeper | null {
  const random = new Random(seed ^ 0x5eed)
  return random.chance(0.3) ? new Housekeeper(world, random) : null
}

/** In some runs the machines have a watchdog, or should have one: the first two always do. With chances of its own, too. */
function withWatchdog(machine: MachineOptions, seed: number, index: number): MachineOptions {
  const random = new Random(seed ^ 0xd09)
  if (!random.chance(0.25)) return machine
  const watchdog = random.pick(['automatic', 'required'] as const)
  const lacks = index > 1 && new Random(seed ^ (0x1ac5 + index)).chance(0.3)
  return lacks ? { ...machine, watchdog, lacksDevice: true } : { ...machine, watchdog }
}

function freezerOf(world: World, seed: number): Freezer | null {
  return world.machines.some(({ watchdog }) => watchdog !== null)
    ? new Freezer(world, new Random(seed ^ 0xf02e))
    : null
}

/** `waitMs`: for so long nobody may take over, though all is well. */
async function demandConvergence(
  world: World,
  ttlMs: number,
  waitMs: number,
  failed: () => boolean,
): Promise<void> {
  const limitMs = world.nowMs + 3 * ttlMs + 120_000 + waitMs
  let wholeSinceMs: number | null = null
  const look = (): boolean => {
    if (failed()) return true
    if (world.checks.obstacle() !== null) wholeSinceMs = null
    else wholeSinceMs ??= world.nowMs
    return wholeSinceMs !== null && world.nowMs - wholeSinceMs >= STABLE_MS
  }
  const helpsFromMs = world.nowMs + ttlMs + OPERATOR_MS
  const inTime = new LeaderInTime(world)
  while (world.nowMs < limitMs && !look()) {
    await world.scheduler.runUntil(world.nowMs + 500, failed)
    const late = inTime.look()
    if (late !== null) world.checks.violated(late)
    if (world.nowMs > helpsFromMs) helpByHand(world)
  }
  if (failed()) return
  if (wholeSinceMs === null)
    world.checks.violated(`not whole again after the faults: ${world.checks.obstacle()}`)
  else world.checks.atEnd()
}

/** The operator does what the reasons and hints ask for: nobody else can. */
function helpByHand(world: World): void {
  for (const machine of world.machines) {
    // The WAL that would tell, or that a standby lacks, is gone.
    const needs =
      machine.lastRule === 'follower.undecided' ||
      (machine.data?.overwritten === true && machine.server === null) ||
      machine.server?.receiver?.problem === 'requested WAL segment has already been removed'
    if (needs && machine.name !== world.leaderKey()) machine.replaceByHand()
    if (world.leaderKey() === null && machine.options.watchdog === 'required') machine.getsWatchdog()
  }
  if (world.leaderKey() === null && world.machines.some(({ lastRule }) => WAITS_TO_BE_NAMED.has(lastRule)))
    nameTheNextLeader(world)
}

/** hactl failover --candidate --replace, of those that ask for it the member that has the most of what was acknowledged. */
function nameTheNextLeader(world: World): void {
  // Whether nobody accepts writes only a person can see, and only a person finds a server that no agent knows of.
  for (const { name, server } of world.machines.filter(machine => isForgotten(world.etcd, machine))) {
    world.trace('operator', `ends the server of ${name}, whose data directory is gone`)
    server?.kill()
  }
  if (world.machines.some(({ server }) => server?.acceptsWrites === true)) return
  const key = absoluteKey(FAILOVER)
  const kept = ({ data }: Machine): number =>
    data === null ? 0 : world.checks.acknowledged.filter(write => isPartOf(write, data.end)).length
  const able = world.machines.filter(
    ({ data, lastRule, options }) =>
      WAITS_TO_BE_NAMED.has(lastRule) &&
      data?.usable === true &&
      data.systemIdentifier === world.clusterIdentifier &&
      !options.tags.nofailover,
  )
  const [best] = able.sort((a, b) => kept(b) - kept(a))
  if (best === undefined) return
  const request = JSON.stringify({ member: best.name })
  if (world.etcd.get(key)?.text === request) return
  world.trace('operator', `names ${best.name}, which has ${kept(best)} writes, as the next leader`)
  world.etcd.put(key, request)
}

function machinesOf(plan: Random): readonly MachineOptions[] {
  const count = plan.pick([3, 3, 3, 3, 2, 5])
  const useRewind = plan.chance(0.7)
  return Array.from({ length: count }, (_, index) => ({
    name: `pg${index + 1}`,
    clockRate: rate(plan),
    tags: tagsOf(plan, index),
    mayBootstrap: true,
    useRewind,
  }))
}

function rate(plan: Random): number {
  return 1 + (plan.unit() - 0.5) * 0.002
}

function tagsOf(plan: Random, index: number): Tags {
  // The first two always may lead, so that a leader is possible whenever everything is healthy.
  const nofailover = index > 1 && plan.chance(0.1)
  const failoverPriority = nofailover ? 0 : plan.pick([1, 1, 1, 2])
  return plainTags({ nofailover, failoverPriority })
}

export function plainTags({
  nofailover,
  failoverPriority,
}: {
  readonly nofailover: boolean
  readonly failoverPriority: number
}): Tags {
  return {
    nofailover,
    failoverPriority,
    clonefrom: false,
    noloadbalance: false,
    nosync: false,
    nostream: false,
    replicatefrom: null,
    published: {
      ...(nofailover ? { nofailover } : {}),
      ...(failoverPriority === 1 || nofailover ? {} : { failover_priority: failoverPriority }),
    },
  }
}

function configOf(plan: Random, timing: (typeof TIMINGS)[number]): JsonObject {
  return {
    ...timing,
    maximum_lag_on_failover: plan.pick([1048576, 1048576, 4000]),
    ...(plan.chance(0.2) ? { primary_start_timeout: plan.pick([0, 5]) } : {}),
    ...(plan.chance(0.3) ? { primary_stop_timeout: plan.between(3, 20) } : {}),
    postgresql: { use_slots: plan.chance(0.8) },
  }
}

/** A line for each step that is not the same as the one before. */
function decisionsTo(tell: Tell | undefined): (machine: Machine, entry: DecisionEntry) => void {
  if (tell === undefined) return () => {}
  const last = new Map<string, string>()
  return (machine, { decision, cause }) => {
    const text = `${decision.rule}: ${decision.reason}`
    if (last.get(machine.name) === text) return
    last.set(machine.name, text)
    tell(machine.world.nowMs, machine.name, `${text} [${cause}]`)
  }
}
