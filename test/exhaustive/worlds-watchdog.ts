// The small worlds of a node with a watchdog device, or of one that needs it and does not have it.

import type { Memory } from '../../src/model/decision/memory.ts'
import { revision } from '../../src/model/revision.ts'
import { failure, paused, product, sights } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { OTHER } from './frozen.ts'
import { base, clusters, directories, memory, peers, settings, silent, stopped, type World } from './parts.ts'
import { proofs } from './proofs.ts'
import { watchdogs } from './watchdogs.ts'

export function* watchdogWorlds(): Generator<World> {
  const parts = {
    cluster: [clusters.me, clusters.meBefore, clusters.other, clusters.nobody, clusters.unknown],
    proof: proofs.filter((_, index) => [0, 1, 2, 4, 5, 6, 11, 15, 24].includes(index)),
    sight: [
      ...sights.filter((_, index) => [0, 1, 4].includes(index)),
      { process: stopped, server: silent, lastRole: 'primary' as const },
    ],
    watchdog: watchdogs,
    directory: [directories.primary, directories.standby],
    peers: [peers.notAsked, peers.equal],
    past: [
      {},
      { lastFailure: failure('open-watchdog', 1000) },
      { joined: false, founding: { initializeRevision: revision(2), stage: 'ready' as const } },
    ] satisfies readonly Partial<Memory>[],
    mode: ['normal', 'paused', 'stopping'] as const,
    fencer: [fencers.armed, fencers.dead],
  }
  for (const { cluster, proof, sight, watchdog, directory, past, peers: asked, mode, fencer } of product(
    parts,
  )) {
    const { process, server, lastRole } = sight
    const isOpen = watchdog.fencer.watchdog !== undefined
    // A program that does not run has nothing open; a device is opened in a normal beat only.
    if (fencer === fencers.dead && (isOpen || watchdog.outcomes.length > 0)) continue
    if (mode !== 'normal' && watchdog.outcomes.length > 0) continue
    const resetAfterMs = (watchdog.fencer.watchdog?.timeoutS ?? 0) * 1000
    yield {
      snap: {
        ...base,
        self: watchdog.self,
        cluster,
        lease: isOpen ? { ...proof.lease, resetAfterMs } : proof.lease,
        outcomes: [...proof.outcomes, ...watchdog.outcomes],
        postgres: { dataDirectory: directory, process, server, former: formers.nothing },
        peers: asked,
        fencer: { ...fencer, ...watchdog.fencer },
        settings: mode === 'paused' ? paused : settings,
        stopRequested: mode === 'stopping',
      },
      memory: { ...memory, lastRole, lastLeader: OTHER, ...watchdog.memory, ...past },
    }
  }
}
