// `hactl pause`, and the flow that it shares with `hactl resume`.

import { Flags } from '@oclif/core'
import { changePause } from '../src/admin/config/pause.ts'
import { withCluster } from '../src/admin/connect.ts'
import type { JsonObject } from '../src/model/cluster/cluster.ts'
import type { Millis } from '../src/model/units.ts'
import { interruptible } from '../src/terminal/ask/interruptible.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { type GlobalFlags, HactlCommand } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { toStdout } from '../src/terminal/print.ts'
import { liveLine } from '../src/terminal/table/live-line.ts'
import { patronictlPause, pauseText } from '../src/terminal/text/pause-text.ts'

export const PAUSE_FLAGS = {
  wait: Flags.boolean({
    allowNo: true,
    summary: 'Wait until every member has recognised it (the default).',
  }),
}

/** As every agent reads it: they all repair an unusable value in the same way. */
export async function loopWaitInForce(config: JsonObject): Promise<Millis> {
  const { settingsInForce } = await import('../src/config/dynamic.ts')
  return settingsInForce(config, null).settings.loopWaitMs
}

export abstract class PauseCommand extends HactlCommand {
  protected async changePause(
    named: string | undefined,
    paused: boolean,
    flags: GlobalFlags & { readonly wait?: boolean },
  ): Promise<void> {
    const budgetMs = flags.timeout ?? null
    if (isPatronictl() && flags.wait === true && !flags.json)
      toStdout(`'${paused ? 'pause' : 'resume'}' request sent, waiting until it is recognized by all nodes\n`)
    const wait = flags.wait ?? !isPatronictl()
    const live = liveLine(!flags.json && !isPatronictl())
    const result = await interruptible(interrupted =>
      withCluster(flags, named, (operator, cluster) =>
        changePause(operator, {
          ...{ cluster, paused, wait, budgetMs, interrupted },
          loopWaitMs: loopWaitInForce,
          progress: live.show,
        }),
      ),
    )
    live.clear()
    if (isPatronictl() && !flags.json) return this.conclude(false, ...patronictlPause(result))
    this.conclude(flags.json, result, pauseText)
    this.exit(0)
  }
}

export default class Pause extends PauseCommand {
  static override summary = 'Take a cluster into maintenance mode: the agents keep their hands off.'
  static override description =
    'Nobody promotes, demotes, starts or stops PostgreSQL of its own accord until hactl resume. Waits ' +
    'until every member says that it knows; a member that is dead or frozen is named, and the exit code is' +
    ' 7. A cluster that is paused already is well, exit code 0.'
  static override examples = [
    {
      description: 'Before working on PostgreSQL by hand:',
      command: '<%= config.bin %> pause --config-file /etc/patroni/patroni.yml',
    },
    { description: 'In a script:', command: '<%= config.bin %> pause batman --timeout 30 --json' },
    { description: 'Without waiting:', command: '<%= config.bin %> pause batman --no-wait' },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = PAUSE_FLAGS

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Pause)
    return this.changePause(args.cluster, true, flags)
  }
}
