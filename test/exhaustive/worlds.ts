// The small worlds: for each question the full product of the parts that matter to it, one snapshot and memory each.

import type { Memory } from '../../src/model/decision/memory.ts'
import type { Job, Work } from '../../src/model/decision/work.ts'
import { revision } from '../../src/model/revision.ts'
import { failAtOnce, failure, paused, product, sights, values } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, ME, NOW, OTHER } from './frozen.ts'
import {
  base,
  clusters,
  directories,
  handover,
  memory,
  peers,
  self,
  settings,
  silent,
  stopped,
  type World,
} from './parts.ts'
import { proofs } from './proofs.ts'

/** A server runs: who leads, what is known of the lease, what the peers say, whether the fencer is armed. */
export function* runningWorlds(): Generator<World> {
  const parts = {
    cluster: values(clusters),
    proof: proofs,
    sight: sights,
    directory: [
      directories.primary,
      directories.standby,
      directories.unreadablePrimary,
      directories.inaccessible,
    ],
    peers: [peers.notAsked, peers.equal, peers.ahead, peers.primary, peers.newerPrimary],
    fencer: [fencers.armed, fencers.armedEarly, fencers.dead],
    mode: ['normal', 'paused', 'stopping'] as const,
  }
  for (const { cluster, proof, sight, directory, peers: asked, fencer, mode } of product(parts)) {
    const { process, server: answer, lastRole } = sight
    // A server that answered has a directory that tells nothing new.
    if (answer.known && directory === directories.unreadablePrimary && mode !== 'normal') continue
    yield {
      snap: {
        ...base,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: { dataDirectory: directory, process, server: answer, former: formers.nothing },
        peers: asked,
        fencer,
        settings: mode === 'paused' ? paused : settings,
        stopRequested: mode === 'stopping',
      },
      memory: { ...memory, lastRole, lastLeader: OTHER },
    }
  }
}

/** No server runs: what its data is, whether it may lead, follow or be replaced. */
export function* stoppedWorlds(): Generator<World> {
  const permitting = frozen({ ...self, removeDataOnDivergedTimelines: true, removeDataOnRewindFailure: true })
  const parts = {
    cluster: values(clusters),
    proof: proofs,
    directory: values(directories),
    rejoin: ['check', 'follow', 'diverged', 'rewind-failed'] as const,
    past: [
      {},
      { startFailures: 1, lastFailure: failure('start', 1000) },
      { handover: handover(100) },
      { handover: handover(8000) },
      { lastFailure: failure('rewind', 1000) },
      { lastFailure: failure('promote', 1000) },
      { joined: false },
      { releasedAtMs: NOW - 300 },
      { stoppedBySelf: true },
    ] satisfies readonly Partial<Memory>[],
    peers: [peers.notAsked, peers.equal, peers.silent],
    mode: ['normal', 'permitting', 'fail at once', 'paused', 'stopping'] as const,
  }
  for (const { cluster, proof, directory, rejoin, past, peers: asked, mode } of product(parts)) {
    // Peers are asked for a handover and for a failover at once, and not otherwise.
    if (asked !== peers.notAsked && mode !== 'fail at once' && !('handover' in past)) continue
    yield {
      snap: {
        ...base,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: { dataDirectory: directory, process: stopped, server: silent, former: formers.nothing },
        peers: asked,
        self: mode === 'permitting' ? permitting : self,
        settings: mode === 'paused' ? paused : mode === 'fail at once' ? failAtOnce : settings,
        stopRequested: mode === 'stopping',
      },
      memory: { ...memory, lastRole: 'primary', rejoin, ...past },
    }
  }
}

const from = { name: OTHER, host: '10.0.0.2', port: 5432, slot: ME }
export const jobs: readonly Job[] = [
  { kind: 'promote', timeoutMs: 60_000, note: { systemIdentifier: '', from: 1, at: 0n }, skips: [] },
  { kind: 'start', as: 'primary', upstream: null, timeoutMs: 60_000 },
  { kind: 'start', as: 'standby', upstream: from, timeoutMs: 60_000 },
  { kind: 'stop', mode: 'fast', checkpoint: true, timeoutMs: null },
  { kind: 'clone', from, upstream: from, replaces: null },
  { kind: 'follow', upstream: from },
  { kind: 'bootstrap', initializeRevision: revision(2) },
  { kind: 'clone', from, upstream: from, replaces: 'the timelines diverged' },
  { kind: 'restart', as: 'standby', upstream: from, timeoutMs: 60_000 },
  { kind: 'restart', as: 'primary', upstream: null, timeoutMs: 60_000, stopTimeoutMs: 60_000 },
  { kind: 'crash-recovery' },
  { kind: 'rewind', from },
  { kind: 'remove-data', why: 'the timelines diverged' },
  { kind: 'set-aside' },
]
const shutDown = { phase: 'shut down', stoppedAt: { checkpointLsn: 0x3000148n, previousLsn: 0x3000120n } }

/** Work is in progress. */
export function* busyWorlds(): Generator<World> {
  const works: readonly Work[] = jobs.flatMap(job => [
    { job, startedAtMs: NOW - 5000, progress: null, cancelled: false },
    { job, startedAtMs: NOW - 5000, progress: { phase: 'going on' }, cancelled: true },
    ...(job.kind === 'stop' ? [{ job, startedAtMs: NOW - 5000, progress: shutDown, cancelled: false }] : []),
  ])
  const parts = {
    cluster: values(clusters),
    proof: proofs,
    work: frozen(works),
    sight: [...sights, { process: stopped, server: silent, lastRole: 'primary' as const }],
    handover: [null, handover(null), handover(100), handover(6000)],
    peers: [peers.notAsked, peers.equal, peers.behind],
    stopRequested: [false, true],
  }
  for (const { cluster, proof, work, sight, handover: handed, peers: asked, stopRequested } of product(
    parts,
  )) {
    const { process, server: answer, lastRole } = sight
    // Only a leader that stops hands over.
    if (handed !== null && work.job.kind !== 'stop') continue
    yield {
      snap: {
        ...base,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: { dataDirectory: directories.primary, process, server: answer, former: formers.nothing },
        work,
        peers: asked,
        stopRequested,
      },
      memory: { ...memory, lastRole, handover: handed },
    }
  }
}
