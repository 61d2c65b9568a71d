// `hactl drain` overrides this node's tags through a key in etcd. The node remembers the drain while etcd cannot be
// reached, so that an outage of etcd does not give the node back to the load balancers.

import type { ClusterView } from '../../model/cluster/cluster.ts'
import { describeDrain, drainedTags, drainOf } from '../../model/cluster/drained-member.ts'
import type { News } from '../../model/decision/decision.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Self, Snapshot } from '../../model/decision/snapshot.ts'

export function rememberDrain(memory: Memory, view: ClusterView, { self }: Snapshot): Memory {
  const drained = drainOf(view, self.name)
  // The same key is the same drain: it is no news.
  return drained?.modRevision === memory.drained?.modRevision ? memory : { ...memory, drained }
}

/** This node with the tags of its configuration, or of the drain. */
export function selfInForce(self: Self, { drained }: Memory): Self {
  return drained === null ? self : { ...self, tags: drainedTags(self.tags) }
}

export function newsOfDrain(before: Memory, { drained }: Memory): readonly News[] {
  if (drained !== null && drained.modRevision !== before.drained?.modRevision) {
    const text = `drained ${describeDrain(drained)}; not promoted and not given to load balancers until hactl undrain`
    return [{ id: 'drain.begins', level: 'info', text }]
  }
  if (drained === null && before.drained !== null)
    return [
      { id: 'drain.ends', level: 'info', text: 'no longer drained: the tags of the configuration count' },
    ]
  return []
}
