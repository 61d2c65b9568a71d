// A name belongs to whoever holds its lease. That nobody answers for two seconds is no proof that the node is gone: it may be
// frozen, hold the lead, and write again when it wakes up.

import { type ClusterView, type Member, memberNamed } from '../../model/cluster/cluster.ts'
import { saidText } from '../../model/cluster/hactl-part.ts'
import type { Self } from '../../model/decision/snapshot.ts'
import type { Facts } from '../facts.ts'

/** The member key of this node's name, while it lives under the lease of another node; null: the name is ours, free, or not known. */
export function nameHolder({ snap }: Facts): Member | null {
  // Our own lease lives: whoever else wrote our key is overwritten.
  if (snap.lease.validUntilMs > snap.nowMs) return null
  return snap.cluster.known ? foreignHolder(snap.cluster.value, snap.self) : null
}

/** Before this process had any lease. */
export function foreignHolder(view: ClusterView, self: Self): Member | null {
  const key = memberNamed(view, self.name)
  // A key without a lease was written by hand, and would be waited for for ever.
  if (key === null || key.leaseId === '0' || self.host === undefined) return null
  return isOwnFormerLife(key, self) ? null : key
}

/** Patroni, and older versions of hactl, do not say who they are: at our own address on this machine it was this node. */
function isOwnFormerLife({ record }: Member, self: Self): boolean {
  const host = saidText(record, 'host')
  return host !== null ? host === self.host : self.apiIsHere === true && record.apiUrl === self.apiUrl
}
