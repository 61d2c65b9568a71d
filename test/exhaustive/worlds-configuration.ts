// The small worlds of a configuration in etcd that nobody can use, or that is newer than the one in force.

import type { ClusterView } from '../../src/model/cluster/cluster.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Outcome } from '../../src/model/decision/outcome.ts'
import { revision } from '../../src/model/revision.ts'
import { paused, product, sights } from './combine.ts'
import { ME, OTHER, OWN_IDENTIFIER } from './frozen.ts'
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
import { proofs } from './proofs.ts'

export function* configurationWorlds(): Generator<World> {
  const configs: readonly ClusterView['config'][] = [
    { value: { valid: false, why: 'not a JSON object' }, modRevision: revision(3) },
    { value: { valid: false, why: 'not a JSON object' }, modRevision: revision(30) },
    { value: { valid: true, document: {} }, modRevision: revision(30) },
    null,
  ]
  const released = (kind: 'done' | 'unreachable'): Outcome =>
    kind === 'done'
      ? { kind, action: 'release-lease' }
      : { kind, action: 'release-lease', why: 'deadline exceeded' }
  const parts = {
    config: configs,
    settingsConfirmed: [true, false],
    configRevision: [null, revision(3), revision(30)],
    leader: [null, ME, OTHER],
    initialize: [null, { value: OWN_IDENTIFIER, modRevision: revision(2) }],
    settings: [settings, paused],
    sight: [
      ...sights.filter((_, index) => [0, 1, 6].includes(index)),
      { process: stopped, server: silent, lastRole: null },
    ],
    directory: [directories.primary, directories.standby, { kind: 'empty' as const }],
    joined: [{}, { joined: false }, { leaderKeyInherited: true }] satisfies readonly Partial<Memory>[],
    proof: proofs.filter((_, index) => [0, 4, 7].includes(index)),
    peers: [peers.notAsked, peers.equal],
    outcomes: [[], [released('done')], [released('unreachable')]] satisfies readonly (readonly Outcome[])[],
  }
  for (const part of product(parts)) {
    const { config, leader, initialize, sight, directory, joined, proof, outcomes, ...rest } = part
    const { process, server: answer, lastRole } = sight
    // From its release on the lease is not ours, whatever becomes of the request.
    if (outcomes.length > 0 && proof.lease.leaderUntilMs > 0) continue
    yield {
      snap: {
        ...base,
        ...rest,
        cluster: view({ config, initialize, leader: leader === null ? null : leaderKey(leader) }),
        lease: proof.lease,
        outcomes: [...proof.outcomes, ...outcomes],
        postgres: { ...base.postgres, dataDirectory: directory, process, server: answer },
      },
      memory: { ...memory, lastRole, lastLeader: leader, ...joined },
    }
  }
}
