// A name belongs to the node whose lease its member key hangs on. A node that does not answer for two seconds may be frozen,
// still hold the leader key, and write again when it wakes up.

import { type ClusterView, type Member, memberNamed } from '../../model/cluster/cluster.ts'
import { saidText } from '../../model/cluster/hactl-part.ts'
import type { Self } from '../../model/decision/snapshot.ts'
import type { Facts } from '../facts.ts'

/** The member key of this name, while it hangs on another node's lease; null: the name is this node's, free, or not known. */
export function nameHolder({ snap }: Facts): Member | null {
  // While this node's own lease lives, its key overwrites any other.
  if (snap.lease.validUntilMs > snap.nowMs) return null
  return snap.cluster.known ? foreignHolder(snap.cluster.value, snap.self) : null
}

/** The same, before this process has a lease. */
export function foreignHolder(view: ClusterView, self: Self): Member | null {
  const key = memberNamed(view, self.name)
  // A key without a lease was written by hand and never expires: there is no point in waiting for that.
  if (key === null || key.leaseId === null || self.host === undefined) return null
  return isOwnFormerLife(key, self) ? null : key
}

/** Patroni and older versions of hactl do not write `host`: a key with this node's own local address was written here. */
function isOwnFormerLife({ record }: Member, self: Self): boolean {
  const host = saidText(record, 'host')
  return host !== null ? host === self.host : self.apiIsHere === true && record.apiUrl === self.apiUrl
}
