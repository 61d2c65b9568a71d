// What operators and other programs do to a cluster beside its faults: requests of every kind, keys changed by hand.

import { describeRequest } from '../../../src/model/cluster/request.ts'
import { serialiseDrain } from '../../../src/wire/drain-record.ts'
import { asksForNothing, parseFailover, serialiseFailover } from '../../../src/wire/failover-record.ts'
import { CONFIG, drainKey, FAILOVER, LEADER, memberKey, STATUS } from '../../../src/wire/keys.ts'
import { parseConfig } from '../../../src/wire/records.ts'
import type { Machine } from '../machine/machine.ts'
import { WALL_AT_START_MS } from '../machine/os-process.ts'
import type { Random } from '../random.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'
import { changedConfig } from './config-changes.ts'
import type { Fault } from './faults.ts'

/** What a namesake's member key says of its host. */
export const ELSEWHERE = 'elsewhere'

function tellOf(world: World) {
  return (who: string, text: string): void => world.trace('FAULT', `${who} ${text}`)
}

export function operators(world: World, random: Random): Readonly<Record<string, Fault>> {
  const told = tellOf(world)
  const { etcd } = world
  const request = (text: string): void => {
    told('operator', text)
    etcd.put(absoluteKey(FAILOVER), text)
  }
  return {
    switchover: machine => {
      const leader = world.leaderKey()
      if (leader !== null)
        request(JSON.stringify({ leader, ...(random.chance(0.6) ? { member: machine.name } : {}) }))
    },
    failover: machine => {
      if (!isReckless(world)) request(JSON.stringify({ member: machine.name }))
    },
    deleteLeader: () => {
      told('operator', 'deletes the leader key')
      etcd.delete(absoluteKey(LEADER))
    },
    command: machine => command(world, random, machine),
    foreignRequest: machine => {
      const leader = world.leaderKey()
      if (leader !== null) request(JSON.stringify({ leader, member: machine.name, site: 'dc1' }))
    },
    namesake: machine => namesake(world, random, machine),
    maintenance: machine => maintenance(world, random, machine),
    changeConfig: () => changeConfig(world, random),
    drain: machine => {
      told('operator', `drains ${machine.name}`)
      etcd.put(absoluteKey(drainKey(machine.name)), serialiseDrain({ by: 'kim', at: null, reason: null }))
    },
    undrain: machine => {
      told('operator', `undrains ${machine.name}`)
      etcd.delete(absoluteKey(drainKey(machine.name)))
    },
    foreignStatus: () => writeForeignStatus(world, random),
  }
}

/** An operator pauses the cluster, does this and that to it, and ends the pause at any moment, whoever is in reach. */
function maintenance(world: World, random: Random, machine: Machine): void {
  if (world.paused) return
  setPause(world, true)
  if (random.chance(0.4)) {
    world.scheduler.after(random.skewed(200, 20_000), () => {
      tellOf(world)(machine.name, 'PostgreSQL is killed by hand')
      machine.killServer()
    })
  }
  for (let asked = random.between(0, 3); asked > 0; asked--) {
    world.scheduler.after(random.skewed(100, 30_000), () => {
      if (world.paused) command(world, random, random.pick(world.machines))
    })
  }
  world.scheduler.after(random.skewed(300, 60_000), () => endMaintenance(world))
}

export function endMaintenance(world: World): void {
  if (world.paused) setPause(world, false)
}

export function setPause(world: World, pause: boolean): void {
  const key = absoluteKey(CONFIG)
  const entry = world.etcd.get(key)
  const parsed = entry === null ? null : parseConfig(entry.text)
  if (parsed?.valid !== true) return
  tellOf(world)('operator', pause ? 'pauses the cluster' : 'ends the pause')
  const { pause: _, ...document } = parsed.document
  world.etcd.put(key, JSON.stringify(pause ? { ...document, pause } : document))
}

/**
 * Of a server that nothing guards nobody but the operator knows whether it still runs, frozen or not: an operator does not force a
 * failover beside one. In maintenance mode every server may be one in a moment.
 */
