// `hactl switchover`: hands the leadership over to another member, in an orderly way.

import { Flags } from '@oclif/core'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { memberFlag } from '../src/terminal/command.ts'
import { HANDOVER_FLAGS, HandoverCommand } from '../src/terminal/handover-command.ts'

export default class Switchover extends HandoverCommand {
  static override summary = 'Hand the leadership over to another member, in an orderly way.'
  static override description =
    'The leader checkpoints, stops, and lets the candidate have everything before it takes over: nothing ' +
    'is lost. Waits until the new leader accepts writes and the former one streams from it; the exit code ' +
    'says what the cluster became. If the candidate leads already, there is nothing to do and the exit ' +
    'code is 0. With synchronous_mode on only a synchronous standby can be the candidate; in quorum mode, ' +
    'without a named candidate, as many voters as the election needs must be able to take over.'
  static override examples = [
    {
      description: 'Ask for everything:',
      command: '<%= config.bin %> switchover --config-file /etc/patroni/patroni.yml',
    },
    {
      description: 'Who would win, and why not the others:',
      command: '<%= config.bin %> switchover batman --dry-run',
    },
    {
      description: 'In a script:',
      command: '<%= config.bin %> switchover batman --candidate pg2 --force --timeout 120 --json',
    },
    {
      description: 'Tonight:',
      command: "<%= config.bin %> switchover batman --scheduled '2030-01-01T03:00+01:00' --force",
    },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = {
    leader: memberFlag({
      aliases: ['primary'],
      summary: 'Only if this member leads.',
    }),
    scheduled: Flags.string({
      helpValue: 'TIME',
      summary: 'Not now but at this time (2030-01-01T03:00, tomorrow 3am; local without a zone).',
    }),
    ...HANDOVER_FLAGS,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Switchover)
    return this.handOver('switchover', args.cluster, flags)
  }
}
