// `hactl undrain [CLUSTER] MEMBER`: its own tags count again.

import { withCluster } from '../src/admin/connect.ts'
import { undrainMember } from '../src/admin/members/drain.ts'
import { deadlineIn } from '../src/admin/use-case.ts'
import { interruptible } from '../src/terminal/ask/interruptible.ts'
import { HactlCommand, WAIT_TIMEOUT_MS } from '../src/terminal/command.ts'
import { drainReportText } from '../src/terminal/text/drain-text.ts'
import { DRAIN_ARGS, DRAIN_FLAGS, named } from './drain.ts'

export default class Undrain extends HactlCommand {
  static override summary = 'Undo hactl drain: the member may lead again and gets its share of the load.'
  static override description =
    'The tags of its configuration count again, at once. Leadership is not handed back. A member that is ' +
    'not drained is well; the note of a member that is gone for good can be taken away, too.'
  static override examples = [
    {
      description: 'After maintenance:',
      command: '<%= config.bin %> undrain pg2 --config-file /etc/patroni/patroni.yml',
    },
    { description: 'In a script:', command: '<%= config.bin %> undrain batman pg2 --json' },
  ]
  static override args = DRAIN_ARGS
  static override flags = DRAIN_FLAGS

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Undrain)
    const target = named(args.member)
    if (!target.ok) return this.fail(flags.json, target.failure)
    const { member } = target.value
    const { wait, 'dry-run': dryRun } = flags
    const result = await interruptible(interrupted =>
      withCluster(flags, target.value.cluster, (operator, cluster) => {
        const deadline = deadlineIn(operator.clock, flags.timeout ?? WAIT_TIMEOUT_MS)
        const leftMs = () => (interrupted.aborted ? 0 : deadline.leftMs())
        return undrainMember(
          operator,
          { cluster, member, wait, dryRun, interrupted },
          { ...deadline, leftMs },
        )
      }),
    )
    this.conclude(flags.json, result, drainReportText)
    this.exit(0)
  }
}
