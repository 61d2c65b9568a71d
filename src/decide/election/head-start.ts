// Who goes first in a race that an operator asked for: the named candidate before the others, and everybody before the node
// that was asked to step back.

import { type ClusterFacts, localPosition, memberNamed } from '../facts.ts'
import { dueRequest } from '../lead/request-meaning.ts'
import { type Rival, receivedEverything, rivals } from './election.ts'

/** The named candidate if its time has come, it is a member and may lead, or cannot be asked. */
export function electableNamedCandidate(facts: ClusterFacts): string | null {
  const candidate = dueRequest(facts)?.candidate ?? null
  if (candidate === null || candidate === facts.snap.self.name) return null
  if (memberNamed(facts.view, candidate) === null) return null
  const answer = facts.snap.peers?.get(candidate)
  if (answer === undefined) return null
  if (!answer.known) return isOnItsWay(facts, candidate) ? candidate : null
  return receivedEverything(answer.value, 0n) ? candidate : null
}

/** Not reachable from here, but alive: it may have what the old leader saw it have, and take the lease itself. */
function isOnItsWay({ view }: ClusterFacts, candidate: string): boolean {
  return memberNamed(view, candidate)?.record.state === 'running'
}

/** Somebody who has all that this node has: were it less, both would stand back for the other. */
export function otherElectableMember(facts: ClusterFacts): string | null {
  const own = localPosition(facts.snap)
  const able = ({ peer }: Rival): boolean =>
    receivedEverything(peer, own?.lsn ?? 0n) && (peer.timeline ?? 0) >= (own?.timeline ?? 0)
  return rivals(facts).find(able)?.name ?? null
}
