// The small worlds of failsafe mode, of a member that has promised, and of the other reasons why nobody leads yet: the last
// automatic failover was only a moment ago, WAL still comes.

import type { FailsafeMembers, Promises } from '../../src/model/cluster/failsafe.ts'
import type { TakeoverNote } from '../../src/model/cluster/takeover.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Work } from '../../src/model/decision/work.ts'
import { revision } from '../../src/model/revision.ts'
import { unseen } from '../../src/model/seen.ts'
import { product } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, ME, NOW, OTHER } from './frozen.ts'
import {
  base,
  directories,
  handover,
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
import { jobs } from './worlds.ts'

const both: FailsafeMembers = {
  [ME]: 'http://10.0.0.1:8008/patroni',
  [OTHER]: 'http://10.0.0.2:8008/patroni',
}
const keys: readonly (FailsafeMembers | null)[] = [null, both, { [OTHER]: 'http://10.0.0.2:8008/patroni' }]

const NOTHING_PROMISED: Promises = { last: null, earlierUntilMs: 0, offUntilMs: null }
const ping = { name: OTHER, connUrl: '', apiUrl: '', slots: {} }
const promises: readonly Promises[] = [
  NOTHING_PROMISED,
  { ...NOTHING_PROMISED, last: { ...ping, atMs: NOW - 5000, untilMs: NOW + 20_000 } },
  { ...NOTHING_PROMISED, earlierUntilMs: NOW + 20_000 },
]

const refused = frozen({
  ...{ sentAtMs: NOW - 4000, endedAtMs: NOW - 3000, asked: [OTHER] },
  refusals: [{ name: OTHER, why: 'no answer' }],
})
const work: Work = frozen({
  job: jobs[0] as Work['job'],
  ...{ startedAtMs: NOW - 5000, progress: null, cancelled: false },
})

export function* failsafeWorlds(): Generator<World> {
  const parts = {
    sees: ['nothing', 'nobody', ME, OTHER],
    key: frozen(keys),
    remembered: frozen(keys),
    asked: [null, refused],
    promised: frozen(promises),
    byMembers: [false, true],
    isPrimary: [true, false],
    proof: proofs,
    fencer: [fencers.armed, fencers.idle],
    work: [null, work],
    peers: [peers.notAsked, peers.equal, peers.silent, peers.primary],
    mode: ['on', 'off'] as const,
  }
  for (const { sees, key, remembered, proof, promised, byMembers, isPrimary, ...rest } of product(parts)) {
    if (sees !== 'nobody' && rest.peers !== peers.notAsked) continue
    if (sees === 'nothing' && key !== null) continue
    if (isPrimary ? promised !== promises[0] : byMembers || rest.asked !== null) continue
    if (rest.mode === 'off' && (rest.asked !== null || byMembers)) continue
    if (rest.work !== null && sees !== ME && sees !== 'nothing') continue
    const leader = sees === ME || sees === OTHER ? leaderKey(sees) : null
    const failsafe = key === null ? null : { value: key, modRevision: revision(36) }
    yield {
      snap: {
        ...base,
        cluster:
          sees === 'nothing'
            ? frozen(unseen('no quorum'))
            : view({ leader, failsafe, lastLeader: { value: OTHER, modRevision: revision(38) } }),
        lease: byMembers ? { ...proof.lease, membersUntilMs: NOW + 20_000 } : proof.lease,
        outcomes: proof.outcomes,
        postgres: {
          dataDirectory: isPrimary ? directories.primary : directories.standby,
          process: running('accepting'),
          server: server(!isPrimary),
          former: formers.nothing,
        },
        promises: promised,
        peers: rest.peers,
        work: rest.work,
        fencer: rest.fencer,
        settings: { ...settings, failsafeMode: rest.mode === 'on' },
      },
      memory: {
        ...memory,
        lastRole: isPrimary ? 'primary' : 'standby',
        blindSinceMs: sees === 'nothing' ? NOW - 15_000 : null,
        failsafe: { members: remembered, sent: null, asked: rest.asked },
      },
    }
  }
}

const took: Memory['lastFailover'] = frozen({
  ...{ from: ME, to: OTHER, at: '2026-11-22T09:00:00Z', sinceMs: NOW - 60_000, sinceWall: 1_700_000_000_000 },
})

function noteOf(failover: Memory['lastFailover']): readonly TakeoverNote[] {
  if (failover === null) return []
  const { from, to, at } = failover
  return [frozen({ from, to, at, cause: 'lease-ended' } as unknown as TakeoverNote)]
}

/** Nobody leads, and that may last: a former failover, WAL that comes, a handover whose stop was enforced. */
export function* waitingWorlds(): Generator<World> {
  const parts = {
    leader: [null, ME],
    lastLeader: [ME, OTHER, 'pg3'],
    failover: [null, took, frozen({ ...took, from: 'pg3', to: OTHER } as NonNullable<typeof took>)],
    backoff: [null, { sinceMs: NOW - 1000, position: 0x3000148n, movedAtMs: NOW - 500 }],
    streams: [true, false],
    key: [null, { leader: ME, quorum: 0, standbys: [OTHER] }, { leader: ME, quorum: 0, standbys: [] }],
    synchronousMode: ['off', 'on', 'quorum'] as const,
    handover: [null, handover(100)],
    knowsEnd: [true, false],
    isDown: [true, false],
    proof: proofs,
    peers: [peers.notAsked, peers.equal, peers.silent, peers.behind],
  }
  for (const { leader, lastLeader, failover, backoff, key, proof, isDown, ...rest } of product(parts)) {
    if (isDown && (failover !== null || backoff !== null || rest.streams)) continue
    if (!isDown && (rest.handover !== null || leader !== null || key !== null)) continue
    if (rest.handover === null && rest.knowsEnd) continue
    const receiver = { status: 'streaming', receivedTimeline: 1, latestEndLsn: 0x3000148n }
    yield {
      snap: {
        ...base,
        cluster: view({
          leader: leader === null ? null : leaderKey(leader),
          lastLeader: { value: lastLeader, modRevision: revision(38) },
          sync: key === null ? null : { value: key, modRevision: revision(37) },
          takeovers: { value: noteOf(failover), modRevision: revision(35) },
        }),
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: {
          dataDirectory: isDown ? directories.primaryClean : directories.standby,
          process: isDown ? stopped : running('accepting'),
          server: isDown ? silent : server(true, { walReceiver: rest.streams ? receiver : null }),
          former: formers.nothing,
        },
        peers: rest.peers,
        settings: {
          ...settings,
          ...{
            synchronousMode: rest.synchronousMode,
            primaryRaceBackoffMs: 20_000,
            failoverIntervalMs: 600_000,
          },
        },
      },
      memory: {
        ...memory,
        ...{ lastLeader, lastFailover: failover, raceBackoff: backoff, leaderlessSinceMs: NOW - 1000 },
        lastRole: isDown ? 'primary' : 'standby',
        handover:
          rest.handover === null || rest.knowsEnd ? rest.handover : { ...rest.handover, position: null },
      },
    }
  }
}
