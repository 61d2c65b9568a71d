// `hactl failover`: makes a named member the leader, also when there is no leader any more.

import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { HANDOVER_FLAGS, HandoverCommand } from '../src/terminal/handover-command.ts'

export default class Failover extends HandoverCommand {
  static override summary = 'Make a member the leader, also when there is no healthy leader.'
  static override description =
    'While a leader is there it hands over as in a switchover. Without one, what the candidate has not ' +
    'received is lost: if any is known to be missing, the exit code is 10 unless --accept-data-loss is ' +
    'given. In a synchronous mode any standby may be named, also an asynchronous one: that needs the same ' +
    'option when no leader answers that could hand over to it. Waits for the end state as switchover does.'
  static override examples = [
    {
      description: 'What would be lost:',
      command: '<%= config.bin %> failover batman --candidate pg2 --dry-run',
    },
    {
      description: 'In a script:',
      command: '<%= config.bin %> failover batman --candidate pg2 --force --json',
    },
    {
      description: 'Whatever it costs:',
      command: '<%= config.bin %> failover batman --candidate pg2 --force --accept-data-loss',
    },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = HANDOVER_FLAGS

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Failover)
    return this.handOver('failover', args.cluster, { ...flags, leader: undefined, scheduled: undefined })
  }
}
