// Quorum mode against a dumb version: whether an acknowledged commit could be missing on who is elected is counted out, set
// by set, after every single change of every sequence, also of such as were broken off and begun anew.

import { describe, expect, test } from 'vitest'
import { isSame, type Names, namesOf } from '../../src/decide/sync/names.ts'
import { planQuorum, type QuorumGoal, type QuorumStep } from '../../src/decide/sync/quorum.ts'
import type { QuorumState } from '../../src/decide/sync/quorum-state.ts'
import { Random } from '../simulation/random.ts'

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']

function* subsets(names: Names): Generator<Names> {
  for (let bits = 0; bits < 1 << names.length; bits++) yield names.filter((_, at) => (bits & (1 << at)) !== 0)
}

/** Every set that elects and every set that acknowledges have a node in common. */
function neverApart({ leader, quorum, voters, count, standbys }: QuorumState, me: string): boolean {
  if (voters.length === 0) return true
  const electing = namesOf([...voters, leader])
  for (const elects of subsets(electing)) {
    if (elects.length !== quorum + 1) continue
    for (const acknowledges of subsets(standbys)) {
      if (acknowledges.length !== count) continue
      const all = [...acknowledges, me]
      if (!elects.some(name => all.includes(name))) return false
    }
  }
  return true
}

function apply(state: QuorumState, step: QuorumStep): QuorumState {
  if (step.kind === 'look-again') return state
  const { kind: _, ...values } = step
  return { ...state, ...values }
}

const isSteady = (state: QuorumState, { active, wanted, me }: QuorumGoal): boolean => {
  const count = Math.min(wanted, active.length)
  return (
    state.leader === me &&
    state.count === count &&
    isSame(state.standbys, active) &&
    isSame(state.voters, active) &&
    (active.length === 0 || state.quorum === active.length - count)
  )
}

/** Goes on from look to look; all that PostgreSQL waits for have caught up then. */
function settle(
  start: QuorumState,
  goal: Omit<QuorumGoal, 'confirmed'>,
): { state: QuorumState; looks: number } {
  let state = start
  for (let looks = 1; looks <= 8; looks++) {
    const confirmed = state.standbys.filter(name => goal.active.includes(name)).length
    for (const step of planQuorum(state, { ...goal, confirmed }).steps) state = apply(state, step)
    if (isSteady(state, { ...goal, confirmed })) return { state, looks }
  }
  return { state, looks: Number.POSITIVE_INFINITY }
}

const show = (value: unknown): string => JSON.stringify(value)

describe('quorum mode', () => {
  test('the example of spec/ha.md 4.6', () => {
    const nobody = { leader: 'node0', quorum: 0, voters: [], count: 0, standbys: [] }
    const active = ['node1', 'node2', 'node3']
    const { state } = settle(nobody, { me: 'node0', active, wanted: 2 })
    expect(state).toEqual({ leader: 'node0', quorum: 1, voters: active, count: 2, standbys: active })
  })

  test.each([1, 2, 3, 4])('from every steady state of up to five nodes to every other, %i wanted', wanted => {
    const problems: string[] = []
    const others = NODES.slice(1, 5)
    let plans = 0
    for (const before of subsets(others))
      for (const count of [1, 2, 3, 4])
        for (const active of subsets(others))
          for (const leader of ['n1', 'n9']) {
            const n = Math.min(count, before.length)
            const start = { leader, quorum: before.length - n, voters: before, count: n, standbys: before }
            if (leader === 'n9' && before.length === 0) continue
            plans++
            problems.push(...follow(start, { me: 'n1', active, wanted }))
          }
    expect(plans).toBeGreaterThan(1500)
    expect(problems.slice(0, 5)).toEqual([])
  })

  test('a long walk with sequences that break off, standbys that come and go, and new leaders, up to seven nodes', () => {
    const random = new Random(20261130)
    const problems: string[] = []
    let [deadEnds, steps] = [0, 0]
    let state: QuorumState = { leader: 'n1', quorum: 0, voters: [], count: 0, standbys: [] }
    let me = 'n1'
    let [size, idle] = [3, 0]
    for (let look = 0; look < 60_000; look++) {
      if (random.chance(0.02)) size = random.between(2, 7)
      const nodes = NODES.slice(0, size)
      if (random.chance(0.05)) {
        // Whoever may lead by `/sync`; the new primary has the settings that go with a promotion.
        const may = state.voters.filter(name => nodes.includes(name))
        if (may.length > 0) {
          me = random.pick(may)
          state = promoted(state, me)
        }
      }
      if (!nodes.includes(me)) size = Math.max(size, Number(me.slice(1)))
      const active = nodes.filter(name => name !== me && random.chance(0.8))
      const streaming = state.standbys.filter(name => active.includes(name))
      const confirmed = random.below(streaming.length + 1)
      const goal = { me, active, confirmed, wanted: random.between(1, 4) }
      const plan = planQuorum(state, goal)
      if (plan.why !== null) deadEnds++
      idle = plan.why !== null && plan.steps.length === 0 ? idle + 1 : 0
      if (idle === 50) problems.push(`no way out: ${show(state)} ${show(goal)} ${plan.why}`)
      const carriedOut = random.chance(0.3) ? random.below(plan.steps.length + 1) : plan.steps.length
      for (const step of plan.steps.slice(0, carriedOut)) {
        const before = state
        state = apply(state, step)
        steps++
        if (!neverApart(state, me)) problems.push(`${show(before)} ${show(goal)} -> ${show(step)}`)
      }
    }
    expect(problems.slice(0, 3)).toEqual([])
    expect(steps).toBeGreaterThan(10_000)
    expect(deadEnds / steps).toBeLessThan(0.03)
  })
})

/** What a promotion sets before the resolver goes on (spec/ha.md 4.5). */
function promoted(state: QuorumState, me: string): QuorumState {
  const members = namesOf([...state.voters, state.leader])
  const standbys = members.filter(name => name !== me)
  const count = Math.max(members.length - state.quorum - 1, 0)
  return { ...state, count: Math.min(count, standbys.length), standbys }
}

function follow(start: QuorumState, goal: Omit<QuorumGoal, 'confirmed'>): readonly string[] {
  const problems: string[] = []
  const first = start.leader === goal.me ? start : promoted(start, goal.me)
  const confirmed = first.standbys.filter(name => goal.active.includes(name)).length
  const plan = planQuorum(first, { ...goal, confirmed })
  let state = first
  for (const [at, step] of plan.steps.entries()) {
    state = apply(state, step)
    const where = `${show(first)} ${show(goal)} after step ${at + 1} of ${show(plan.steps)}`
    if (!neverApart(state, goal.me)) problems.push(`apart: ${where}`)
    if (settle(state, goal).looks > 8) problems.push(`no end: ${where}: ${show(settle(state, goal).state)}`)
  }
  return problems
}
