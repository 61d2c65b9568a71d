// The small worlds of maintenance mode: who takes part in a handover, who keeps its hands off, and whose data is another
// cluster's.

import type { ClusterView } from '../../src/model/cluster/cluster.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import { revision } from '../../src/model/revision.ts'
import { seen } from '../../src/model/seen.ts'
import { paused, product } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, ME, NOW, OTHER, OWN_IDENTIFIER } from './frozen.ts'
import {
  base,
  directories,
  leaderKey,
  member,
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

const note = { id: null, by: null, atMs: null, untilMs: null }
const switchover = { leader: ME, candidate: OTHER, scheduledAt: null }

const requests: readonly (ClusterView['failover'] | null)[] = [
  null,
  { value: switchover, modRevision: revision(39) },
  { value: { ...switchover, note: { ...note, begunBy: ME } }, modRevision: revision(39) },
  { value: { leader: OTHER, candidate: ME, scheduledAt: null }, modRevision: revision(39) },
  {
    value: { leader: OTHER, candidate: ME, scheduledAt: null, note: { ...note, begunBy: OTHER } },
    modRevision: revision(39),
  },
]

const standbyClusterToo = frozen({ ...paused, standbyCluster: true })
const reload = seen({ change: 'reload' as const, differing: ['primary_conninfo'] }, NOW)

export function* maintenanceWorlds(): Generator<World> {
  const parts = {
    leader: [null, ME, OTHER],
    lastLeader: [
      null,
      { value: OTHER, modRevision: revision(50) },
      { value: null, modRevision: revision(50) },
    ],
    guard: [null, ME, OTHER],
    guarded: [true, false],
    isNoted: [true, false],
    request: requests,
    identifier: [OWN_IDENTIFIER, '7000000000000000999'],
    proof: proofs.filter((_, index) => [0, 2, 4, 10].includes(index)),
    node: frozen([
      { process: running('accepting'), server: server(false), directory: directories.primary },
      { process: running('accepting'), server: server(true), directory: directories.standby },
      { process: stopped, server: silent, directory: directories.primaryClean },
    ]),
    peers: [peers.notAsked, peers.silent, peers.equal, peers.primary],
    past: [
      { joinedAs: OWN_IDENTIFIER },
      { joinedAs: null, rejoin: 'check', stoppedBySelf: true },
      { joinedAs: OWN_IDENTIFIER, rejoin: 'diverged', stoppedBySelf: true, promotionAsked: true },
    ] satisfies readonly Partial<Memory>[],
    fencer: [fencers.armed, fencers.idle],
    mode: ['paused', 'stopping', 'over', 'standby cluster'] as const,
  }
  for (const { leader, lastLeader, guard, guarded, isNoted, request, identifier, ...rest } of product(
    parts,
  )) {
    const { proof, node, fencer, mode } = rest
    // Only what this process has noted itself does it know.
    if (isNoted && (guard !== ME || guarded)) continue
    if (guard === null && guarded) continue
    if (guard !== null && (mode === 'standby cluster' || identifier !== OWN_IDENTIFIER)) continue
    // The word of another matters to his survivors, the own one to who leads.
    if (guard === OTHER && (leader !== null || lastLeader?.value !== OTHER)) continue
    if (guard === ME && (leader !== ME || lastLeader !== null)) continue
    // Nobody has been asked where somebody leads.
    if (leader !== null && rest.peers !== peers.notAsked && request === null) continue
    if ((mode === 'stopping' || mode === 'standby cluster') && rest.past.joinedAs === null) continue
    yield {
      snap: {
        ...base,
        cluster: view({
          leader: leader === null ? null : leaderKey(leader),
          lastLeader,
          guard: guard === null ? null : { value: { leader: guard, guarded }, modRevision: revision(50) },
          failover: request,
          initialize: { value: identifier, modRevision: revision(2) },
          // Where its own word counts its member key has gone.
          members: [
            member(ME, 'replica'),
            ...(guard === OTHER
              ? []
              : [member(OTHER, leader === OTHER ? 'primary' : 'replica', { pause: true })]),
          ],
        }),
        lease: proof.lease,
        outcomes: proof.outcomes,
        postgres: {
          dataDirectory: node.directory,
          process: node.process,
          server: node.server,
          former: formers.nothing,
        },
        recovery: reload,
        peers: rest.peers,
        fencer,
        settings: mode === 'over' ? settings : mode === 'standby cluster' ? standbyClusterToo : paused,
        stopRequested: mode === 'stopping',
      },
      memory: {
        ...memory,
        wasPaused: true,
        notedUnguarded: isNoted,
        lastRole: node.directory === directories.standby ? 'standby' : 'primary',
        ...rest.past,
      },
    }
  }
}
