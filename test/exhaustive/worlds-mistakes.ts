// The small worlds of an operator's mistakes: another cluster's identifier written into a running one's key, a leader key
// written by hand, without a lease or with the name of nobody.

import type { ClusterView, Member } from '../../src/model/cluster/cluster.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Outcome } from '../../src/model/decision/outcome.ts'
import { revision } from '../../src/model/revision.ts'
import { product, sights } from './combine.ts'
import { formers } from './formers.ts'
import { ME, OTHER, OWN_IDENTIFIER } from './frozen.ts'
import {
  base,
  directories,
  leaderKey,
  member,
  memory,
  peers,
  silent,
  stopped,
  view,
  type World,
} from './parts.ts'
import { proofs } from './proofs.ts'

const NOBODY = 'pg9'

export function* mistakenWorlds(): Generator<World> {
  const restored: Outcome = {
    kind: 'refused',
    action: 'write-initialize',
    holder: null,
    why: 'it has changed',
  }
  const parts = {
    leader: [null, ME, OTHER, NOBODY],
    leaseId: [undefined, null],
    initialize: [OWN_IDENTIFIER, '7000000000000000999'],
    joined: [
      {},
      { joinedAs: OWN_IDENTIFIER },
      { joinedAs: OWN_IDENTIFIER, strangeLeader: OTHER },
    ] satisfies readonly Partial<Memory>[],
    sight: [
      ...sights.filter((_, index) => [0, 1, 4, 5, 7].includes(index)),
      { process: stopped, server: silent, lastRole: null },
    ],
    proof: proofs.filter((_, index) => [0, 4, 8, 11].includes(index)),
    peers: [peers.notAsked, peers.equal, peers.silent],
    role: ['primary', 'replica', null],
    rejoin: ['check', 'follow', 'rewind-failed'] as const,
    outcomes: [[], [restored]] satisfies readonly (readonly Outcome[])[],
  }
  for (const part of product(parts)) {
    const { leader, leaseId, initialize, joined, sight, proof, role, rejoin, outcomes } = part
    if (leader === null && leaseId !== undefined) continue
    const { process, server: answer, lastRole } = sight
    yield {
      snap: {
        ...base,
        cluster: view({
          initialize: { value: initialize, modRevision: revision(42) },
          leader: leader === null ? null : leaderKey(leader, leaseId),
          members: membersOf(role),
        }),
        lease: proof.lease,
        outcomes: [...proof.outcomes, ...outcomes],
        peers: part.peers,
        postgres: {
          dataDirectory: lastRole === 'standby' ? directories.standby : directories.primary,
          process,
          server: answer,
          former: formers.nothing,
        },
      },
      memory: { ...memory, lastRole, lastLeader: leader, rejoin, ...joined },
    }
  }
}

function membersOf(role: string | null): ClusterView['members'] {
  const other: readonly Member[] = role === null ? [] : [member(OTHER, role)]
  return [member(ME, 'replica'), ...other]
}
