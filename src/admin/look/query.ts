// `hactl query`: runs SQL on the first of the meant members that answers, and passes on what PostgreSQL says unchanged.

import type { Json } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import type { SqlLogin, SqlPort } from '../../ports/sql.ts'
import { deadlineIn, type Operator } from '../use-case.ts'
import { placesOf, type Whom } from './sql-members.ts'

interface QueryOptions extends Whom {
  readonly sql: string
  readonly login: SqlLogin
  readonly budgetMs: Millis
  readonly interrupted: AbortSignal
}

export interface QueryReport {
  readonly cluster: string
  readonly member: MemberName
  readonly inRecovery: boolean
  /** null: the last statement gives no rows. */
  readonly columns: readonly string[] | null
  readonly rows: readonly (readonly Json[])[]
  /** `SELECT 3`, as psql shows it. */
  readonly tag: string
}

export async function queryCluster(
  operator: Operator,
  sql: SqlPort,
  cluster: string,
  options: QueryOptions,
): Promise<Result<QueryReport>> {
  const deadline = deadlineIn(operator.clock, options.budgetMs)
  const places = await placesOf(operator, cluster, options, deadline)
  if (!places.ok) return failed(places.failure)
  const silent: string[] = []
  for (const place of places.value) {
    const { member, host, port } = place
    const target = { host, port, ...options.login }
    if (options.interrupted.aborted) return failed({ kind: 'interrupted' })
    const limitMs = Math.max(1, deadline.leftMs())
    const answer = await sql.run(target, options.sql, recoveryOf(options), limitMs, options.interrupted)
    switch (answer.kind) {
      case 'done':
        return done({ cluster, member, inRecovery: answer.inRecovery, ...answer.table })
      case 'error':
        return failed({ kind: 'sql-error', member, sqlstate: answer.sqlstate, why: answer.why })
      case 'timed-out':
        return failed({ kind: 'query-late', member, why: answer.why })
      case 'interrupted':
        return failed({ kind: 'query-interrupted', member, cancelled: answer.cancelled })
      case 'other-role':
        silent.push(`${member} (it is ${answer.inRecovery ? '' : 'not '}in recovery)`)
        break
      case 'unreachable':
        silent.push(`${member} (${answer.why})`)
        break
      default:
        return answer satisfies never
    }
  }
  return failed({ kind: 'no-connection', members: silent.join(', ') })
}

/** Whether the server must be in recovery, because a published role may be out of date; null: it does not matter. */
function recoveryOf({ member, role }: Whom): boolean | null {
  if (member !== null || role === 'any' || role === 'leader' || role === 'standby-leader') return null
  return role !== 'primary'
}
