// Passwords that the configuration gives away: with a value that everybody knows, or to members that nobody verifies. They are warnings: a cluster that runs so goes on.

import { ACCOUNTS } from '../schema/postgresql-section.ts'
import type { Finding, LocalValues } from './contradictions.ts'

export function* exposedSecrets({ read }: LocalValues): Iterable<Finding> {
  yield* samplePasswords(read)
  const hasPassword = read('restapi.authentication.password') !== null
  const knowsAuthority = read('ctl.cacert') !== null || read('restapi.cafile') !== null
  if (!hasPassword || read('restapi.certfile') === null) return
  if (read('ctl.insecure'))
    yield unverified(
      'ctl.insecure',
      'is on: the password of the REST API goes to members that nobody verifies',
    )
  else if (!knowsAuthority && read('ctl.certfile') === null)
    yield unverified(
      'restapi.authentication.password',
      'goes to members whose certificates this node cannot verify',
      'Set ctl.cacert to the authority that signed them.',
    )
}

function unverified(path: string, message: string, hint?: string): Finding {
  return { kind: 'warning', path, message, ...(hint === undefined ? {} : { hint }) }
}

/** As Patroni's and hactl's examples have them; everybody tries these first. */
const OF_EXAMPLES = /^(change[-_ ]?me.*|rep-pass|zalando|rewind_password|postgres|password)$/i

function* samplePasswords(read: LocalValues['read']): Iterable<Finding> {
  const paths = [
    ...ACCOUNTS.map(account => `postgresql.authentication.${account}.password` as const),
    'restapi.authentication.password',
    'ctl.authentication.password',
    'etcd3.password',
  ] as const
  for (const path of paths) {
    if (OF_EXAMPLES.test(read(path) ?? ''))
      yield {
        kind: 'warning',
        path,
        message: 'is that of an example, which everybody knows',
        hint: 'Choose another.',
      }
  }
}
