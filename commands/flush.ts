// `hactl flush`: takes back scheduled restarts of members, or the scheduled switchover of a cluster.

import { Args } from '@oclif/core'
import { type FlushReport, flushRestarts, flushSwitchover } from '../src/admin/members/flush.ts'
import { concludeOperation } from '../src/admin/members/member-operation.ts'
import type { MemberRole } from '../src/admin/members/member-selection.ts'
import { deadlineIn } from '../src/admin/use-case.ts'
import { type GlobalFlags, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { MemberCommand, sure } from '../src/terminal/member-command.ts'
import { forceFlag, type MemberWords, memberWords, roleFlag } from '../src/terminal/member-words.ts'

const TARGETS = ['restart', 'switchover'] as const

export default class Flush extends MemberCommand {
  static override summary = 'Take back scheduled restarts, or the scheduled switchover.'
  static override description =
    'What is to be taken back is the last word. A switchover is withdrawn through whichever member ' +
    'answers, the leader first, or in etcd itself when none does.'
  static override examples = [
    { description: 'The scheduled switchover:', command: '<%= config.bin %> flush batman switchover' },
    { description: 'Of two members:', command: '<%= config.bin %> flush batman pg1 pg2 restart --force' },
  ]
  static override args = {
    cluster: Args.string({
      multiple: true,
      ignoreStdin: true,
      description:
        "The cluster (without it the configuration's scope is taken), the names of members if not all are " +
        'meant, and at the end restart or switchover.',
    }),
  }
  static override flags = { role: roleFlag(), force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Flush)
    const given = args.cluster ?? []
    const target = TARGETS.find(each => each === given.at(-1))
    if (target === undefined) {
      const hint = 'for example: hactl flush batman switchover'
      return this.fail(flags.json, {
        kind: 'usage',
        message: 'the last word is neither restart nor switchover',
        hint,
        isLine: true,
      })
    }
    const words = memberWords(given.slice(0, -1))
    const budgetMs = flags.timeout ?? READ_TIMEOUT_MS
    if (target === 'restart') return this.#restarts(words, flags)
    // patronictl ignores them.
    if (words.names.length > 0 && !isPatronictl()) {
      const hint = `for the cluster: hactl flush ${words.cluster} switchover`
      return this.fail(flags.json, {
        kind: 'usage',
        message: 'a scheduled switchover belongs to no member',
        hint,
      })
    }
    // patronictl shows the members only before it acts on some of them.
    const looked = await this.look({ ...flags, json: flags.json || isPatronictl() }, words.cluster, 'flush')
    if (!looked.ok) return this.fail(flags.json, looked.failure)
    const { operator, cluster, view } = looked.value
    const result = await flushSwitchover(operator, cluster, view, deadlineIn(operator.clock, budgetMs))
    this.conclude(flags.json, result, switchoverText)
    this.exit(Number(process.exitCode ?? 0))
  }

  async #restarts(words: MemberWords, flags: FlushFlags): Promise<void> {
    const options = { action: 'flush', names: words.names, role: flags.role, pending: false, anyOne: false }
    const chosen = await this.choose(flags, words.cluster, 'flush', options)
    if (!chosen.ok) return this.fail(flags.json, chosen.failure)
    const { operator, cluster, members, spared } = chosen.value
    const isPlanned = isPatronictl()
      ? () => true
      : ({ record }: (typeof members)[number]) => record.scheduledRestart !== undefined
    const planned = members.filter(isPlanned)
    const names = planned.map(({ name }) => name)
    const declined = await this.confirm(flags.force || names.length === 0, sure('flush', names), 'flush')
    if (declined !== null) return this.fail(flags.json, declined)
    // A member whose agent is only frozen keeps its scheduled restart in memory, even if its key is gone.
    const rows = [...(await flushRestarts(operator, members)), ...spared]
    for (const row of rows) this.showRow(flags.json, 'flush scheduled restart', row)
    const hint = `a scheduled restart that stays shows in hactl list ${cluster}.`
    this.end(flags.json, concludeOperation(cluster, 'flush restart', rows, hint), rows)
  }
}

interface FlushFlags extends GlobalFlags {
  readonly role: MemberRole
  readonly force: boolean
}

function switchoverText({ outcome, withdrawn, through, silent }: FlushReport): string {
  const notes = silent.map(({ member, why }) => `Member ${member} is not accessible: ${why}\n`).join('')
  if (isPatronictl() && outcome === 'already' && through !== null)
    return `${notes}Failed: no failover is scheduled\n`
  if (outcome === 'already' || withdrawn === null) return `${notes}No pending scheduled switchover\n`
  if (isPatronictl()) return `${notes}Success: scheduled switchover deleted\n`
  const names = `${withdrawn.from ?? 'the leader'} to ${withdrawn.to ?? 'any member'}`
  const where = through === 'etcd' ? ', in etcd itself' : ''
  return `${notes}Success: scheduled switchover deleted: ${names} at ${withdrawn.at}${where}\n`
}
