// Who wins a race, for random clusters: a total order, whatever the names and the order of the answers, and no more
// eagerness when less is seen.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/decide/decide.ts'
import { betterRival } from '../../src/decide/election/election.ts'
import { type CandidateQuestion, judgeCandidates, rankCandidates } from '../../src/judge/candidates.ts'
import type { Member } from '../../src/model/cluster/cluster.ts'
import type { PeerView } from '../../src/model/cluster/peer.ts'
import { revision } from '../../src/model/revision.ts'
import { type Seen, seen, unseen } from '../../src/model/seen.ts'
import type { MemberName } from '../../src/model/units.ts'
import { formers } from './formers.ts'
import { frozen, NOW } from './frozen.ts'
import { base, directories, member, memory, peer, running, self, server, view, type World } from './parts.ts'
import { noLease } from './proofs.ts'

const RUNS = { numRuns: 2000 }

/** A node as it is; what the others see of it follows from that. */
interface Node {
  readonly position: bigint
  readonly timeline: number
  readonly priority: number
  readonly nofailover: boolean
  readonly answers: boolean
}

const node: fc.Arbitrary<Node> = fc.record({
  position: fc.bigInt({ min: 1n, max: 4n }),
  timeline: fc.integer({ min: 1, max: 2 }),
  priority: fc.integer({ min: 1, max: 3 }),
  nofailover: fc.boolean(),
  answers: fc.boolean(),
})
const cluster = fc.array(node, { minLength: 2, maxLength: 5 })

function peerOf({ position, timeline, priority, nofailover, answers }: Node): Seen<PeerView> {
  if (!answers) return unseen('connect timeout')
  return peer({ position, timeline, nofailover, failoverPriority: nofailover ? 0 : priority })
}

/** The race as the node at `me` sees it. All histories agree: timeline 2 left timeline 1 before all positions. */
function worldOf(nodes: readonly Node[], names: readonly MemberName[], me: number): World {
  const own = nodes[me]
  if (own === undefined) throw new Error('no such node')
  const members = names.map(name => member(name, 'replica')).sort((a, b) => (a.name < b.name ? -1 : 1))
  const answers = nodes.flatMap((other, index) =>
    index === me ? [] : [[names[index] ?? '', peerOf(other)] as const],
  )
  const { timeline, position, nofailover, priority } = own
  const tags = { ...self.tags, nofailover, failoverPriority: nofailover ? 0 : priority }
  return {
    snap: {
      ...base,
      cluster: view({ members }),
      lease: noLease,
      peers: new Map(answers),
      self: { ...self, name: names[me] ?? '', tags },
      postgres: {
        dataDirectory: {
          ...directories.standby,
          history: seen(timeline === 1 ? [] : [{ timeline: 1, lsn: 0n }], NOW),
        },
        process: running('accepting'),
        server: server(true, { timeline, position }),
        former: formers.nothing,
      },
    },
    memory: { ...memory, lastMembers: members, lastRole: 'standby' },
  }
}

interface Request {
  readonly leader: number | null
  readonly candidate: number | null
  /** Until its time; null: at once. */
  readonly inMs: number | null
}

/** Nobody has led for so long that no head start is left. */
function afterWaiting(
  { snap, memory: before }: World,
  request: Request | null,
  lastLeader: MemberName | null,
): World {
  if (!snap.cluster.known) throw new Error('the cluster is seen')
  const names = namesOf(5)
  const nameOf = (index: number | null): MemberName | null => (index === null ? null : (names[index] ?? null))
  const at = request?.inMs ?? null
  const scheduledAt = at === null ? null : { text: 'a time', wallMs: snap.wallMs + at }
  const failover =
    request === null
      ? null
      : {
          value: { leader: nameOf(request.leader), candidate: nameOf(request.candidate), scheduledAt },
          modRevision: revision(39),
        }
  return {
    snap: { ...snap, cluster: seen({ ...snap.cluster.value, failover }, NOW) },
    memory: { ...before, lastLeader, leaderlessSinceMs: NOW - 10_000 },
  }
}

