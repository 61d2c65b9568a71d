// `hactl resume`: out of maintenance mode.

import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { PAUSE_FLAGS, PauseCommand } from './pause.ts'

export default class Resume extends PauseCommand {
  static override summary = 'End the maintenance mode of a cluster.'
  static override description =
    'The agents look after PostgreSQL again. Waits until every member says that it knows; a member that is' +
    ' dead or frozen is named, and the exit code is 7. A cluster that is not paused is well, exit code 0.'
  static override examples = [
    {
      description: 'After working on PostgreSQL by hand:',
      command: '<%= config.bin %> resume --config-file /etc/patroni/patroni.yml',
    },
    { description: 'In a script:', command: '<%= config.bin %> resume batman --timeout 30 --json' },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = PAUSE_FLAGS

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Resume)
    return this.changePause(args.cluster, false, flags)
  }
}
