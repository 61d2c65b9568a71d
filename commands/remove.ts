// `hactl remove CLUSTER`: asks three times, or takes the answers as options.

import { Args, Flags } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { reportCluster } from '../src/admin/look/cluster-report.ts'
import { type RemoveReport, removalObjection, removeCluster, surveyRemoval } from '../src/admin/remove.ts'
import { deadlineIn } from '../src/admin/use-case.ts'
import { failed } from '../src/model/command/failure.ts'
import { printableData } from '../src/model/command/printable.ts'
import { confirmRemoval } from '../src/terminal/ask/remove-questions.ts'
import { HactlCommand, memberFlag, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { toStderr, toStdout } from '../src/terminal/print.ts'
import { clusterText } from '../src/terminal/table/member-table.ts'

export default class Remove extends HactlCommand {
  static override summary = 'Forget a cluster: delete all of its keys in etcd.'
  static override description =
    'PostgreSQL and its data are left alone. Asks for the name of the cluster, for "Yes I am aware" and, ' +
    'if somebody leads, for the name of the leader; unattended, --confirm and --leader are the answers. A ' +
    'cluster with living members is refused (exit code 3) unless its leader is named: its agents would ' +
    'write the keys again. Stop them first.'
  static override examples = [
    {
      description: 'After its agents were stopped:',
      command: '<%= config.bin %> remove batman --config-file /etc/patroni/patroni.yml',
    },
    { description: 'In a script:', command: '<%= config.bin %> remove batman --confirm batman --json' },
    {
      description: 'Although pg1 leads:',
      command: '<%= config.bin %> remove batman --confirm batman --leader pg1',
    },
  ]
  static override args = {
    cluster: Args.string({ required: true, ignoreStdin: true, description: 'The cluster.' }),
  }
  static override flags = {
    confirm: Flags.string({
      helpValue: 'CLUSTER',
      summary: 'The name of the cluster once more, in the place of the first two questions.',
    }),
    leader: memberFlag({ summary: 'The name of the leader, in the place of the third question.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Remove)
    const budgetMs = flags.timeout ?? READ_TIMEOUT_MS
    const result = await withCluster<RemoveReport>(flags, args.cluster, async (operator, cluster) => {
      const survey = await surveyRemoval(operator, cluster, deadlineIn(operator.clock, budgetMs))
      if (!survey.ok) return failed(survey.failure)
      const { view } = survey.value
      if (!flags.json)
        toStdout(clusterText(reportCluster(cluster, operator.namespace, view), 'pretty', false))
      const answers = await confirmRemoval(survey.value, flags)
      if (!answers.ok) return failed(answers.failure)
      const objection = removalObjection(survey.value, answers.value.leader)
      if (objection !== null) return failed(objection)
      // People take their time to answer, so the time limit begins here.
      return removeCluster(operator, survey.value, deadlineIn(operator.clock, budgetMs))
    })
    // patronictl ends silently.
    if (isPatronictl() && !flags.json && result.ok) toStderr(removedText(printableData(result.value)))
    this.conclude(flags.json, result, isPatronictl() ? () => '' : removedText)
    this.exit(0)
  }
}

function removedText({ cluster, removed, keys, living }: RemoveReport): string {
  if (!removed) return ''
  const again = living.length === 0 ? '' : `Still alive, and to be stopped: ${living.join(', ')}\n`
  return `Cluster ${cluster} is removed; ${keys.length} keys were deleted: ${keys.join(', ')}\n${again}`
}
