// Somebody asks this node for a restart or for a new copy of its data, or a restart was scheduled: wherever it is, whatever
// it does, and whatever else was asked for.

import { FIRST_MEMORY, type Memory } from '../../src/model/decision/memory.ts'
import type { Order, ScheduledRestart } from '../../src/model/decision/order.ts'
import type { Work } from '../../src/model/decision/work.ts'
import { revision } from '../../src/model/revision.ts'
import { failure, paused, product, sights, values } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, NOW, OTHER, WALL } from './frozen.ts'
import {
  base,
  clusters,
  directories,
  handover,
  memory,
  peers,
  settings,
  silent,
  stopped,
  type World,
} from './parts.ts'
import { proofs } from './proofs.ts'
import { jobs } from './worlds.ts'

const who = { id: 'o1', by: 'somebody' }
const shown = { schedule: 'soon' }
const restart = { kind: 'restart', ...who, filters: {}, timeoutMs: null } as const

const orders: readonly Order[] = frozen([
  restart,
  { ...restart, filters: { role: 'primary' }, timeoutMs: 30_000 },
  { kind: 'schedule-restart', ...who, filters: {}, timeoutMs: null, atMs: WALL + 60_000, shown },
  { kind: 'delete-scheduled-restart', ...who },
  { kind: 'reinitialize', ...who, force: false, fromLeader: true },
  { kind: 'reinitialize', ...who, force: true, fromLeader: false },
])

function scheduled(inMs: number, more: Partial<ScheduledRestart> = {}): Partial<Memory> {
  const plain = { by: 'somebody', filters: {}, timeoutMs: null, postmasterStart: null, shown }
  return frozen({ scheduledRestart: { ...plain, atMs: WALL + inMs, ...more } })
}

const pasts: readonly Partial<Memory>[] = frozen([
  {},
  scheduled(60_000),
  scheduled(-1000),
  scheduled(-1000, { filters: { role: 'replica' } }),
  scheduled(-60_000),
  scheduled(-1000, { postmasterStart: 'another' }),
  { handover: handover(100) },
  { promotionAsked: true },
  { leaderlessSinceMs: NOW - 90_000 },
  { joined: false, joinedAs: null, sawCluster: false },
  { rejoin: 'diverged' as const, lastFailure: failure('rewind', 1000) },
  { founding: { initializeRevision: revision(2), stage: 'running' as const } },
])

const rest = frozen([
  { process: stopped, server: silent, lastRole: 'primary' as const },
  { process: stopped, server: silent, lastRole: 'standby' as const },
])

/** Nothing is in progress. */
export function* orderWorlds(): Generator<World> {
  const parts = {
    cluster: values(clusters),
    proof: proofs.filter((_, index) => index % 3 === 0),
    sight: [...sights, ...rest],
    directory: [directories.primary, directories.standby, directories.empty, directories.foreign],
    order: [...orders, null],
    past: pasts,
    peers: [peers.notAsked, peers.primary, peers.equal],
    mode: ['normal', 'paused'] as const,
  }
  let index = 0
  for (const { cluster, proof, sight, directory, order, past, peers: asked, mode } of product(parts)) {
    // Its server was stopped for it.
    if (
      past.handover !== undefined &&
      (sight.process.kind === 'running' || directory !== directories.primary)
    )
      continue
    // Another cluster's data in maintenance mode is not guarded, and not of this one: test/decisions/asked.txt.
    if (mode === 'paused' && directory === directories.foreign && sight.process.kind === 'running') continue
    // A part of them, in a stride that meets every value of every part.
    if (index++ % 23 !== 0) continue
    const { process, server, lastRole } = sight
    yield {
      snap: {
        ...base,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: { dataDirectory: directory, process, server, former: formers.nothing },
        peers: asked,
        fencer: fencers.armed,
        settings: mode === 'paused' ? paused : settings,
        order,
      },
      memory: { ...FIRST_MEMORY, ...memory, lastRole, lastLeader: OTHER, ...past },
    }
  }
  yield* busyOrderWorlds()
}

/** Something is: forced or not, cancelled or not, in maintenance mode or not, while the agent stops or not. */
function* busyOrderWorlds(): Generator<World> {
  const unguarded = {
    kind: 'restart',
    as: 'primary',
    upstream: null,
    timeoutMs: 60_000,
    unguarded: true,
  } as const
  const works: readonly Work[] = [...jobs, unguarded].flatMap(job =>
    [false, true].map(cancelled => ({ job, startedAtMs: NOW - 5000, progress: null, cancelled })),
  )
  const parts = {
    cluster: values(clusters),
    proof: proofs.filter((_, index) => index % 3 === 0),
    work: frozen(works),
    order: [...orders, null],
    sight: [...sights.slice(0, 5), ...rest],
    peers: [peers.notAsked, peers.primary, peers.silent],
    mode: ['normal', 'paused', 'stopping'] as const,
  }
  let index = 0
  for (const { cluster, proof, work, order, sight, peers: asked, mode } of product(parts)) {
    if (index++ % 11 !== 0) continue
    const { process, server, lastRole } = sight
    yield {
      snap: {
        ...base,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: { dataDirectory: directories.primary, process, server, former: formers.nothing },
        work,
        peers: asked,
        settings: mode === 'paused' ? paused : settings,
        stopRequested: mode === 'stopping',
        order,
      },
      memory: { ...memory, lastRole },
    }
  }
}
