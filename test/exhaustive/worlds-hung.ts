// The small worlds of a server that answers no new connection, before and after it was stopped for that; of a full disk, and
// of an agent that stands still again and again.

import type { Memory } from '../../src/model/decision/memory.ts'
import type { VitalsView } from '../../src/model/server/vitals.ts'
import { failure, product, sights } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { NOW, OTHER } from './frozen.ts'
import {
  base,
  clusters,
  directories,
  memory,
  peer,
  peers,
  running,
  silent,
  stopped,
  type World,
} from './parts.ts'
import { proofs } from './proofs.ts'

const mute = (forMs: number, asked: 'connection' | 'login' = 'connection'): VitalsView => ({
  knocks: { unansweredSinceMs: NOW - forMs, asked, unansweredTotalMs: forMs },
  disks: [],
  failingTotalMs: 0,
})

const withoutRoom: VitalsView = {
  knocks: { unansweredSinceMs: null, asked: 'connection', unansweredTotalMs: 0 },
  disks: [{ place: 'wal', state: 'full', why: 'No space left on device', forMs: 60_000 }],
  failingTotalMs: 60_000,
}

const stalling: VitalsView = {
  ...withoutRoom,
  disks: [],
  standstills: {
    ...{ times: 5, totalMs: 60_000, longestMs: 20_000, lastMs: 5000 },
    ...{ recentTimes: 5, recentMs: 60_000 },
  },
}

export function* hungWorlds(): Generator<World> {
  const parts = {
    cluster: [clusters.me, clusters.other, clusters.nobody],
    proof: proofs.filter((_, index) => [0, 3, 4, 5, 11].includes(index)),
    sight: [
      ...sights.filter((_, index) => [0, 1, 5].includes(index)),
      { process: running('unknown'), server: silent, lastRole: 'primary' as const },
      { process: stopped, server: silent, lastRole: 'primary' as const },
    ],
    vitals: [mute(1000), mute(6000), mute(60_000), mute(60_000, 'login'), withoutRoom, stalling],
    peers: [
      peers.notAsked,
      peers.equal,
      peers.silent,
      new Map([[OTHER, peer({ unfit: 'its PostgreSQL hangs' })]]),
      new Map([[OTHER, peer({ stalls: true })]]),
    ],
    past: [
      {},
      { yields: { why: 'it hung' } },
      { hungRestartAtMs: NOW - 60_000, stalledHandoverAtMs: NOW - 60_000 },
      { lastFailure: failure('stop', 1000) },
      { yields: { why: 'it hung' }, lastFailure: failure('stop', 1000) },
    ] satisfies readonly Partial<Memory>[],
    former: [formers.nothing, formers.orphan],
    fencer: [fencers.armed, fencers.dead],
  }
  for (const { cluster, proof, sight, past, former, ...rest } of product(parts)) {
    const { process, server, lastRole } = sight
    yield {
      snap: {
        ...base,
        ...rest,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: { dataDirectory: directories.primary, process, server, former },
      },
      memory: { ...memory, lastRole, lastLeader: OTHER, ...past },
    }
  }
}
