// Who a standby takes its WAL from (spec/ha.md 3.7.2). Needed by the rules, and by the look at PostgreSQL that compares
// the recovery settings in force with those that this upstream needs.

import { type ClusterView, type Member, memberNamed } from '../model/cluster/cluster.ts'
import type { Upstream } from '../model/cluster/peer.ts'
import { slotName } from '../model/cluster/slot-name.ts'
import type { Self } from '../model/decision/snapshot.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import { parseConnUrl } from './member-urls.ts'

/** null when its record does not say where its PostgreSQL listens. */
export function asUpstream(member: Member, self: Self, settings: DynamicSettings): Upstream | null {
  const place = parseConnUrl(member.record.connUrl)
  return place && { name: member.name, ...place, slot: settings.useSlots ? slotName(self.name) : null }
}

/** The member this node should stream from in this view; null: nobody. */
export function upstreamFor(view: ClusterView, self: Self, settings: DynamicSettings): Upstream | null {
  if (self.tags.nostream) return null
  const source = self.tags.replicatefrom
  if (source !== null && source !== self.name) {
    const cascade = memberNamed(view, source)
    if (cascade !== null) return asUpstream(cascade, self, settings)
  }
  const leader =
    view.leader === null || view.leader.name === self.name ? null : memberNamed(view, view.leader.name)
  return leader === null ? null : asUpstream(leader, self, settings)
}
