// Who a standby takes its WAL from (spec/ha.md 3.7.2). Needed by the rules, and by the look at PostgreSQL that compares
// the recovery settings in force with those that this upstream needs.

import type { Self } from '../decision/snapshot.ts'
import type { DynamicSettings } from '../settings/dynamic-settings.ts'
import type { MemberName } from '../units.ts'
import type { ClusterView, Member } from './cluster.ts'
import type { Upstream } from './peer.ts'
import { slotName } from './slot-name.ts'

export function memberNamed(view: ClusterView, name: MemberName | null): Member | null {
  return view.members.find(member => member.name === name) ?? null
}

/** Host and port out of `postgres://host:port/db`; null when a foreign record holds no such thing. */
export function asUpstream(member: Member, self: Self, settings: DynamicSettings): Upstream | null {
  const match =
    /^postgres(?:ql)?:\/\/(?:[^@/]*@)?(\[[0-9A-Fa-f:.]+\]|[^:/?#[\]]+)(?::(\d{1,5}))?(?:[/?]|$)/.exec(
      member.record.connUrl ?? '',
    )
  const host = match?.[1]
  if (host === undefined) return null
  return {
    name: member.name,
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(match?.[2] ?? '5432'),
    slot: settings.useSlots ? slotName(self.name) : null,
  }
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