function isReckless(world: World): boolean {
  return world.machines.some(
    ({ server, fencers }) =>
      server !== null &&
      !server.inRecovery &&
      (world.paused || [...fencers].every(({ deadlineMs }) => deadlineMs === null)),
  )
}

/** `hactl switchover` or `failover`: made only if none is pending, given up after a while, or killed before it can do that. */
function command(world: World, random: Random, machine: Machine): void {
  const told = tellOf(world)
  const { etcd, checks } = world
  const key = absoluteKey(FAILOVER)
  const leader = random.chance(0.7) ? world.leaderKey() : null
  if (!asksForNothing(etcd.get(key)?.text ?? '') || (leader === null && isReckless(world))) return
  const waitsMs = random.skewed(50, 30_000)
  const untilMs = WALL_AT_START_MS + Math.floor(world.nowMs + waitsMs)
  const note = { id: `r${checks.requests++}`, by: 'a command', atMs: null, untilMs, begunBy: null }
  const request = { leader, candidate: machine.name, scheduledAt: null, note }
  told('operator', `asks for ${describeRequest(request)} and waits for ${Math.round(waitsMs)} ms`)
  etcd.put(key, serialiseFailover(request))
  if (random.chance(0.3)) return
  world.scheduler.after(waitsMs, () => {
    const standing = parseFailover(etcd.get(key)?.text ?? '')
    if (standing?.note?.id !== note.id || standing.note.begunBy !== null) return
    told('operator', `gives up ${note.id}`)
    checks.givenUp.add(note.id)
    etcd.put(key, '{}')
  })
}

/**
 * While this agent is away somebody starts a node of its name elsewhere, which freezes and answers nothing. Not of a
 * leader's name: one of hactl's waits for the lease of the key, and where another program writes over it and somebody deletes
 * the leader key as well, nothing is left in etcd that tells of the leader's lease.
 */
function namesake(world: World, random: Random, machine: Machine): void {
  // Beside a living leader, whose leader key somebody deletes besides, nobody could tell (seeds 7300081, 3100042636).
  if (world.leaderKey() === machine.name || machine.server?.acceptsWrites === true) return
  machine.killAgent()
  world.scheduler.after(random.skewed(100, 20_000), () => machine.startAgent())
  tellOf(world)('operator', `starts another node called ${machine.name}, which freezes`)
  const { id } = world.etcd.grant(random.pick([5, 10, 30]))
  const record = {
    ...{ conn_url: 'postgres://elsewhere:5432/postgres', api_url: 'http://elsewhere:8008/patroni' },
    ...{ state: 'running', role: 'replica', version: '4.1.5', hactl: { host: ELSEWHERE } },
  }
  world.etcd.putOnLease(absoluteKey(memberKey(machine.name)), JSON.stringify(record), id)
}

/** Another writer's field beside the leader's own, as Patroni 4.2 keeps one. */
function writeForeignStatus(world: World, random: Random): void {
  const told = tellOf(world)
  const key = absoluteKey(STATUS)
  const text = world.etcd.get(key)?.text
  if (text === undefined) return
  const site = `dc${random.between(1, 9)}`
  told('another program', `writes current_site ${site} into status`)
  world.checks.currentSite = site
  world.etcd.put(key, JSON.stringify({ ...JSON.parse(text), current_site: site }))
}

function changeConfig(world: World, random: Random): void {
  const key = absoluteKey(CONFIG)
  const entry = world.etcd.get(key)
  if (entry === null) return
  const { what, text } = changedConfig(random, entry.text, world.firstConfig)
  tellOf(world)('operator', what)
  world.etcd.put(key, text)
}

/** Nobody may lead where everybody is drained. */
export function undrainAll(world: World): void {
  for (const { name } of world.machines) world.etcd.delete(absoluteKey(drainKey(name)))
}

/** Where every agent has been started since it was overwritten, nobody may lead until somebody does. */
export function mendConfig(world: World): void {
  const key = absoluteKey(CONFIG)
  const entry = world.etcd.get(key)
  if (entry === null || parseConfig(entry.text).valid) return
  world.trace('FAULT', 'operator writes a configuration that can be used')
  world.etcd.put(key, JSON.stringify(world.firstConfig))
}
