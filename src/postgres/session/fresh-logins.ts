// Fresh logins with the passwords of the configuration: as the superuser here, and at the server that is followed with
// the accounts of replication and pg_rewind. Each opens one session, asks nothing of consequence, and closes it.

import { seen, unseen } from '../../model/seen.ts'
import type { Login, LoginTry } from '../../model/server/logins.ts'
import type { Millis } from '../../model/units.ts'
import type { LoginQuestion } from '../../ports/postgres.ts'
import type { Context } from '../context.ts'
import { identifySystem } from '../wal/replication-protocol.ts'
import { type ConnectTarget, queryOnce, type SqlFailure } from './connection.ts'

const LIMIT_MS: Millis = 3000

/** Password or certificate not accepted. */
const WRONG_PASSWORD = '28P01'
/** No such role, no line of pg_hba.conf, or one that rejects. */
const NOT_LET_IN = '28000'

export async function tryLogins(context: Context, question: LoginQuestion): Promise<readonly LoginTry[]> {
  const { access, name } = context
  const { inRecovery, upstream, rewind } = question
  const tries = [login(context, 'superuser', name, await access.local('hactl login'))]
  // A standby will connect from elsewhere: a login from here proves only its password.
  if (!inRecovery) tries.push(login(context, 'replication', name, await access.localReplication()))
  if (inRecovery && upstream !== null) {
    tries.push(login(context, 'replication', upstream.name, access.leaderReplication(upstream)))
    if (rewind) tries.push(login(context, 'rewind', upstream.name, await access.leader(upstream)))
  }
  return await Promise.all(tries)
}

async function login(
  { clock, name }: Context,
  account: Login['account'],
  server: Login['server'],
  target: ConnectTarget,
): Promise<LoginTry> {
  const atMs = clock.bootMs()
  const answer =
    target.replication === true
      ? await identifySystem(target, LIMIT_MS)
      : await queryOnce(target, 'SELECT 1', LIMIT_MS)
  const isOwnReplication = account === 'replication' && server === name
  const codes = isOwnReplication ? [WRONG_PASSWORD] : [WRONG_PASSWORD, NOT_LET_IN]
  const refusal = answer.ok
    ? seen(null, atMs)
    : codes.includes(answer.code) && !answer.connected
      ? seen(refusalOf(answer), atMs)
      : unseen(answer.why)
  return { account, user: target.user, server, refusal }
}

/** Without the account's name, which is shown beside it. */
function refusalOf({ why }: SqlFailure): string {
  return why.replace(/ for user ".*"$/s, '').replace(/, user ".*?"(?=,|$)/s, '')
}