const decideOn = ({ snap, memory: remembered }: World): ReturnType<typeof decide> => decide(snap, remembered)
const ruleOf = (world: World): string => decide(world.snap, world.memory).rule
const namesOf = (count: number): MemberName[] => Array.from({ length: count }, (_, index) => `pg${index + 1}`)

/** Those that may take the lease, each as it sees the others. */
function racers(nodes: readonly Node[], names: readonly MemberName[] = namesOf(nodes.length)): number[] {
  return nodes.flatMap((_, index) =>
    ruleOf(worldOf(nodes, names, index)) === 'race.acquire-lease' ? [index] : [],
  )
}

describe('a race', () => {
  test('is never without a winner, when all answer and one may lead', () => {
    fc.assert(
      fc.property(cluster, nodes => {
        const all = nodes.map(each => ({ ...each, answers: true }))
        fc.pre(all.some(each => !each.nofailover))
        expect(racers(all).length).toBeGreaterThan(0)
      }),
      RUNS,
    )
  })
  test('is won by the most WAL on the newest timeline, then by priority; only equals race each other', () => {
    fc.assert(
      fc.property(cluster, nodes => {
        const all = nodes.map(each => ({ ...each, answers: true }))
        const able = all.filter(each => !each.nofailover)
        const before = (a: Node, b: Node): number =>
          b.timeline - a.timeline || Number(b.position - a.position) || b.priority - a.priority
        const best = [...able].sort(before)[0]
        if (best === undefined) return
        for (const index of racers(all)) expect(before(all[index] ?? best, best)).toBe(0)
      }),
      RUNS,
    )
  })
  test('does not depend on names', () => {
    fc.assert(
      fc.property(cluster, fc.infiniteStream(fc.nat()), (nodes, random) => {
        const names = namesOf(nodes.length)
        const other = names.map(name => `n${random.next().value}-${name}`)
        expect(racers(nodes, other)).toEqual(racers(nodes, names))
      }),
      RUNS,
    )
  })
  test('hiding a node makes another eager only if that node stood in its way', () => {
    fc.assert(
      fc.property(cluster, fc.nat(), fc.nat(), (nodes, meSeed, hiddenSeed) => {
        const me = meSeed % nodes.length
        const hidden = hiddenSeed % nodes.length
        fc.pre(me !== hidden)
        const names = namesOf(nodes.length)
        const before = worldOf(nodes, names, me)
        const without = worldOf(
          nodes.map((each, index) => (index === hidden ? { ...each, answers: false } : each)),
          names,
          me,
        )
        if (ruleOf(before) === 'race.acquire-lease') expect(ruleOf(without)).toBe('race.acquire-lease')
        if (ruleOf(without) !== 'race.acquire-lease' || ruleOf(before) === 'race.acquire-lease') return
        const alone = nodes.map((each, index) =>
          index === me || index === hidden ? each : { ...each, answers: false },
        )
        const reason = decide(worldOf(alone, names, me).snap, before.memory)
        expect(reason.rule).toBe('race.stand-back')
        expect(reason.reason).toContain(names[hidden])
      }),
      RUNS,
    )
  })
  test('has a winner in the end, whatever was asked for, and whoever remembers whom', () => {
    const index = fc.nat({ max: 4 })
    const request = fc.record({
      leader: fc.option(index),
      candidate: fc.option(index),
      inMs: fc.option(fc.constantFrom(-1000, 60_000)),
    })
    fc.assert(
      fc.property(
        cluster,
        fc.option(request),
        fc.array(fc.option(index), { minLength: 5, maxLength: 5 }),
        (nodes, asked, led) => {
          const all = nodes.map(each => ({ ...each, answers: true }))
          fc.pre(all.some(each => !each.nofailover))
          const names = namesOf(all.length)
          const rules = all.map((_, me) =>
            ruleOf(afterWaiting(worldOf(all, names, me), asked, names[led[me] ?? -1] ?? null)),
          )
          expect(rules).toContain('race.acquire-lease')
        },
      ),
      RUNS,
    )
  })
  test('a switchover that was asked for makes nobody win who has less than another', () => {
    fc.assert(
      fc.property(cluster, fc.nat(), (nodes, seed) => {
        const all = nodes.map(each => ({ ...each, answers: true }))
        const names = namesOf(all.length)
        const me = seed % all.length
        const request = { leader: (me + 1) % all.length, candidate: me, inMs: null }
        const { rule } = decideOn(afterWaiting(worldOf(all, names, me), request, null))
        if (rule !== 'race.acquire-lease') return
        const own = all[me]
        const ahead = all.filter(
          each =>
            !each.nofailover &&
            own !== undefined &&
            each.timeline === own.timeline &&
            each.position > own.position,
        )
        expect(ahead).toEqual([])
      }),
      RUNS,
    )
  })
  test('a primary that answers stops every standby, whatever else is seen', () => {
    fc.assert(
      fc.property(cluster, fc.boolean(), (nodes, nofailover) => {
        const names = namesOf(nodes.length)
        const { snap, memory: remembered } = worldOf(nodes, names, 0)
        const alive = peer({ runsAsPrimary: true, role: 'primary', nofailover })
        const answers = new Map([...(snap.peers ?? []), [names[1] ?? '', alive]])
        expect(ruleOf({ snap: { ...snap, peers: answers }, memory: remembered })).not.toBe(
          'race.acquire-lease',
        )
      }),
      RUNS,
    )
  })
  test('of two nodes at most one stands back for the other', () => {
    fc.assert(
      fc.property(node, node, (a, b) => {
        const nodes = [a, b].map(each => ({ ...each, answers: true, nofailover: false }))
        const [first, second] = [0, 1].map(me => {
          const { snap, memory: remembered } = worldOf(nodes, namesOf(2), me)
          if (!snap.cluster.known) throw new Error('the cluster is seen')
          return betterRival({ snap, memory: remembered, view: snap.cluster.value })
        })
        expect(first !== null && second !== null).toBe(false)
      }),
      RUNS,
    )
  })
})

