// `hactl topology [CLUSTER…]`: the members as a tree of who replicates from whom.

import { CLUSTERS_ARG, MemberListing, WATCH_FLAGS, watchSeconds } from './list.ts'

export default class Topology extends MemberListing {
  static override summary = 'List the members of a cluster as a tree of who replicates from whom.'
  static override description =
    'The columns are those of list; cascading replicas (tag replicatefrom) are below their upstream.'
  static override examples = [
    {
      description: "This node's cluster:",
      command: '<%= config.bin %> topology --config-file /etc/patroni/patroni.yml',
    },
    {
      description: 'Again every 2 seconds, until Ctrl-C:',
      command: '<%= config.bin %> topology batman --watch 2',
    },
  ]
  static override args = { cluster: CLUSTERS_ARG }
  static override flags = WATCH_FLAGS

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Topology)
    const watch = watchSeconds(flags)
    const shape = { format: 'topology', extended: false, timestamp: false } as const
    return this.list({ ...flags, ...shape, watch, clusters: args.cluster ?? [] })
  }
}
