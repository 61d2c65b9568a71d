// `hactl rolling restart`: every member in turn, so that the cluster serves all the time.

import { Flags } from '@oclif/core'
import { connect } from '../src/admin/connect.ts'
import { reportCluster } from '../src/admin/look/cluster-report.ts'
import {
  concludeOperation,
  type OperationReport,
  type OperationRow,
} from '../src/admin/members/member-operation.ts'
import {
  lookAtAll,
  planRolling,
  type RollingOptions,
  type RollingPlan,
  type Sight,
  whyUnwell,
} from '../src/admin/members/rolling-plan.ts'
import { rollThrough } from '../src/admin/members/rolling-restart.ts'
import { chooseCluster, deadlineIn, type Operator } from '../src/admin/use-case.ts'
import { done, failed, type Result } from '../src/model/command/failure.ts'
import { interruptible } from '../src/terminal/ask/interruptible.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { durationFlag, type GlobalFlags, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { MemberCommand } from '../src/terminal/member-command.ts'
import { forceFlag } from '../src/terminal/member-words.ts'
import { line, toStdout } from '../src/terminal/print.ts'
import { liveLine } from '../src/terminal/table/live-line.ts'
import { clusterText } from '../src/terminal/table/member-table.ts'

const ACTION = 'rolling restart'

interface Sighted {
  readonly operator: Operator
  readonly cluster: string
  readonly sight: Sight
}

