// `hactl reload`: asks members to read their configuration again.

import { concludeOperation } from '../src/admin/members/member-operation.ts'
import { reloadMembers } from '../src/admin/members/reload.ts'
import { deadlineIn } from '../src/admin/use-case.ts'
import { READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { MemberCommand, sure } from '../src/terminal/member-command.ts'
import { forceFlag, MEMBER_ARGS, memberWords, roleFlag } from '../src/terminal/member-words.ts'
import { loopWaitInForce } from './pause.ts'

export default class Reload extends MemberCommand {
  static override summary = 'Ask members to read their configuration files again.'
  static override description =
    'As SIGHUP to the agent. The agents say that they took the request; what they read is in force with ' +
    'their next beat, which is not waited for. Members that do not answer are reported beside those that ' +
    'do: the exit code is then 7, or 9 when none answered.'
  static override examples = [
    { description: 'All members:', command: '<%= config.bin %> reload batman' },
    { description: 'One, in a script:', command: '<%= config.bin %> reload batman pg1 --force --json' },
  ]
  static override args = MEMBER_ARGS
  static override flags = { role: roleFlag(), force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Reload)
    const words = memberWords(args.cluster)
    const options = {
      action: 'reload',
      names: words.names,
      role: flags.role,
      pending: false,
      anyOne: false,
    }
    const chosen = await this.choose(flags, words.cluster, 'reload', options)
    if (!chosen.ok) return this.fail(flags.json, chosen.failure)
    const { operator, cluster, view, members, spared } = chosen.value
    const names = members.map(({ name }) => name)
    const declined = await this.confirm(flags.force || names.length === 0, sure('reload', names), 'reload')
    if (declined !== null) return this.fail(flags.json, declined)
    const deadline = deadlineIn(operator.clock, flags.timeout ?? READ_TIMEOUT_MS)
    const document = view.config?.value.valid === true ? view.config.value.document : {}
    const loopWait = (await loopWaitInForce(document)) / 1000
    const rows = [...(await reloadMembers(operator, members, loopWait, deadline)), ...spared]
    for (const row of rows) this.showRow(flags.json, 'reload', row)
    const hint =
      'check that the agent runs and that its REST API can be reached from here, then reload it again.'
    this.end(flags.json, concludeOperation(cluster, 'reload', rows, hint), rows)
  }
}
