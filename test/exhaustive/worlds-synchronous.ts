// The small worlds of the synchronous modes: what etcd says of them, what PostgreSQL waits for, and who streams.

import type { SyncState } from '../../src/model/cluster/cluster.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Order } from '../../src/model/decision/order.ts'
import { revision } from '../../src/model/revision.ts'
import { seen, unseen } from '../../src/model/seen.ts'
import type { PostgresView, ServerView } from '../../src/model/server/postgres.ts'
import type { DynamicSettings } from '../../src/model/settings/dynamic-settings.ts'
import { product } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, ME, NOW, OTHER } from './frozen.ts'
import {
  base,
  directories,
  leaderKey,
  memory,
  peers,
  running,
  server,
  settings,
  view,
  type World,
} from './parts.ts'
import { proofs } from './proofs.ts'
import { waiting } from './waiting.ts'

const modes: readonly Partial<DynamicSettings>[] = [
  {},
  { synchronousMode: 'on' },
  { synchronousMode: 'on', synchronousStrict: true },
  { synchronousMode: 'quorum' },
  { synchronousMode: 'quorum', synchronousStrict: true, synchronousNodeCount: 2 },
]

const keys: readonly (SyncState | null)[] = [
  null,
  { leader: ME, quorum: 0, standbys: [] },
  { leader: ME, quorum: 0, standbys: [OTHER] },
  { leader: OTHER, quorum: 0, standbys: [ME] },
  { leader: OTHER, quorum: 0, standbys: ['pg3'] },
  { leader: OTHER, quorum: 1, standbys: [ME, 'pg3'] },
]

const restart: Order = frozen({ kind: 'restart', id: 'o1', by: 'somebody', filters: {}, timeoutMs: null })

const forced = { value: { leader: null, candidate: ME, scheduledAt: null }, modRevision: revision(39) }

type Asked = 'nothing' | 'stop' | 'restart' | 'failover'

export function* synchronousWorlds(): Generator<World> {
  const parts = {
    mode: frozen(modes),
    paused: [false, true],
    leader: [null, ME, OTHER],
    key: frozen(keys),
    isPrimary: [true, false],
    names: ['', OTHER, `ANY 1 (${OTHER})`, `2 (${OTHER},pg3)`],
    file: ['same', 'none', 'unknown'] as const,
    streams: [true, false],
    ready: [[], [OTHER]],
    proof: proofs.filter((_, index) => [0, 4, 6].includes(index)),
    asked: ['nothing', 'stop', 'restart', 'failover'] as readonly Asked[],
    peers: [peers.notAsked, peers.equal, peers.silent, peers.nobody],
  }
  for (const { mode, paused, leader, key, proof, asked, peers: answers, ...here } of product(parts)) {
    if (leader !== null && answers !== peers.notAsked) continue
    if (here.isPrimary && (leader !== ME || asked !== 'nothing')) continue
    if (leader !== ME && (here.names !== '' || here.file !== 'same')) continue
    if (!here.isPrimary && (here.streams || here.ready.length > 0)) continue
    const { server: own, syncFile } = postgresOf(here)
    yield {
      snap: {
        ...base,
        cluster: view({
          leader: leader === null ? null : leaderKey(leader),
          lastLeader: { value: OTHER, modRevision: revision(38) },
          sync: key === null ? null : { value: key, modRevision: revision(37) },
          failover: asked === 'failover' ? forced : null,
          guard: paused ? { value: { leader: ME, guarded: false }, modRevision: revision(39) } : null,
        }),
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: {
          dataDirectory: here.isPrimary ? directories.primary : directories.standby,
          process: running('accepting'),
          ...{ server: own, syncFile, former: formers.nothing },
        },
        peers: answers,
        fencer: paused ? fencers.idle : fencers.armed,
        settings: { ...settings, ...mode, paused },
        stopRequested: asked === 'stop',
        order: asked === 'restart' ? restart : null,
      },
      memory: { ...memory, lastRole: here.isPrimary ? 'primary' : 'standby', ...remembered(here) },
    }
  }
}

interface Here {
  readonly isPrimary: boolean
  readonly names: string
  readonly file: 'same' | 'none' | 'unknown'
  readonly streams: boolean
  readonly ready: readonly string[]
}

function postgresOf({
  isPrimary,
  names,
  file,
  streams,
}: Here): Required<Pick<PostgresView, 'server' | 'syncFile'>> {
  const shown = server(!isPrimary)
  const value = file === 'same' && names !== '' ? names : null
  return {
    server: shown.known ? seen(waitingFor(shown.value, names, streams), NOW) : shown,
    syncFile: file === 'unknown' ? unseen('it is being written') : seen(value, NOW),
  }
}

function waitingFor(shown: ServerView, standbyNames: string, streams: boolean): ServerView {
  const synchronous = { standbyNames, commit: 'on' }
  return waiting({ ...shown, replication: streams ? shown.replication : [], synchronous })
}

function remembered({ isPrimary, names, ready }: Here): Partial<Memory> {
  if (!isPrimary) return {}
  return { sync: { setting: names, sinceMs: NOW - 10_000, catchUpLsn: 0x3000148n, ready } }
}