export default class RollingRestart extends MemberCommand {
  static override summary =
    'Restart PostgreSQL on every member in turn, the leader last and after a switchover.'
  static override description =
    'One standby at a time, each streaming again before the next; then the leader hands over to one of ' +
    'them, which restarts it as a standby. Where max_connections, max_prepared_transactions, ' +
    'max_locks_per_transaction, max_worker_processes or max_wal_senders become lower, PostgreSQL demands ' +
    'the primary first: then the leader restarts where it is, and the standbys after it. Begins only on a ' +
    'healthy cluster, looks again before each step, and stops at the first failure with exit code 7 and ' +
    'what is left. Called again it goes on: with --pending by what is still pending, otherwise with ' +
    '--since and the time of the first run, which it prints.'
  static override examples = [
    { description: 'What would be done:', command: '<%= config.bin %> rolling restart batman --dry-run' },
    {
      description: 'After a change of settings, in a script:',
      command: '<%= config.bin %> rolling restart batman --pending --force --json',
    },
    {
      description: 'Go on where a run stopped:',
      command: "<%= config.bin %> rolling restart batman --since '2030-01-01T03:00:00Z'",
    },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = {
    pending: Flags.boolean({ summary: 'Only members whose changed settings wait for a restart.' }),
    since: Flags.string({
      helpValue: 'TIME',
      exclusive: ['pending'],
      summary: 'Only members whose PostgreSQL started before this time (ISO 8601, by their own clocks).',
    }),
    timeout: durationFlag({
      helpValue: 'SECONDS',
      summary:
        'Longest time that PostgreSQL of one member may take to start. Without it primary_start_timeout counts.',
    }),
    force: forceFlag,
    'dry-run': Flags.boolean({ summary: 'Say what would be restarted, in which order; change nothing.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RollingRestart)
    const { json } = flags
    const looked = await this.#sight(flags, args.cluster)
    if (!looked.ok) return this.fail(json, looked.failure)
    const { operator, cluster, sight } = looked.value
    const sinceMs = flags.since === undefined ? operator.clock.wallMs() : Date.parse(flags.since)
    if (Number.isNaN(sinceMs)) {
      const hint = 'for example --since 2030-01-01T03:00:00Z'
      return this.fail(json, { kind: 'usage', message: `--since: ${flags.since} is not a time`, hint })
    }
    const options: RollingOptions = { pending: flags.pending, sinceMs, timeoutMs: flags.timeout ?? null }
    const unwell = whyUnwell(sight)
    if (unwell !== null) {
      const hint = `see hactl list ${cluster}; a rolling restart begins on a healthy cluster only.`
      return this.fail(json, { kind: 'refused', action: ACTION, reason: unwell, hint })
    }
    const plan = planRolling(sight, options)
    const spared = plan.spared.map(({ name }) => sparedRow(name, options))
    const steps = plannedRows(plan)
    if (flags['dry-run'] || steps.length === 0)
      return this.#conclude(json, cluster, [...spared, ...steps], options, true)
    if (!json) toStdout(steps.map((row, at) => line`${at + 1}. ${row.member}: ${row.why ?? ''}\n`).join(''))
    const question =
      `Are you sure you want to restart ${steps.length === 1 ? 'this member' : 'these members'}, ` +
      'one after the other?'
    const declined = await this.confirm(flags.force, question, ACTION)
    if (declined !== null) return this.fail(json, declined)
    const rows = await this.#carryOut(looked.value, options, plan, json)
    this.#conclude(json, cluster, [...spared, ...rows], options, false)
  }

  async #carryOut(
    { operator, cluster }: Sighted,
    options: RollingOptions,
    plan: RollingPlan,
    json: boolean,
  ): Promise<readonly OperationRow[]> {
    const live = liveLine(!json)
    return interruptible(interrupted => {
      const say = (name: string, text: string) => live.show(`${name}: ${text}`)
      const run = { operator, cluster, options, following: { interrupted, say } }
      return rollThrough(run, plan, row => {
        live.clear()
        this.showRow(json, 'restart', row)
      })
    })
  }

  async #sight(flags: GlobalFlags, named: string | undefined): Promise<Result<Sighted>> {
    const connected = await connect(flags)
    if (!connected.ok) return failed(connected.failure)
    const operator = connected.value
    const cluster = chooseCluster(operator, named)
    if (!cluster.ok) return failed(cluster.failure)
    const sight = await lookAtAll(operator, cluster.value, deadlineIn(operator.clock, READ_TIMEOUT_MS))
    if (!sight.ok) return failed(sight.failure)
    if (!flags.json) {
      const report = reportCluster(cluster.value, operator.namespace, sight.value.view)
      toStdout(clusterText(report, 'pretty', false))
    }
    return done({ operator, cluster: cluster.value, sight: sight.value })
  }

  #conclude(
    json: boolean,
    cluster: string,
    rows: readonly OperationRow[],
    options: RollingOptions,
    show: boolean,
  ): void {
    if (show) for (const row of rows) this.showRow(json, 'restart', row)
    const again = options.pending ? '--pending' : `--since ${new Date(options.sinceMs).toISOString()}`
    const hint = `mend it, see hactl list ${cluster}; then go on with: hactl rolling restart ${cluster} ${again}`
    const result = concludeOperation(cluster, ACTION, rows, hint)
    const since = options.pending ? null : new Date(options.sinceMs).toISOString()
    this.end(json, withSince(result, since), rows)
  }
}

function withSince(result: Result<OperationReport>, since: string | null): Result<OperationReport> {
  if (result.ok) return done({ ...result.value, since })
  return failed(result.failure, result.value === null ? null : { ...result.value, since })
}

function sparedRow(member: string, { pending, sinceMs }: RollingOptions): OperationRow {
  const why = pending
    ? 'no restart is pending'
    : `its server started after ${new Date(sinceMs).toISOString()}`
  return { member, outcome: 'already', why }
}

function plannedRows({ before, leader, after, lowered }: RollingPlan): readonly OperationRow[] {
  const row = (member: string, why: string): OperationRow => ({ member, outcome: 'planned', why })
  const low = lowered.join(', ')
  return [
    ...before.map(({ name }) => row(name, 'standby, restarts')),
    ...(leader === null
      ? []
      : [
          row(
            leader.name,
            low === ''
              ? 'leader, hands over to a standby, which restarts it'
              : `leader, restarts where it is: ${low} becomes lower, which must be so on the primary first`,
          ),
        ]),
    ...after.map(({ name }) => row(name, 'standby, restarts when it has replayed what the leader wrote')),
  ]
}
