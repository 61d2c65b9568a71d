// Each check of the small world is shown a decision that it must not let pass, so that silence means something.

import { describe, expect, test } from 'vitest'
import { decide } from '../../src/decide/decide.ts'
import type { Action } from '../../src/model/decision/action.ts'
import type { Decision } from '../../src/model/decision/decision.ts'
import { revision } from '../../src/model/revision.ts'
import { drive } from './beat.ts'
import { problems } from './checks.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, OTHER, OWN_IDENTIFIER } from './frozen.ts'
import { base, clusters, directories, memory, peers, running, server, view, type World } from './parts.ts'
import { noLease, proofs } from './proofs.ts'

const primary = {
  dataDirectory: directories.primary,
  process: running('accepting'),
  server: server(false),
  former: formers.nothing,
}
const fresh = proofs[4]?.lease ?? noLease
const standby: World = { snap: { ...base, cluster: clusters.nobody }, memory }
const leader: World = {
  snap: { ...base, cluster: clusters.me, lease: fresh, postgres: primary, fencer: fencers.armed },
  memory: { ...memory, lastRole: 'primary' },
}
const orphan: World = { snap: { ...leader.snap, lease: noLease }, memory: leader.memory }

function decided(actions: readonly Action[], more: Partial<Decision> = {}): Decision {
  return {
    rule: 'test.rule',
    reason: 'a test',
    considered: [],
    actions,
    upkeep: [],
    memory,
    next: 'settled',
    wakeInMs: 1000,
    ...more,
  }
}

const unguardedLed = view({
  lastLeader: { value: OTHER, modRevision: revision(40) },
  guard: { value: { leader: OTHER, guarded: false }, modRevision: revision(40) },
})
const from = { name: 'pg2', host: '10.0.0.2', port: 5432, slot: null }
const promote: Action = {
  kind: 'begin',
  job: { kind: 'promote', timeoutMs: 1, note: { systemIdentifier: '', from: 1, at: 0n }, skips: [] },
}
const startPrimary: Action = {
  kind: 'begin',
  job: { kind: 'start', as: 'primary', upstream: null, timeoutMs: 1 },
}
const rewind: Action = { kind: 'begin', job: { kind: 'rewind', from } }

describe('the checks see', () => {
  test.each<[string, World, Decision, string]>([
    ['a promotion without a lease', standby, decided([promote]), 'writes without lease time'],
    [
      'a start without a fencer',
      { ...leader, snap: { ...leader.snap, fencer: fencers.dead } },
      decided([startPrimary]),
      'writes without an armed fencer',
    ],
    [
      'an acquisition beside a primary',
      { ...standby, snap: { ...standby.snap, peers: peers.primary } },
      decided([{ kind: 'acquire-lease', ifRevision: null }]),
      'though pg2 runs as primary',
    ],
    [
      'an unguarded primary that asks to lead',
      { ...orphan, snap: { ...orphan.snap, fencer: fencers.idle } },
      decided([{ kind: 'acquire-lease', ifRevision: null }]),
      'a primary that nothing guards asks to lead',
    ],
    [
      'a fencer that is disarmed too early',
      leader,
      decided([{ kind: 'disarm-fencer' }]),
      'before etcd has taken note',
    ],
    [
      'a guard that is not there',
      { ...leader, snap: { ...leader.snap, fencer: fencers.dead } },
      decided([{ kind: 'note-guarded', ifRevision: null, leaderRevision: revision(40) }]),
      'tells etcd of a guard that is not there',
    ],
    [
      'a race beside a leader that nothing guards',
      { ...standby, snap: { ...standby.snap, cluster: unguardedLed } },
      decided([{ kind: 'acquire-lease', ifRevision: null }], { rule: 'race.acquire-lease' }),
      'races beside a leader that nothing guards',
    ],
    [
      'a release beside itself',
      leader,
      decided([{ kind: 'release-lease', status: null }]),
      'releases the lease of a running primary',
    ],
    ['a primary left running', orphan, decided([]), 'leaves a primary running without a lease'],
    ['a rewind of what may lead', leader, decided([rewind]), 'while the lease may be ours'],
    [
      'a rewind without a verdict',
      { ...standby, snap: { ...standby.snap, cluster: clusters.other } },
      decided([rewind]),
      'rewind without a verdict',
    ],
    [
      'the end of a member',
      { ...standby, memory: { ...memory, joinedAs: OWN_IDENTIFIER } },
      decided([{ kind: 'exit', code: 1, why: 'system ID mismatch' }]),
      'ends the agent of a member',
    ],
    ['a step that does nothing', standby, decided([], { next: 'again' }), 'takes another step'],
    ['a reason with a hole', standby, decided([], { reason: 'held by null' }), 'an unreadable reason'],
    ['a full stop', standby, decided([], { reason: 'it is over.' }), 'an unreadable reason'],
  ])('%s', (_name, world, decision, problem) => {
    expect(problems(world, decision).join('; ')).toContain(problem)
  })

  test('nothing in a reason with a hint', () => {
    expect(problems(standby, decided([], { reason: 'it is full. HINT: Remove something.' }))).toEqual([])
  })
  test('nothing in a healthy leader', () => {
    expect(problems(leader, decide(leader.snap, leader.memory))).toEqual([])
    expect(drive(leader, 'good')).toMatchObject({ settled: true, problems: [] })
  })
  test('a written Map, list and object', () => {
    const value = frozen({ map: new Map([['a', [1]]]), list: [1] })
    expect(() => value.map.set('b', [])).toThrow('was written to')
    expect(() => value.list.push(2)).toThrow()
    expect(() => value.map.get('a')?.push(2)).toThrow()
  })
})
