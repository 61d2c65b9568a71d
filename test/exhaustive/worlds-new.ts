// The small worlds of a cluster that comes into being, and of one whose operator asked for something.

import type { ClusterView } from '../../src/model/cluster/cluster.ts'
import type { ActionKind } from '../../src/model/decision/action.ts'
import { FIRST_MEMORY, type Memory } from '../../src/model/decision/memory.ts'
import type { Outcome } from '../../src/model/decision/outcome.ts'
import { revision } from '../../src/model/revision.ts'
import type { Seen } from '../../src/model/seen.ts'
import { failure, paused, product, sights, standbyCluster, synchronous, values } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { ME, NOW, OTHER, OWN_IDENTIFIER, WALL } from './frozen.ts'
import {
  base,
  directories,
  leaderKey,
  memory,
  peers,
  settings,
  silent,
  stopped,
  view,
  type World,
} from './parts.ts'
import { noLease, proofs } from './proofs.ts'

const raced = (kind: 'done' | 'refused' | 'unreachable', action: ActionKind): readonly Outcome[] =>
  kind === 'done'
    ? [{ kind, action }]
    : kind === 'refused'
      ? [{ kind, action, holder: null, why: 'it exists already' }]
      : [{ kind, action, why: 'deadline exceeded' }]

/** A cluster is created, adopted or joined. */
export function* newWorlds(): Generator<World> {
  const keys: readonly ClusterView['initialize'][] = [
    null,
    { value: '', modRevision: revision(2) },
    { value: '', modRevision: revision(57) },
    { value: OWN_IDENTIFIER, modRevision: revision(3) },
    { value: '7000000000000000999', modRevision: revision(3) },
  ]
  const views: readonly Seen<ClusterView>[] = [null, ME, OTHER].flatMap(name =>
    keys.flatMap(initialize =>
      (['read', 'watch'] as const).map(source =>
        view({ leader: name === null ? null : leaderKey(name), initialize, source, config: null }),
      ),
    ),
  )
  const parts = {
    cluster: views,
    directory: values(directories),
    sight: [
      ...sights.filter((_, index) => [0, 1, 6].includes(index)),
      { process: stopped, server: silent, lastRole: null },
    ],
    founding: [null, 'running', 'ready', 'failed'] as const,
    joined: [false, true],
    proof: [proofs[0], proofs[4]],
    outcomes: [
      [],
      ...(['done', 'refused', 'unreachable'] as const).flatMap(kind =>
        (['race-initialize', 'write-initialize', 'delete-initialize', 'take-leader'] as const).map(name =>
          raced(kind, name),
        ),
      ),
    ],
    past: [null, failure('bootstrap', 1000), failure('set-aside', 1000), failure('clone', 1000)],
  }
  for (const { cluster, directory, sight, founding, joined, proof, outcomes, past } of product(parts)) {
    const {
      process,
      server: answer,
      lastRole,
    } = sight ?? { process: stopped, server: silent, lastRole: null }
    if (founding !== null && (joined || past?.job === 'clone')) continue
    // The view is read anew where it matters: a beat with outcomes has one of its own.
    if (cluster.known && cluster.value.source === 'watch' && outcomes.length > 0) continue
    yield {
      snap: {
        ...base,
        cluster,
        lease: proof?.lease ?? noLease,
        outcomes,
        postgres: { dataDirectory: directory, process, server: answer, former: formers.nothing },
      },
      memory: {
        ...FIRST_MEMORY,
        lastRole,
        joined,
        sawCluster: true,
        founding: founding === null ? null : { initializeRevision: revision(2), stage: founding },
        lastFailure: past,
      },
    }
  }
}

/** A leader is asked to hand over, and a race is run under a request. */
export function* requestWorlds(): Generator<World> {
  const requests = [
    { leader: ME, candidate: OTHER },
    { leader: ME, candidate: null },
    { leader: OTHER, candidate: ME },
    { leader: null, candidate: OTHER },
    { leader: null, candidate: ME },
  ]
  const times = [
    null,
    -1000,
    -7_200_000,
    60_000,
    'garbage',
    'expired',
    'begun',
    'begun by the other',
  ] as const
  const parts = {
    leader: [null, ME, OTHER],
    request: requests,
    time: times,
    proof: proofs.filter((_, index) => [0, 4, 5, 8, 11, 15].includes(index)),
    sight: sights.filter((_, index) => [0, 1, 4].includes(index)),
    peers: values(peers),
    fencer: [fencers.armed, fencers.idle],
    settings: [settings, synchronous, standbyCluster, paused],
    past: [
      {},
      { lastFailure: failure('stop', 1000) },
      { leaderlessSinceMs: NOW - 6000 },
      { promotionAsked: true },
    ] satisfies readonly Partial<Memory>[],
  }
  for (const { leader, request, time, proof, sight, peers: asked, fencer, settings: mode, past } of product(
    parts,
  )) {
    // Under a mode that nobody can carry out they say nothing new.
    const isNew = time === 'begun by the other' || 'promotionAsked' in past
    if (isNew && (mode === synchronous || mode === standbyCluster)) continue
    const wallMs = typeof time === 'number' ? WALL + time : null
    const noted = time === 'expired' || time === 'begun' || time === 'begun by the other'
    const scheduledAt = time === null || noted ? null : { text: String(time), wallMs }
    const begunBy = time === 'begun' ? ME : time === 'begun by the other' ? OTHER : null
    const note = { id: null, by: null, atMs: null, untilMs: WALL - 1, begunBy }
    const value = { ...request, scheduledAt, ...(noted && { note }) }
    const failover = { value, modRevision: revision(39) }
    const { process, server: answer, lastRole } = sight
    yield {
      snap: {
        ...base,
        cluster: view({ leader: leader === null ? null : leaderKey(leader), failover }),
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: {
          dataDirectory: lastRole === 'standby' ? directories.standby : directories.primary,
          process,
          server: answer,
          former: formers.nothing,
        },
        peers: asked,
        fencer,
        settings: mode,
      },
      memory: { ...memory, lastRole, ...past },
    }
  }
}
