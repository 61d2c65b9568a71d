// Every combination of a small world through the rules: more than a million situations, most of which nobody would think
// of, and in none of them what must never happen happens. A sample of them is followed through whole beats.

import { describe, expect, test } from 'vitest'
import { decide } from '../../src/decide/decide.ts'
import { chapters } from '../../src/decide/rule-book.ts'
import { disturbedByApplications } from './applications.ts'
import { drive, LUCKS, STEPS_MAX } from './beat.ts'
import { problems } from './checks.ts'
import type { World } from './parts.ts'
import { busyWorlds, runningWorlds, stoppedWorlds } from './worlds.ts'
import { configurationWorlds } from './worlds-configuration.ts'
import { diskWorlds } from './worlds-disk.ts'
import { doubtfulWorlds } from './worlds-doubt.ts'
import { failsafeWorlds, waitingWorlds } from './worlds-failsafe.ts'
import { formerBusyWorlds, formerWorlds } from './worlds-former.ts'
import { hungWorlds } from './worlds-hung.ts'
import { maintenanceWorlds } from './worlds-maintenance.ts'
import { mistakenWorlds } from './worlds-mistakes.ts'
import { newWorlds, requestWorlds } from './worlds-new.ts'
import { orderWorlds } from './worlds-orders.ts'
import { followerWorlds, leaderWorlds, raceWorlds } from './worlds-standby.ts'
import { synchronousWorlds } from './worlds-synchronous.ts'
import { watchdogWorlds } from './worlds-watchdog.ts'

const kinds = {
  'a server runs': runningWorlds,
  'no server runs': stoppedWorlds,
  'work is in progress': busyWorlds,
  'a cluster is created or joined': newWorlds,
  'a request stands in etcd': requestWorlds,
  'nobody leads': raceWorlds,
  'somebody else leads': followerWorlds,
  'this node may lead': leaderWorlds,
  'somebody wrote into etcd by hand': mistakenWorlds,
  'an agent starts where a former one lived': formerWorlds,
  'work is in progress beside what a former server left': formerBusyWorlds,
  'the configuration cannot be used, or is another one': configurationWorlds,
  'its PostgreSQL hangs': hungWorlds,
  'a disk hangs': diskWorlds,
  'a watchdog is wanted': watchdogWorlds,
  'commits wait for standbys': synchronousWorlds,
  'a primary asks the members, or a member has promised': failsafeWorlds,
  'nobody leads, and there is a reason to wait': waitingWorlds,
  'somebody asks this node for something': orderWorlds,
  'maintenance mode is on, or has just ended': maintenanceWorlds,
  'it cannot be told whose the data, the request or the name is': doubtfulWorlds,
}

/** What never shows in the small world, and why not. */
const NOT_HERE: Readonly<Record<string, string>> = {
  'race.stale-sight': 'nothing is older than a moment here: test/decisions/race.txt',
}

/** One world of each rule and problem is enough to look at. */
const EXAMPLES_MAX = 5
/** Each so many worlds one is followed through its beats: prime, so that it meets every value of every part. */
const FOLLOWED = 41
const DAY = 86_400_000

const fired = new Set<string>()

class Findings {
  readonly #counts = new Map<string, number>()
  readonly #examples: string[] = []

  add(problem: string, world: World): void {
    const count = this.#counts.get(problem) ?? 0
    this.#counts.set(problem, count + 1)
    if (count === 0 && this.#examples.length < EXAMPLES_MAX) this.#examples.push(`${problem}\n${show(world)}`)
  }

  list(): readonly string[] {
    return [...this.#counts].map(([problem, count]) => `${problem} (${count} times)`).concat(this.#examples)
  }
}

describe.each(Object.entries(kinds))('%s', (_name, worlds) => {
  test('and every decision is safe', () => {
    const findings = new Findings()
    let index = 0
    for (const world of worlds()) {
      Object.freeze(world.snap)
      Object.freeze(world.memory)
      const decision = decide(world.snap, world.memory)
      fired.add(decision.rule)
      for (const problem of problems(world, decision)) findings.add(`${decision.rule}: ${problem}`, world)
      if (index++ % FOLLOWED === 0) follow(world, findings)
    }
    expect(index).toBeGreaterThan(20_000)
    expect(findings.list()).toEqual([])
  }, 300_000)
})

/** Whole beats with all kinds of luck, and the same world with a wall clock that jumped. */
function follow(world: World, findings: Findings): void {
  for (const luck of LUCKS) {
    const beat = drive(world, luck)
    for (const rule of beat.rules) fired.add(rule)
    for (const problem of beat.problems) findings.add(`with luck "${luck}": ${problem}`, world)
    if (!beat.settled)
      findings.add(`with luck "${luck}" no end after ${STEPS_MAX} steps: ${beat.rules.slice(-4)}`, world)
  }
  for (const problem of disturbedByApplications(world, fired)) findings.add(problem, world)
  if (isScheduled(world)) return
  const today = showUndated(decide(world.snap, world.memory))
  for (const jump of [-DAY, DAY]) {
    const jumped = { ...world.snap, wallMs: world.snap.wallMs + jump }
    if (showUndated(decide(jumped, world.memory)) !== today) findings.add('the wall clock decides', world)
  }
}

/** A request that is to be carried out at a time, or until one. */
function isScheduled({ snap, memory }: World): boolean {
  if (memory.scheduledRestart !== null || snap.order?.kind === 'schedule-restart') return true
  const request = snap.cluster.known ? snap.cluster.value.failover?.value : undefined
  return request?.scheduledAt != null || request?.note?.untilMs != null
}

/** What is remembered of the wall clock to be told to people, and decides nothing. */
const DATES: readonly string[] = ['sinceWall', 'lastNeededWall', 'replayPausedSince', 'wallMs']
/** The same in a sentence. */
const DATE_IN_TEXT = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| UTC)/g

function showUndated(value: unknown): string {
  return show(value, DATES).replace(DATE_IN_TEXT, '#')
}

function show(value: unknown, except: readonly string[] = []): string {
  return JSON.stringify(value, (key, inner) => {
    if (except.includes(key)) return undefined
    return typeof inner === 'bigint' ? `${inner}n` : inner instanceof Map ? Object.fromEntries(inner) : inner
  })
}

test('every rule shows somewhere in it', () => {
  const missing = chapters()
    .flatMap(({ rules }) => rules)
    .filter(({ id }) => !fired.has(id) && NOT_HERE[id] === undefined)
  expect(missing.map(({ id }) => id)).toEqual([])
  expect(Object.keys(NOT_HERE).filter(id => fired.has(id))).toEqual([])
})
