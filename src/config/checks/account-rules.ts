// The accounts of PostgreSQL: each has a name, and values that libpq would take too. What libpq refuses would show only when
// a standby is to stream or a former primary is to be rewound.

import { CHANNEL_BINDINGS, parseRequireAuth, SSL_MODES } from '../../model/settings/libpq-values.ts'
import { ACCOUNT_KEYS, ACCOUNTS, type Account } from '../schema/postgresql-section.ts'
import type { Finding, LocalValues } from './contradictions.ts'

export function* accounts({ read }: Pick<LocalValues, 'read'>): Iterable<Finding> {
  for (const account of ACCOUNTS) {
    const path = `postgresql.authentication.${account}.username` as const
    yield* libpqValues(account, { read })
    if (read(path) !== null && read(path) !== '') continue
    const used = ACCOUNT_KEYS.some(key => read(`postgresql.authentication.${account}.${key}`) !== null)
    if (account !== 'replication' && !used) continue
    const hint = `Set ${path}, or the variable PATRONI_${account.toUpperCase()}_USERNAME.`
    yield { kind: 'error', path, message: 'is missing', hint }
  }
}

const ONE_OF = {
  sslmode: SSL_MODES,
  channel_binding: CHANNEL_BINDINGS,
  gssencmode: ['disable', 'prefer', 'require'],
  sslnegotiation: ['postgres', 'direct'],
} as const

function* libpqValues(account: Account, { read }: Pick<LocalValues, 'read'>): Iterable<Finding> {
  const given = (key: keyof typeof ONE_OF | 'require_auth' | 'sslrootcert') =>
    read(`postgresql.authentication.${account}.${key}`) ?? ''
  const error = (key: string, message: string): Finding => {
    return { kind: 'error', path: `postgresql.authentication.${account}.${key}`, message }
  }
  for (const key of ['sslmode', 'channel_binding', 'gssencmode', 'sslnegotiation'] as const) {
    const known: readonly string[] = ONE_OF[key]
    if (given(key) !== '' && !known.includes(given(key)))
      yield error(key, `is ${JSON.stringify(given(key))}, which is none of ${known.join(', ')}`)
  }
  const required = parseRequireAuth(given('require_auth'))
  if (typeof required === 'string') yield error('require_auth', required)
  if (given('channel_binding') !== 'require') return
  if (given('sslmode') === 'disable')
    yield error('channel_binding', 'is require, which needs TLS, but sslmode is disable')
  if (required !== null && typeof required !== 'string' && !required.allowed.has('scram-sha-256'))
    yield error(
      'channel_binding',
      'is require, which only scram-sha-256 can do, and require_auth does not allow that',
    )
}
