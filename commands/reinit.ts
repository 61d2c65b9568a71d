// `hactl reinit`: copies the data of standbys anew, and waits until they stream.

import { Flags } from '@oclif/core'
import { type CopyProgress, followCopy } from '../src/admin/members/follow-copy.ts'
import { concludeOperation, type OperationRow } from '../src/admin/members/member-operation.ts'
import { type BegunCopy, beginCopy, type ReinitOptions } from '../src/admin/members/reinit.ts'
import { done, failed, type Result } from '../src/model/command/failure.ts'
import { printable } from '../src/model/command/printable.ts'
import type { Millis } from '../src/model/units.ts'
import { interruptible } from '../src/terminal/ask/interruptible.ts'
import { askText, askYesNo, canAsk } from '../src/terminal/ask/questions.ts'
import { durationFlag } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { type Chosen, MemberCommand, sure } from '../src/terminal/member-command.ts'
import { brokenCopyFlag, MEMBER_ARGS, memberWords } from '../src/terminal/member-words.ts'
import { line, toStderr, toStdout } from '../src/terminal/print.ts'
import { liveLine } from '../src/terminal/table/live-line.ts'
import { copyText } from '../src/terminal/text/copy-text.ts'

const ACTION = 'reinitialize'

export default class Reinit extends MemberCommand {
  static override summary = "Make a new copy of a standby's data."
  static override description =
    'The member drops its data and takes a new copy, of the leader or of a standby that is tagged ' +
    'clonefrom. Waits until it streams, and shows how far the copy is; a copy that ends in a server that ' +
    'does not start is a failure. Never done to the leader. Ctrl-C ends the waiting, not the copy.'
  static override examples = [
    { description: 'Ask for everything:', command: '<%= config.bin %> reinit batman' },
    {
      description: 'In a script:',
      command: '<%= config.bin %> reinit batman pg2 --force --timeout 2h --json',
    },
    {
      description: 'From the leader, not waited for:',
      command: '<%= config.bin %> reinit batman pg2 --from-leader --no-wait',
    },
  ]
  static override args = MEMBER_ARGS
  static override flags = {
    force: Flags.boolean({
      aliases: ['yes'],
      default: false,
      summary: 'Do not ask; cancel what the member is at.',
    }),
    'accept-broken-copy': brokenCopyFlag,
    'from-leader': Flags.boolean({
      default: false,
      summary: 'Copy from the leader, not from another standby.',
    }),
    wait: Flags.boolean({
      allowNo: true,
      summary: 'Wait until the member streams; this is so unless --no-wait is given.',
    }),
    timeout: durationFlag({
      helpValue: 'SECONDS',
      summary: 'Longest time to wait for the end of the copy. Without it: as long as something moves.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Reinit)
    const words = memberWords(args.cluster)
    const { json, force } = flags
    const options = {
      action: ACTION,
      names: words.names,
      role: 'replica',
      pending: false,
      anyOne: false,
    } as const
    const chosen = await this.choose({ ...flags, timeout: undefined }, words.cluster, 'reinit', options)
    if (!chosen.ok) return this.fail(json, chosen.failure)
    const { operator, cluster } = chosen.value
    const which = await this.#which(chosen.value, words.names, force)
    if (!which.ok) return this.fail(json, which.failure)
    const members = chosen.value.members.filter(({ name }) => which.value.includes(name))
    const broken = await this.spareCopies(chosen.value, which.value, ACTION, flags)
    if (broken !== null) return this.fail(json, broken)
    const declined = await this.confirm(force, sure(ACTION, which.value), ACTION)
    if (declined !== null) return this.fail(json, declined)
    const left = new Set<string>()
    const how: ReinitOptions = { force, fromLeader: flags['from-leader'], mayCancel: cancels(json, left) }
    const missed = chosen.value.spared.filter(({ member }) => which.value.includes(member))
    const [rows, begun]: [OperationRow[], BegunCopy[]] = [[...missed], []]
    const wait = flags.wait ?? !isPatronictl()
    for (const member of members) {
      const began = await beginCopy(operator, member, how)
      if ('outcome' in began) rows.push(began)
      else if (wait) begun.push(began)
      else rows.push({ member: member.name, outcome: 'requested', why: 'begun, not waited for' })
    }
    for (const row of rows) if (!left.has(row.member)) this.showRow(json, ACTION, row)
    if (isPatronictl() && !json) toStdout(begunText(begun))
    rows.push(...(await this.#follow(chosen.value, begun, json, flags.timeout ?? null)))
    const hint = `see hactl list ${cluster}, and the log of the member's agent for the reason.`
    this.end(json, concludeOperation(cluster, ACTION, rows, hint), rows)
  }

  /** Without a name it asks for one: nobody should copy all standbys at once by leaving a word out. */
  async #which(chosen: Chosen, named: readonly string[], force: boolean): Promise<Result<readonly string[]>> {
    if (named.length > 0) {
      const chosenNames = [
        ...chosen.members.map(({ name }) => name),
        ...chosen.spared.map(({ member }) => member),
      ]
      return done(named.filter(name => chosenNames.includes(name)))
    }
    const names = chosen.members.map(({ name }) => name)
    const question = `Which member do you want to reinitialize [${names.join(', ')}]?`
    const hint = `name it: hactl reinit ${chosen.cluster} ${names[0] ?? 'MEMBER'}`
    if (force && isPatronictl()) {
      toStderr('No member was named: nothing was done\n')
      return done([])
    }
    if (force || !canAsk()) return failed({ kind: 'usage', message: 'no member was named', hint })
    const objection = (answer: string): string | null => {
      const name = answer.trim()
      if (names.includes(name)) return null
      return `${name === '' ? 'an empty answer' : name} is not a standby of cluster ${chosen.cluster}`
    }
    const answer = await askText(question, '', objection)
    if (!answer.ok) return failed(answer.failure)
    const message = objection(answer.value)
    return message === null ? done([answer.value.trim()]) : failed({ kind: 'usage', message, hint })
  }

  async #follow(
    { operator }: Chosen,
    begun: readonly BegunCopy[],
    json: boolean,
    timeoutMs: Millis | null,
  ): Promise<readonly OperationRow[]> {
    const live = liveLine(!json)
    const shown = new Map<string, string>()
    const say = (progress: CopyProgress): void => {
      shown.set(progress.member, copyText(progress))
      live.show([...shown.values()].join('; '))
    }
    return interruptible(interrupted =>
      Promise.all(
        begun.map(async copy => {
          const row = await followCopy(operator, copy, { interrupted, timeoutMs, say })
          shown.delete(row.member)
          live.clear()
          if (isPatronictl() && !json && row.outcome === 'done')
            toStdout(line`Reinitialize is completed on: ${row.member}\n`)
          else this.showRow(json, ACTION, row)
          return row
        }),
      ),
    )
  }
}

/** patronictl's line when it begins to wait. */
function begunText(begun: readonly BegunCopy[]): string {
  if (begun.length === 0) return ''
  const names = begun.map(({ member }) => printable(member.name))
  const each = names.map(name => `Success: ${ACTION} for member ${name}\n`).join('')
  return `${each}Waiting for reinitialize to complete on: ${names.join(', ')}\n`
}

/**
 * `restart already in progress. Do you want to cancel it and reinitialize anyway?` patronictl says the refusal before
 * it asks, and no more: `left` gets whoever it was said of.
 */
function cancels(json: boolean, left: Set<string>): ReinitOptions['mayCancel'] {
  return async (member, what) => {
    if (json || !canAsk()) return false
    if (isPatronictl()) toStdout(line`Failed: ${ACTION} for member ${member}, status code=503, (${what})\n`)
    const said = isPatronictl() ? '' : `${member}: ${what}. `
    const answer = await askYesNo(`${said}Do you want to cancel it and reinitialize anyway?`)
    const isCancelled = answer.ok && answer.value
    if (isPatronictl() && !isCancelled) left.add(member)
    return isCancelled
  }
}
