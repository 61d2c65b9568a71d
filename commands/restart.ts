// `hactl restart`: PostgreSQL of members, one after the other, the leader last; now or at a time.

import { Flags } from '@oclif/core'
import { clusterModes } from '../src/admin/look/cluster-report.ts'
import { concludeOperation, isWell, type OperationRow } from '../src/admin/members/member-operation.ts'
import type { RestartOptions } from '../src/admin/members/restart.ts'
import { leaderLast, planRestart, restartMembers } from '../src/admin/members/restart-members.ts'
import { done, failed, type Result } from '../src/model/command/failure.ts'
import { readServerVersion } from '../src/model/server/server-version.ts'
import { interruptible } from '../src/terminal/ask/interruptible.ts'
import { askText, canAsk, type Objection } from '../src/terminal/ask/questions.ts'
import { durationFlag } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { isoWithZone } from '../src/terminal/format/line-time.ts'
import { objectionToTime, parseFutureSchedule, parseSchedule } from '../src/terminal/format/schedule.ts'
import { type Chosen, MemberCommand, sure } from '../src/terminal/member-command.ts'
import {
  brokenCopyFlag,
  forceFlag,
  MEMBER_ARGS,
  memberWords,
  roleFlag,
} from '../src/terminal/member-words.ts'
import { line, toStderr } from '../src/terminal/print.ts'
import { liveLine } from '../src/terminal/table/live-line.ts'

