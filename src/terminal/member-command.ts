// The flow shared by the commands that act on members: look, show the members, choose, ask, carry out, report the
// outcome for each.

import { randomInt } from 'node:crypto'
import { connect } from '../admin/connect.ts'
import { reportCluster } from '../admin/look/cluster-report.ts'
import { copiesFrom, refusalFor } from '../admin/members/endangered-copies.ts'
import type { OperationReport, OperationRow } from '../admin/members/member-operation.ts'
import {
  existingNames,
  readClusterOfMembers,
  type Selection,
  type SelectionOptions,
  selectMembers,
} from '../admin/members/member-selection.ts'
import { chooseCluster, deadlineIn, type Operator } from '../admin/use-case.ts'
import type { ClusterView } from '../model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../model/command/failure.ts'
import { printableData } from '../model/command/printable.ts'
import { askYesNo, canAsk } from './ask/questions.ts'
import { type GlobalFlags, HactlCommand, READ_TIMEOUT_MS } from './command.ts'
import { isPatronictl } from './drop-in/drop-in.ts'
import { isAnswered } from './drop-in/drop-in-operation.ts'
import { line, toStderr, toStdout } from './print.ts'
import { clusterText } from './table/member-table.ts'
import { rowLine } from './text/operation-text.ts'

export interface Chosen extends Selection {
  readonly operator: Operator
  readonly cluster: string
  readonly view: ClusterView
}

export abstract class MemberCommand extends HactlCommand {
  /** The cluster as it is now. People are shown its members, even with --force. */
  protected async look(
    flags: GlobalFlags,
    named: string | undefined,
    command: string,
  ): Promise<Result<Omit<Chosen, keyof Selection>>> {
    const connected = await connect(flags)
    if (!connected.ok) return failed(connected.failure)
    const operator = connected.value
    const cluster = chooseCluster(operator, named)
    if (!cluster.ok) return failed(cluster.failure)
    const deadline = deadlineIn(operator.clock, flags.timeout ?? READ_TIMEOUT_MS)
    const read = await readClusterOfMembers(operator, cluster.value, command, deadline)
    if (!read.ok) return failed(read.failure)
    if (!flags.json) {
      const report = reportCluster(cluster.value, operator.namespace, read.value)
      toStdout(clusterText(report, 'pretty', false))
    }
    return done({ operator, cluster: cluster.value, view: read.value })
  }

  protected async choose(
    flags: GlobalFlags,
    named: string | undefined,
    command: string,
    options: SelectionOptions,
  ): Promise<Result<Chosen>> {
    const looked = await this.look(flags, named, command)
    if (!looked.ok) return failed(looked.failure)
    const { cluster, view } = looked.value
    const names = isPatronictl() ? existingNames(view, options) : options.names
    const dropped = options.names.filter(name => !names.includes(name))
    if (dropped.length > 0)
      toStderr(line`Left out: ${dropped.join(', ')}: no such member, or of another role\n`)
    const selection = selectMembers(cluster, view, { ...options, names }, randomInt)
    return selection.ok ? done({ ...looked.value, ...selection.value }) : failed(selection.failure)
  }

  /** null: go on. */
  protected async confirm(force: boolean, question: string, what: string): Promise<Failure | null> {
    if (force) return null
    if (!canAsk()) return { kind: 'not-a-terminal', question, flags: '--force' }
    const answer = await askYesNo(question)
    if (!answer.ok) return answer.failure
    return answer.value ? null : { kind: 'declined', what }
  }

  /** A copy from one of them would be broken off: confirmed on a terminal, otherwise by a flag. null: go on. */
  protected async spareCopies(
    { operator, view }: Chosen,
    names: readonly string[],
    action: string,
    {
      force,
      'accept-broken-copy': accepted,
    }: { readonly force: boolean; readonly 'accept-broken-copy': boolean },
  ): Promise<Failure | null> {
    if (accepted || isPatronictl()) return null
    const broken = refusalFor(action, await copiesFrom(operator, view, names))
    if (broken === null || force || !canAsk()) return broken
    toStderr(line`Note: ${broken.reason}\n`)
    return null
  }

  /** Reports each member as it finishes, so that nobody waits in the dark for the last one. */
  protected showRow(json: boolean, action: string, row: OperationRow): void {
    if (!json) toStdout(rowLine(action, printableData(row)))
  }

  protected end(json: boolean, result: Result<OperationReport>, rows: readonly OperationRow[]): void {
    if (isPatronictl() && !json && rows.every(isAnswered)) this.exit(0)
    this.conclude(json, result, () => '')
    // A member that never answered may still hold a connection open, but nothing waits for it any more.
    this.exit(Number(process.exitCode ?? 0))
  }
}

/** `Are you sure you want to restart members pg0, pg1?` */
export function sure(action: string, names: readonly string[]): string {
  return `Are you sure you want to ${action} members ${names.join(', ')}?`
}
