// `hactl wait [CLUSTER] --for CONDITION`: for scripts that go on when the cluster is ready.

import { Flags } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { type Condition, waitFor } from '../src/admin/look/wait.ts'
import { deadlineIn } from '../src/admin/use-case.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { HactlCommand, WAIT_TIMEOUT_MS } from '../src/terminal/command.ts'
import { line, toStderr } from '../src/terminal/print.ts'
import { parseCondition } from '../src/terminal/wait-condition.ts'

const conditionFlag = Flags.custom<Condition>({ parse: async text => parseCondition(text) })

export default class Wait extends HactlCommand {
  static override summary = 'Wait until a cluster is as a script needs it.'
  static override description =
    'Conditions: leader (a leader accepts writes), healthy (as hactl check), streaming (every standby ' +
    'streams), MEMBER=STATE (running, stopped, …; also streaming and leader), timeline=N (the leader is on' +
    ' this timeline or a later one). All that are named must be so at the same time. Exit code 0: reached;' +
    ' 6: not within --timeout, and what is missing is said. A cluster or member that is not there yet is ' +
    'waited for, unless the name is close to another one.'
  static override examples = [
    {
      description: 'After starting the agents:',
      command: '<%= config.bin %> wait batman --for leader --timeout 120',
    },
    {
      description: 'After a node was replaced:',
      command: '<%= config.bin %> wait batman --for pg3=streaming --for healthy --timeout 30m',
    },
    {
      description: 'After a switchover from timeline 4:',
      command: '<%= config.bin %> wait batman --for timeline=5',
    },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = {
    for: conditionFlag({
      required: true,
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'CONDITION',
      summary: 'leader, healthy, streaming, MEMBER=STATE or timeline=N.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Wait)
    const shows = process.stderr.isTTY === true && !flags.json
    const result = await withCluster(flags, args.cluster, (operator, cluster) =>
      waitFor(
        operator,
        cluster,
        flags.for,
        deadlineIn(operator.clock, flags.timeout ?? WAIT_TIMEOUT_MS),
        missing => {
          if (shows) toStderr(line`waiting: ${missing}\n`)
        },
      ),
    )
    this.conclude(flags.json, result, report =>
      report.reached ? `Reached: ${report.conditions.map(({ condition }) => condition).join(', ')}\n` : '',
    )
    this.exit(0)
  }
}