export default class Restart extends MemberCommand {
  static override summary = 'Restart PostgreSQL on members, one after the other, the leader last.'
  static override description =
    'Waits until each member accepts connections and, as a standby, streams again, before it goes on to ' +
    'the next. When one does not come back, the rest is left alone, and the exit code is 7 with what is ' +
    'left. The leader keeps its lease while it restarts; for a restart without an outage of a restart see ' +
    'rolling restart.'
  static override examples = [
    { description: 'All members:', command: '<%= config.bin %> restart batman' },
    {
      description: 'Those whose settings wait for it, without questions:',
      command: '<%= config.bin %> restart batman --pending --force --json',
    },
    {
      description: 'One, tonight:',
      command: "<%= config.bin %> restart batman pg2 --scheduled '2030-01-01T03:00+01:00' --force",
    },
  ]
  static override args = MEMBER_ARGS
  static override flags = {
    role: roleFlag(),
    any: Flags.boolean({ summary: 'Only one of them, chosen by chance.' }),
    scheduled: Flags.string({
      helpValue: 'TIME',
      summary: 'Not now but at this time (2030-01-01T03:00, tomorrow 3am; local without a zone).',
    }),
    'pg-version': Flags.string({
      helpValue: 'VERSION',
      summary: 'Only if the PostgreSQL that runs is older than this.',
    }),
    pending: Flags.boolean({ summary: 'Only if a changed setting waits for a restart.' }),
    timeout: durationFlag({
      helpValue: 'SECONDS',
      summary:
        'Longest time that PostgreSQL of one member may take to start; when the leader takes longer, a ' +
        'standby takes over. Without it primary_start_timeout counts.',
    }),
    force: forceFlag,
    'accept-broken-copy': brokenCopyFlag,
    'dry-run': Flags.boolean({ summary: 'Say what would be restarted, in which order; change nothing.' }),
    wait: Flags.boolean({
      allowNo: true,
      summary: 'Wait until each member is in service again; this is so unless --no-wait is given.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Restart)
    const words = memberWords(args.cluster)
    const { json, role, any: anyOne, scheduled } = flags
    // Which members have a pending restart is only known at the scheduled time.
    const pending = flags.pending && scheduled === undefined
    const options = { action: 'restart', names: words.names, role, pending, anyOne }
    const chosen = await this.choose({ ...flags, timeout: undefined }, words.cluster, 'restart', options)
    if (!chosen.ok) return this.fail(json, chosen.failure)
    const { operator, cluster, view, spared } = chosen.value
    const completed = await this.#complete(chosen.value, flags)
    if (!completed.ok) return this.fail(json, completed.failure)
    const members = leaderLast(chosen.value.members, view)
    if (flags['dry-run'])
      return this.#report(
        json,
        cluster,
        [...spared, ...(await planRestart(operator, members, completed.value, view))],
        completed.value,
      )
    for (const row of spared) this.showRow(json, 'restart', row)
    const live = liveLine(!json)
    const rows = await interruptible(interrupted => {
      const say = (name: string, text: string) => live.show(`restart of ${name}: ${text}`)
      return restartMembers(operator, members, completed.value, { interrupted, say }, row => {
        live.clear()
        this.showRow(json, 'restart', row)
      })
    })
    this.#conclude(json, cluster, [...spared, ...rows], completed.value)
  }

  /** Missing options are asked for on a terminal, in the order that operators know. */
  async #complete(chosen: Chosen, flags: RestartFlags): Promise<Result<RestartOptions>> {
    const { operator, members, view } = chosen
    const asks = !flags.force && !flags['dry-run'] && canAsk() && members.length > 0
    const when = await this.#answer(
      flags.scheduled,
      asks,
      isPatronictl()
        ? `When should the restart take place (e.g. ${isoWithZone(operator.clock.wallMs() + 3_600_000).slice(0, 16)}) `
        : 'When should the restart take place (e.g. 2030-01-01T12:35)',
      'now',
      objectionToTime(operator.clock.wallMs()),
    )
    if (!when.ok) return failed(when.failure)
    // patronictl leaves it to the members to refuse a time in the past.
    const parse = isPatronictl() ? parseSchedule : parseFutureSchedule
    const time = await parse(when.value, operator.clock.wallMs())
    if (!time.ok)
      return failed({
        kind: 'usage',
        message: time.why,
        hint: 'for example --scheduled 2030-01-01T12:35+01:00, or now.',
      })
    if (time.said !== null) toStderr(line`${time.said}\n`)
    const { schedule } = time
    if (schedule !== null && clusterModes(view).paused) {
      const hint = `hactl resume ${chosen.cluster} ends it; or restart without --scheduled.`
      return failed({
        kind: 'refused',
        action: 'restart',
        reason: "can't schedule restart in the paused state",
        hint,
      })
    }
    const names = members.map(({ name }) => name)
    const question =
      schedule === null
        ? sure('restart', names)
        : `Are you sure you want to schedule restart of members ${names.join(', ')} at ` +
          `${isPatronictl() ? schedule.text.replace('T', ' ') : schedule.text}?`
    const broken = schedule === null ? await this.spareCopies(chosen, names, 'restart', flags) : null
    if (broken !== null) return failed(broken)
    const skip = flags.force || flags['dry-run'] || members.length === 0
    const declined = await this.confirm(skip, question, schedule === null ? 'restart' : 'scheduled restart')
    if (declined !== null) return failed(declined)
    const version = await this.#answer(
      flags['pg-version'],
      asks,
      `Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)${isPatronictl() ? ' ' : ''}`,
      '',
      objectionToVersion,
    )
    if (!version.ok) return failed(version.failure)
    const olderThan = version.value === '' ? null : version.value
    const message = objectionToVersion(version.value)
    if (message !== null) return failed({ kind: 'usage', message, hint: 'for example --pg-version 15.4' })
    const { pending, force, timeout } = flags
    const wait = waiting(flags.wait)
    return done({ pending, olderThan, schedule, timeoutMs: timeout ?? null, wait, replace: force })
  }

  async #answer(
    given: string | undefined,
    asks: boolean,
    question: string,
    suggestion: string,
    objection: Objection,
  ): Promise<Result<string>> {
    if (given !== undefined) return done(given)
    return asks ? askText(question, suggestion, objection) : done('')
  }

  #report(json: boolean, cluster: string, rows: readonly OperationRow[], options: RestartOptions): void {
    for (const row of rows) this.showRow(json, 'restart', row)
    this.#conclude(json, cluster, rows, options)
  }

  #conclude(json: boolean, cluster: string, rows: readonly OperationRow[], options: RestartOptions): void {
    const rest = rows.filter(row => !isWell(row))
    const names = rest.map(({ member }) => member)
    const again = ['hactl restart', cluster, ...names, ...conditions(options)].join(' ')
    const hint = `see hactl list ${cluster}; what is left: ${again}`
    this.end(json, concludeOperation(cluster, 'restart', rows, hint), rows)
  }
}

/** As options: without them what is left would be restarted at once, or without need. */
function conditions({ pending, olderThan, schedule }: RestartOptions): readonly string[] {
  return [
    ...(pending ? ['--pending'] : []),
    ...(olderThan === null ? [] : [`--pg-version ${olderThan}`]),
    ...(schedule === null ? [] : [`--scheduled ${schedule.text}`]),
  ]
}

function objectionToVersion(text: string): string | null {
  if (text === '' || readServerVersion(text).ok) return null
  return `${text} is no version such as 15.4 or 9.6.24`
}

/** patronictl waits for the answer of the agent, not for the end. */
function waiting(wait: boolean | undefined): RestartOptions['wait'] {
  if (wait === undefined && isPatronictl()) return 'answer'
  return wait === false ? 'begun' : 'in-service'
}

interface RestartFlags {
  readonly force: boolean
  readonly 'accept-broken-copy': boolean
  readonly 'dry-run': boolean
  readonly scheduled?: string | undefined
  readonly 'pg-version'?: string | undefined
  readonly pending: boolean
  readonly wait?: boolean | undefined
  readonly timeout?: number | undefined
}
