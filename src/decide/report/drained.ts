// The override of this node's tags by `hactl drain`, as the cluster shows it. It is remembered while etcd is out of sight: a load
// balancer must not be given the node because etcd is away.

import type { ClusterView } from '../../model/cluster/cluster.ts'
import { describeDrain, drainedTags, drainOf } from '../../model/cluster/drained-member.ts'
import type { News } from '../../model/decision/decision.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Self, Snapshot } from '../../model/decision/snapshot.ts'

export function rememberDrain(memory: Memory, view: ClusterView, { self }: Snapshot): Memory {
  const drained = drainOf(view, self.name)
  // The same key is the same drain: what is not news leaves the memory as it is.
  return drained?.modRevision === memory.drained?.modRevision ? memory : { ...memory, drained }
}

/** The node as its configuration and the drain together make it. */
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
