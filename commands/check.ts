// `hactl check [CLUSTER]`: one line and an exit code that say whether the cluster is as it should be.

import { Flags } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { checkCluster } from '../src/admin/look/check.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { durationFlag, HactlCommand, memberFlag, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { liveLine } from '../src/terminal/table/live-line.ts'
import { checkText } from '../src/terminal/text/check-text.ts'

export default class Check extends HactlCommand {
  static override summary = 'Report whether a cluster is healthy, for monitoring and runbooks.'
  static override description =
    'Healthy (exit code 0) means: the leader accepts writes, every member answers and streams on the ' +
    "leader's timeline, none is gone whose slot is still kept, nobody reports a problem, the cluster is " +
    'not paused, uses no mode that hactl does not support, and in a synchronous mode commits wait for as ' +
    'many standbys as are wanted. Exit code 7: writes are accepted, but something is not as it should be. ' +
    'Exit code 3: nobody accepts writes, or every commit waits (strict mode without a synchronous standby). Exit code 8: etcd does not ' +
    'answer. The first line says it all, as monitoring plugins want it; each finding follows on a line of ' +
    'its own.'
  static override examples = [
    {
      description: 'Three members, none more than 16 MiB behind:',
      command: '<%= config.bin %> check batman --expect 3 --max-lag 16777216',
    },
    {
      description: 'Before and after maintenance:',
      command: '<%= config.bin %> check batman --wait 120 || exit 1',
    },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = {
    wait: durationFlag({
      helpValue: 'SECONDS',
      summary: 'Look again until it is healthy, for at most this long.',
    }),
    expect: Flags.integer({ min: 1, helpValue: 'N', summary: 'Fewer members than this are a finding.' }),
    without: memberFlag({
      multiple: true,
      summary: 'This member is gone for good: no finding while its slot is still kept.',
    }),
    'max-lag': Flags.integer({
      min: 0,
      helpValue: 'BYTES',
      summary: 'A standby that has replayed less than this is a finding.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Check)
    const lag = flags['max-lag']
    const live = liveLine(!flags.json)
    const result = await withCluster(flags, args.cluster, (operator, cluster) =>
      checkCluster(operator, {
        cluster,
        limits: {
          members: flags.expect ?? null,
          lagBytes: lag === undefined ? null : BigInt(lag),
          without: flags.without ?? [],
        },
        waitMs: flags.wait ?? 0,
        budgetMs: flags.timeout ?? READ_TIMEOUT_MS,
        progress: text => live.show(`waiting: ${text}`),
      }),
    )
    live.clear()
    this.conclude(flags.json, result, checkText)
    this.exit(0)
  }
}
