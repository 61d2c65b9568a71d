// The small worlds of what cannot be relied on: data of which nobody can tell whose it is, a standby that receives nothing,
// replay that PostgreSQL paused, a request that nobody understands, and another node that has this one's name.

import type { ClusterView, Member } from '../../src/model/cluster/cluster.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import { revision } from '../../src/model/revision.ts'
import type { PostgresView } from '../../src/model/server/postgres.ts'
import { paused, product } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, ME, NOW, OTHER, WALL } from './frozen.ts'
import {
  base,
  directories,
  leaderKey,
  member,
  memory,
  peers,
  running,
  self,
  server,
  settings,
  silent,
  stopped,
  view,
  type World,
} from './parts.ts'
import { proofs } from './proofs.ts'

const HERE = 'here'

const undecided = (isLasting: boolean, retryInMs: number): Memory['undecided'] =>
  frozen({
    leader: OTHER,
    why: 'it does not answer',
    isLasting,
    tries: 3,
    sinceMs: NOW - 60_000,
    retryAtMs: NOW + retryInMs,
  })

const starving: Memory['starving'] = frozen({
  leader: OTHER,
  sinceMs: NOW - 400_000,
  sinceWall: WALL - 400_000,
  replayLsn: 0x3000148n,
})

/** A setting of the primary is greater than the one in force here. */
const pausedReplay = server(true, {
  replayPaused: true,
  inForce: {
    maxConnections: 50,
    maxWorkerProcesses: 8,
    maxWalSenders: 10,
    maxPreparedTransactions: 0,
    maxLocksPerTransaction: 64,
  },
})

const beyondTheFirst = {
  value: [{ timeline: 1, lsn: 0x3000000n, reason: '', at: null, leader: OTHER }],
  modRevision: revision(5),
}

const notUnderstood: Partial<ClusterView> = frozen({
  unreadable: [{ key: 'failover', modRevision: revision(39), why: 'it has an unknown field' }],
})
const understood: Partial<ClusterView> = frozen({
  failover: { value: { leader: ME, candidate: OTHER, scheduledAt: null }, modRevision: revision(39) },
})

const namesake = (host: string): readonly Member[] => [
  { ...member(ME, 'replica', { extra: { hactl: { host } } }), leaseId: '777' },
  member(OTHER, 'replica'),
]

interface Sight extends Pick<PostgresView, 'process' | 'server'> {
  readonly lastRole: Memory['lastRole']
}

const SIGHTS: readonly Sight[] = [
  { process: running('accepting'), server: server(true), lastRole: 'standby' },
  { process: running('accepting'), server: server(false), lastRole: 'primary' },
  { process: running('accepting'), server: pausedReplay, lastRole: 'standby' },
  {
    process: running('accepting'),
    server: server(true, { timeline: 2, controlTimeline: 2 }),
    lastRole: 'standby',
  },
  { process: stopped, server: silent, lastRole: null },
]

export function* doubtfulWorlds(): Generator<World> {
  const parts = {
    leader: [null, ME, OTHER],
    history: [null, beyondTheFirst],
    undecided: [null, undecided(false, 5000), undecided(true, -1)],
    starving: [null, starving],
    rejoin: ['check', 'follow'] as const,
    request: [{}, notUnderstood, understood],
    members: [undefined, namesake(HERE), namesake('elsewhere')],
    sight: SIGHTS,
    proof: proofs.filter((_, index) => [0, 4, 8].includes(index)),
    peers: [peers.notAsked, peers.equal, peers.silent],
    mode: ['normal', 'paused', 'stopping'] as const,
  }
  for (const part of product(parts)) {
    const { leader, history, sight, proof, members, mode } = part
    yield {
      snap: {
        ...base,
        self: frozen({ ...self, host: HERE }),
        cluster: view({
          leader: leader === null ? null : leaderKey(leader),
          history,
          ...part.request,
          // What the watch shows of a name is asked of etcd itself first.
          ...(members === undefined ? {} : { members, source: part.rejoin === 'check' ? 'watch' : 'read' }),
        }),
        lease: proof.lease,
        outcomes: proof.outcomes,
        peers: part.peers,
        postgres: {
          dataDirectory: sight.lastRole === 'primary' ? directories.primary : directories.standby,
          process: sight.process,
          server: sight.server,
          former: formers.nothing,
        },
        settings: mode === 'paused' ? paused : settings,
        stopRequested: mode === 'stopping',
        fencer: sight.lastRole === 'primary' && mode !== 'paused' ? fencers.armed : fencers.idle,
      },
      memory: {
        ...memory,
        lastRole: sight.lastRole,
        lastLeader: OTHER,
        rejoin: part.rejoin,
        undecided: part.undecided,
        starving: part.starving,
      },
    }
  }
}