describe('candidates of a handover', () => {
  const question = (nodes: readonly Node[], names: readonly MemberName[]): CandidateQuestion => ({
    members: names.map((name): Member => member(name, 'replica')),
    answers: new Map(nodes.map((each, index) => [names[index] ?? '', frozen(peerOf(each))])),
    exclude: ['pg0'],
    voters: null,
    wal: { kind: 'lag', leaderPosition: 3n, maximumBytes: 1n },
    clusterTimeline: 2,
  })

  test('are the same, in the same order, however the members are listed', () => {
    fc.assert(
      fc.property(cluster, fc.infiniteStream(fc.nat()), (nodes, random) => {
        const asked = question(nodes, namesOf(nodes.length))
        const keyed = asked.members.map(each => [random.next().value, each] as const)
        const shuffled = [...keyed].sort(([a], [b]) => a - b).map(([, each]) => each)
        const rank = (members: readonly Member[]) => rankCandidates(judgeCandidates({ ...asked, members }))
        expect(rank(shuffled)).toEqual(rank(asked.members))
      }),
      RUNS,
    )
  })
  test('stay good and keep their order when another one is hidden', () => {
    fc.assert(
      fc.property(cluster, fc.nat(), (nodes, seed) => {
        const names = namesOf(nodes.length)
        const hidden = seed % nodes.length
        const seenAll = rankCandidates(judgeCandidates(question(nodes, names))).map(({ name }) => name)
        const fewer = nodes.map((each, index) => (index === hidden ? { ...each, answers: false } : each))
        const seenFewer = rankCandidates(judgeCandidates(question(fewer, names))).map(({ name }) => name)
        expect(seenFewer).toEqual(seenAll.filter(name => name !== names[hidden]))
      }),
      RUNS,
    )
  })
  test('that are good answer, may lead, and are neither behind nor on an old timeline', () => {
    fc.assert(
      fc.property(cluster, nodes => {
        const names = namesOf(nodes.length)
        for (const { name, code } of judgeCandidates(question(nodes, names))) {
          const each = nodes[names.indexOf(name)]
          if (each === undefined) throw new Error('a candidate out of nowhere')
          const able = each.answers && !each.nofailover && each.position >= 2n && each.timeline >= 2
          expect(code === 'good').toBe(able)
        }
      }),
      RUNS,
    )
  })
})
