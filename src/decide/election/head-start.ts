// The order in an election that an operator asked for: the named candidate goes first, and the node that was asked to
// step back goes last.

import { type ClusterFacts, localPosition, memberNamed } from '../facts.ts'
import { dueRequest } from '../lead/request-meaning.ts'
import { receivedEverything } from './election.ts'
import { type Rival, rivals } from './rivals.ts'

/** The named candidate, if the request is due and that member can lead, or is alive but cannot be reached from here. */
export function electableNamedCandidate(facts: ClusterFacts): string | null {
  const candidate = dueRequest(facts)?.candidate ?? null
  if (candidate === null || candidate === facts.snap.self.name) return null
  if (memberNamed(facts.view, candidate) === null) return null
  const answer = facts.snap.peers?.get(candidate)
  if (answer === undefined) return null
  if (!answer.known) return isOnItsWay(facts, candidate) ? candidate : null
  return receivedEverything(answer.value, 0n) ? candidate : null
}

/**
 * A candidate that this node cannot reach may be alive, have all that the old leader saw it receive, and take the
 * lease.
 */
function isOnItsWay({ view }: ClusterFacts, candidate: string): boolean {
  return memberNamed(view, candidate)?.record.state === 'running'
}

/** A member that has everything this node has: if it had less, each of the two would wait for the other. */
export function otherElectableMember(facts: ClusterFacts): string | null {
  const own = localPosition(facts.snap)
  const able = ({ peer }: Rival): boolean =>
    receivedEverything(peer, own?.lsn ?? 0n) && (peer.timeline ?? 0) >= (own?.timeline ?? 0)
  return rivals(facts).find(able)?.name ?? null
}
