// `hactl dsn [CLUSTER]`: where to connect to.

import { Flags } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { placesOf, type Whom } from '../src/admin/look/sql-members.ts'
import { MEMBER_ROLES } from '../src/admin/members/member-selection.ts'
import { deadlineIn } from '../src/admin/use-case.ts'
import { done, type Failure, failed } from '../src/model/command/failure.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { HactlCommand, memberFlag, READ_TIMEOUT_MS } from '../src/terminal/command.ts'

export const WHOM_FLAGS = {
  role: Flags.option({
    char: 'r',
    options: MEMBER_ROLES,
    summary: 'A member with this role; without it and --member the leader.',
  })(),
  member: memberFlag({ char: 'm', summary: 'This member.' }),
}

export function whomOf(flags: {
  readonly role?: Whom['role'] | undefined
  readonly member?: string | undefined
}): Whom {
  return { member: flags.member ?? null, role: flags.role ?? (flags.member === undefined ? 'leader' : 'any') }
}

export const ONE_OF_BOTH: Failure = {
  kind: 'usage',
  message: '--role and --member are mutually exclusive options',
  hint: 'give one of them, or none for the leader.',
}

export default class Dsn extends HactlCommand {
  static override summary = 'Print where a member of a cluster is connected to: host=… port=….'
  static override description =
    'For psql and scripts. Says nothing of user, database or password. The first member that is meant is ' +
    'taken, without asking whether it answers.'
  static override examples = [
    { description: 'psql on the leader:', command: 'psql "$(<%= config.bin %> dsn batman) dbname=postgres"' },
    { description: 'A replica:', command: '<%= config.bin %> dsn batman --role replica' },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = WHOM_FLAGS

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Dsn)
    if (flags.role !== undefined && flags.member !== undefined) return this.fail(flags.json, ONE_OF_BOTH)
    const result = await withCluster(flags, args.cluster, async (operator, cluster) => {
      const deadline = deadlineIn(operator.clock, flags.timeout ?? READ_TIMEOUT_MS)
      const places = await placesOf(operator, cluster, whomOf(flags), deadline)
      if (!places.ok)
        return failed<{ cluster: string; member: string; host: string; port: number }>(places.failure)
      const [first] = places.value
      if (first === undefined) throw new Error('no member was chosen')
      return done({ cluster, ...first })
    })
    this.conclude(flags.json, result, ({ host, port }) => `host=${host} port=${port}\n`)
  }
}
