// The small worlds of a disk that hangs: that of the data, or that of the state directory with PostgreSQL's log; before, in and after
// work that would wait for it, and with a request that asks for such work.

import type { Memory } from '../../src/model/decision/memory.ts'
import type { Job, Work } from '../../src/model/decision/work.ts'
import { revision } from '../../src/model/revision.ts'
import type { VitalsView } from '../../src/model/server/vitals.ts'
import { failure, paused, product, sights } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, ME, NOW, OTHER } from './frozen.ts'
import {
  base,
  clusters,
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
import { jobs } from './worlds.ts'

const answering: VitalsView = {
  knocks: { unansweredSinceMs: null, asked: 'connection', unansweredTotalMs: 0 },
  disks: [],
  failingTotalMs: 0,
}
const why = 'a write has not come back'
const hangs = { state: 'hangs' as const, why }

const vitals: readonly VitalsView[] = frozen([
  { ...answering, ownDisks: [{ ...hangs, place: 'state', forMs: 60_000, serverLogs: true }] },
  { ...answering, ownDisks: [{ ...hangs, place: 'state', forMs: 60_000 }] },
  { ...answering, disks: [{ ...hangs, place: 'data', forMs: 6000 }] },
  { ...answering, disks: [{ ...hangs, place: 'data', forMs: 60_000 }] },
])

const request = {
  value: { leader: ME, candidate: OTHER, scheduledAt: null },
  modRevision: revision(39),
}

export function* diskWorlds(): Generator<World> {
  const waiting: readonly Job[] = jobs.filter(({ kind }) => kind === 'stop' || kind === 'promote')
  const works: readonly (Work | null)[] = [
    null,
    ...waiting.map(job => ({ job, startedAtMs: NOW - 40_000, progress: null, cancelled: false })),
  ]
  const parts = {
    cluster: [
      clusters.me,
      clusters.other,
      clusters.nobody,
      view({ leader: leaderKey(ME), failover: request }),
    ],
    proof: proofs.filter((_, index) => [0, 3, 4, 5, 11].includes(index)),
    sight: [
      ...sights.filter((_, index) => [0, 1, 4, 9, 10].includes(index)),
      { process: stopped, server: silent, lastRole: 'primary' as const },
    ],
    vitals,
    peers: [peers.notAsked, peers.equal, peers.silent],
    past: [
      {},
      { promotionAsked: true },
      { yields: { why: 'it hung' }, lastFailure: failure('stop', 1000) },
    ] satisfies readonly Partial<Memory>[],
    work: frozen(works),
    settings: [settings, paused],
    fencer: [fencers.armed, fencers.dead],
  }
  for (const { cluster, proof, sight, past, ...rest } of product(parts)) {
    const { process, server, lastRole } = sight
    yield {
      snap: {
        ...base,
        ...rest,
        cluster,
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: {
          dataDirectory: lastRole === 'standby' ? directories.standby : directories.primary,
          process,
          server,
          former: formers.nothing,
        },
      },
      memory: { ...memory, lastRole, lastLeader: OTHER, ...past },
    }
  }
}
