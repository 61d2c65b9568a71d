// The small worlds of an agent that starts where a former one lived: what the data directory's name leads to, what of the
// former life still runs and whether that can be seen, what became of its fencer, and what etcd says of its leader key.

import type { Memory } from '../../src/model/decision/memory.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { revision } from '../../src/model/revision.ts'
import type { PostgresView } from '../../src/model/server/postgres.ts'
import { failure, paused, product, values } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, NOW, OTHER } from './frozen.ts'
import {
  base,
  clusters,
  directories,
  leaderKey,
  memory,
  peers,
  running,
  server,
  settings,
  silent,
  stopped,
  view,
  type World,
} from './parts.ts'
import { proofs } from './proofs.ts'

type Former = PostgresView['former']

interface Place {
  readonly directory: PostgresView['dataDirectory']
  readonly sameData: Former['sameData']
  /** It was put there under a running server. */
  readonly runsOutside?: Former['runsOutside']
}

/** What is where the data was. */
const places: readonly Place[] = frozen([
  { directory: directories.primary, sameData: formers.nothing.sameData },
  { directory: directories.standby, sameData: formers.nothing.sameData },
  // Renamed, deleted, or not mounted.
  { directory: directories.empty, sameData: formers.otherData.sameData },
  // An older backup, as a primary's or a standby's.
  { directory: directories.primaryClean, sameData: formers.otherData.sameData },
  { directory: directories.standby, sameData: formers.otherData.sameData },
  { directory: directories.primaryClean, ...formers.outside },
  { directory: directories.standby, ...formers.outside },
  { directory: directories.primary, sameData: formers.unknown.sameData },
  { directory: directories.foreign, sameData: formers.otherData.sameData },
  { directory: directories.inaccessible, sameData: formers.unknown.sameData },
  { directory: directories.unreadablePrimary, sameData: formers.nothing.sameData },
])

/** What of the former life, or by somebody's hand since, runs in the directory. */
const here = frozen([
  { process: stopped, server: silent, role: null },
  { process: running('accepting'), server: server(false), role: 'primary' as const },
  { process: running('accepting'), server: server(true), role: 'standby' as const },
  { process: running('unknown'), server: silent, role: null },
  { process: running('rejecting'), server: silent, role: null },
])

/** What runs outside it. */
const elsewhere: readonly Former['orphans'][] = frozen([
  formers.nothing.orphans,
  formers.orphan.orphans,
  formers.unknown.orphans,
])

/** The former agent's fencer may act, was told or killed, or nothing is known of it; or this agent has armed its own. */
const guards: readonly Snapshot['fencer'][] = frozen([
  { ...fencers.idle, formerMayAct: true },
  { ...fencers.dead, formerMayAct: false },
  fencers.armed,
])

const keys = frozen([
  clusters.meBefore,
  clusters.me,
  view({ leader: leaderKey('pg1', '0') }),
  clusters.nobody,
  clusters.other,
  clusters.unknown,
])

export function* formerWorlds(): Generator<World> {
  const parts = {
    place: places,
    here,
    orphans: elsewhere,
    fencer: guards,
    cluster: keys,
    proof: proofs.filter((_, index) => [0, 1, 2, 4, 5, 7, 10, 12, 14].includes(index)),
    life: [
      { startedAtMs: NOW - 2000, memory: { lastRole: null, joined: false, sawCluster: false } },
      { startedAtMs: base.startedAtMs, memory: { lastLeader: OTHER } },
      { startedAtMs: NOW - 40_000, memory: { lastFailure: failure('stop-orphans', 1000) } },
    ] satisfies readonly { startedAtMs: number; memory: Partial<Memory> }[],
    mode: ['normal', 'paused', 'stopping'] as const,
  }
  for (const { place, here: own, orphans, fencer, cluster, proof, life, mode } of product(parts)) {
    // A server lives in the directory only where there is one.
    if (own.process.kind === 'running' && place.directory.kind === 'empty' && life.memory.joined === false)
      continue
    const { runsOutside } = { ...formers.nothing, ...place }
    if (own.process.kind === 'stopped' && place.runsOutside !== undefined) continue
    yield {
      snap: {
        ...base,
        startedAtMs: life.startedAtMs,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: {
          dataDirectory: place.directory,
          process: own.process,
          server: own.server,
          former: { orphans, sameData: place.sameData, runsOutside },
        },
        fencer,
        settings: mode === 'paused' ? paused : settings,
        stopRequested: mode === 'stopping',
      },
      memory: { ...memory, lastRole: own.role, ...life.memory },
    }
  }
}

/** A handover, a promotion or a stop is in progress, and what runs outside the directory is found or not known meanwhile. */
export function* formerBusyWorlds(): Generator<World> {
  const jobs = frozen([
    { kind: 'stop-orphans' as const },
    { kind: 'stop' as const, mode: 'fast' as const, checkpoint: true, timeoutMs: null },
    {
      kind: 'promote' as const,
      timeoutMs: 60_000,
      note: { systemIdentifier: '', from: 1, at: 0n },
      skips: [],
    },
    { kind: 'start' as const, as: 'primary' as const, upstream: null, timeoutMs: 60_000 },
  ])
  const shutDown = { phase: 'shut down', stoppedAt: { checkpointLsn: 0x3000148n, previousLsn: 0x3000120n } }
  const parts = {
    job: jobs,
    progress: [null, shutDown],
    cancelled: [false, true],
    former: values(formers),
    here,
    cluster: keys,
    proof: proofs,
    peers: [peers.notAsked, peers.equal],
    handover: [false, true],
    stopRequested: [false, true],
  }
  for (const part of product(parts)) {
    const { job, progress, cancelled, former, here: own, cluster, proof } = part
    if (progress !== null && job.kind !== 'stop') continue
    if (part.handover && job.kind !== 'stop') continue
    const handover = { candidate: OTHER, startedAtMs: NOW - 3000, requestRevision: revision(39) }
    yield {
      snap: {
        ...base,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: { dataDirectory: directories.primary, ...own, former },
        work: { job, startedAtMs: NOW - 2000, progress, cancelled },
        peers: part.peers,
        fencer: fencers.armed,
        stopRequested: part.stopRequested,
      },
      memory: {
        ...memory,
        lastRole: own.role,
        handover: part.handover
          ? {
              ...handover,
              position: progress?.stoppedAt ?? null,
              stoppedAtMs: progress === null ? null : NOW,
            }
          : null,
      },
    }
  }
}
