// Priority mode, every state of four nodes: after each single change every voter is waited for and has caught up, nothing
// goes round in circles, and it ends where it should.

import { expect, test } from 'vitest'
import { common, isSame, isWithin, type Names } from '../../src/decide/sync/names.ts'
import {
  nextOfPriority,
  type PriorityGoal,
  type PriorityState,
  type PriorityStep,
} from '../../src/decide/sync/priority.ts'

const STANDBYS = ['n2', 'n3', 'n4']

function subsets(names: Names): Names[] {
  return Array.from({ length: 1 << names.length }, (_, bits) =>
    names.filter((_, at) => (bits & (1 << at)) !== 0),
  )
}

function apply(state: PriorityState, step: PriorityStep): PriorityState {
  return step.kind === 'publish'
    ? { ...state, leader: step.leader, voters: step.voters }
    : { ...state, standbys: step.standbys, count: step.count, isList: true }
}

function* states(): Generator<PriorityState> {
  for (const leader of [null, 'n1', 'n9'])
    for (const voters of leader === null ? [[]] : subsets(STANDBYS))
      for (const standbys of subsets(STANDBYS))
        for (const count of new Set([standbys.length, 1, 0]))
          for (const isList of [true, false]) yield { leader, voters, standbys, count, isList }
}

test.each([false, true])('from every state to every other, strict: %s', strict => {
  const problems: string[] = []
  let seen = 0
  for (const start of states())
    for (const picked of subsets(STANDBYS))
      for (const ready of subsets(picked))
        problems.push(...follow(start, picked, ready, strict, () => seen++))
  expect(seen).toBeGreaterThan(20_000)
  expect(problems.slice(0, 5)).toEqual([])
})

/** Who has caught up counts only while PostgreSQL waits for it; the others come in time. */
function follow(
  start: PriorityState,
  picked: Names,
  ready: Names,
  strict: boolean,
  saw: () => void,
): string[] {
  let state = start
  // What somebody wrote by hand is mended by the first change.
  let wasSound = isSound(start)
  for (let look = 0; look < 8; look++) {
    saw()
    const confirmed = common(look < 4 ? ready : picked, state.standbys)
    const goal: PriorityGoal = { me: 'n1', picked, confirmed, strict }
    const step = nextOfPriority(state, goal)
    if (step === null) {
      if (look >= 4)
        return isEnd(state, goal) ? [] : [`ends too early: ${JSON.stringify({ start, goal, state })}`]
      continue
    }
    const before = state
    state = apply(state, step)
    const added =
      step.kind === 'publish' &&
      !isWithin(step.voters, before.leader === 'n1' ? [...before.voters, ...confirmed] : [])
    if (added) return [`published who has not caught up: ${JSON.stringify({ before, goal, step })}`]
    if (wasSound && !isSound(state))
      return [`a voter that is not waited for: ${JSON.stringify({ before, goal, step })}`]
    wasSound = isSound(state)
  }
  return [`no end: ${JSON.stringify({ start, picked, ready, strict, state })}`]
}

/** All that is waited for must acknowledge, so that each voter has what was acknowledged since it became one. */
function isSound({ leader, voters, standbys, count }: PriorityState): boolean {
  return leader !== 'n1' || voters.length === 0 || (isWithin(voters, standbys) && count === standbys.length)
}

function isEnd(state: PriorityState, { picked, strict, me }: PriorityGoal): boolean {
  if (strict && picked.length === 0) return state.leader === me && state.count >= 1
  return state.leader === me && isSame(state.voters, picked) && isSame(state.standbys, picked)
}
