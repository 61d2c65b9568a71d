// `hactl drain [CLUSTER] MEMBER`, and what it shares with `hactl undrain`.

import { Args, Flags } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { type DrainReport, drainMember } from '../src/admin/members/drain.ts'
import { deadlineIn } from '../src/admin/use-case.ts'
import { failed, type Result } from '../src/model/command/failure.ts'
import { interruptible } from '../src/terminal/ask/interruptible.ts'
import { HactlCommand, WAIT_TIMEOUT_MS } from '../src/terminal/command.ts'
import { liveLine } from '../src/terminal/table/live-line.ts'
import { drainReportText } from '../src/terminal/text/drain-text.ts'

export const DRAIN_ARGS = {
  member: Args.string({
    multiple: true,
    required: true,
    ignoreStdin: true,
    description: "The member; before it the cluster if the configuration's scope is not meant.",
  }),
}

export const DRAIN_FLAGS = {
  wait: Flags.boolean({
    allowNo: true,
    default: true,
    summary: 'Wait until the member has taken it over and, if it led, another one leads.',
  }),
  'dry-run': Flags.boolean({ summary: 'Say what would be done; change nothing.' }),
}

/** `MEMBER` or `CLUSTER MEMBER`. */
export function named(words: readonly string[]): Result<{ cluster: string | undefined; member: string }> {
  const [first = '', second, ...more] = words
  if (more.length > 0 || words.includes('')) {
    const message = 'expected one member, and before it the cluster if need be'
    return failed({ kind: 'usage', message, hint: 'for example: hactl drain batman pg2' })
  }
  return {
    ok: true,
    value: second === undefined ? { cluster: undefined, member: first } : { cluster: first, member: second },
  }
}

export default class Drain extends HactlCommand {
  static override summary =
    'Keep a member from leading and away from load balancers, e.g. before maintenance.'
  static override description =
    'Its tags become nofailover and noloadbalance at once, whatever its configuration says, until hactl ' +
    'undrain, also after its agent is started again; hactl list shows who did it and when. If the member ' +
    'leads, the leadership is handed over; when nobody can take over, the drain is refused (exit code 3) ' +
    'unless --force is given, and then the member goes on leading. A member that is drained already is ' +
    'well. A member whose agent does not answer is noted as drained, and the exit code is 7.'
  static override examples = [
    {
      description: 'Before the kernel of db2 is updated:',
      command: "<%= config.bin %> drain pg2 --reason 'kernel update' --config-file /etc/patroni/patroni.yml",
    },
    { description: 'What would happen:', command: '<%= config.bin %> drain batman pg1 --dry-run' },
    { description: 'In a script:', command: '<%= config.bin %> drain batman pg1 --timeout 120 --json' },
  ]
  static override args = DRAIN_ARGS
  static override flags = {
    ...DRAIN_FLAGS,
    reason: Flags.string({ helpValue: 'TEXT', summary: 'The reason, shown by hactl list.' }),
    force: Flags.boolean({ summary: 'Drain also a leader that nobody can take over from.' }),
    'accept-broken-copy': Flags.boolean({
      summary: 'Hand over although a member is copying its data from the leader.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Drain)
    const target = named(args.member)
    if (!target.ok) return this.fail(flags.json, target.failure)
    const { member } = target.value
    const live = liveLine(!flags.json)
    const progress = (text: string): void => live.show(`drain of ${member}: ${text}`)
    const result: Result<DrainReport> = await interruptible(interrupted =>
      withCluster(flags, target.value.cluster, (operator, cluster) => {
        const { wait, force, reason = null, 'dry-run': dryRun } = flags
        const acceptBrokenCopy = flags['accept-broken-copy']
        const options = {
          cluster,
          member,
          reason,
          wait,
          force,
          acceptBrokenCopy,
          dryRun,
          interrupted,
          progress,
        }
        const deadline = deadlineIn(operator.clock, flags.timeout ?? WAIT_TIMEOUT_MS)
        const leftMs = () => (interrupted.aborted ? 0 : deadline.leftMs())
        return drainMember(operator, options, { ...deadline, leftMs })
      }),
    )
    live.clear()
    this.conclude(flags.json, result, drainReportText)
    this.exit(0)
  }
}
