// What the configuration leaves open to whoever reaches the network: the REST API, etcd, PostgreSQL. They are warnings: a cluster
// behind a firewall may want it so, and what worked with Patroni goes on.

import { isLoopback } from '../../model/address.ts'
import type { AgentConfig } from '../../model/settings/config.ts'
import { isOpenApi, OPEN_API } from '../../model/settings/open-api.ts'
import { isJsonObject, own } from '../../model/settings/patch.ts'
import { type AccessRule, parseAccessRule } from './access-rule.ts'
import type { Finding, LocalValues } from './contradictions.ts'

export function* openDoors(config: AgentConfig, values: LocalValues): Iterable<Finding> {
  yield* restApi(config)
  yield* etcd(config)
  for (const [path, lines] of accessLists(config, values)) yield* accessList(path, lines)
}

function* restApi({ restapi }: AgentConfig): Iterable<Finding> {
  if (isOpenApi(restapi))
    yield { kind: 'warning', path: 'restapi', message: OPEN_API.text, hint: OPEN_API.hint }
  if (restapi.credentials !== null && restapi.tls === null && !isLoopback(restapi.listen.host))
    yield {
      kind: 'warning',
      path: 'restapi.authentication.password',
      message: 'goes over the network in clear text, because the REST API has no TLS',
      hint: 'Set restapi.certfile and restapi.cafile.',
    }
}

/** A password over http is told by the check of the section itself. */
function* etcd({ etcd }: AgentConfig): Iterable<Finding> {
  const isIdentified = etcd.credentials !== null || (etcd.tls !== null && etcd.tls.cert !== null)
  if (isIdentified || etcd.endpoints.every(({ host }) => isLoopback(host))) return
  yield {
    kind: 'warning',
    path: 'etcd3',
    message:
      'has neither a user nor a client certificate: whoever reaches etcd decides who leads, and what PostgreSQL runs',
    hint: 'Set etcd3.cert and etcd3.key, or etcd3.username over https; etcd must ask for them.',
  }
}

type List = readonly [path: string, lines: readonly string[]]

function accessLists({ bootstrap }: AgentConfig, { read }: LocalValues): readonly List[] {
  const local = (
    ['postgresql.pg_hba', 'postgresql.pg_hba_primary', 'postgresql.pg_hba_replica'] as const
  ).map((path): List => [path, read(path) ?? []])
  const postgresql = bootstrap === null ? null : own(bootstrap.dcs, 'postgresql')
  const shared = isJsonObject(postgresql) ? own(postgresql, 'pg_hba') : null
  const lines = Array.isArray(shared) ? shared.filter(line => typeof line === 'string') : []
  return [...local, ['bootstrap.dcs.postgresql.pg_hba', lines]]
}

const METHODS_IN_CLEAR: readonly string[] = ['password', 'ldap', 'pam', 'bsd', 'radius']

function* accessList(path: string, lines: readonly string[]): Iterable<Finding> {
  const rules = lines.flatMap(line => parseAccessRule(line) ?? []).filter(({ method }) => method !== 'reject')
  const some = (chosen: (rule: AccessRule) => boolean): string | null => {
    const [first, ...more] = rules.filter(chosen)
    if (first === undefined) return null
    return `${JSON.stringify(first.line)}${more.length === 0 ? '' : ` and ${more.length} more`}`
  }
  const warning = (message: string, hint: string): Finding => ({ kind: 'warning', path, message, hint })
  const trusted = some(({ method }) => method === 'trust')
  if (trusted !== null) yield warning(`lets in without a password: ${trusted}`, 'Use scram-sha-256.')
  const inClear = some(rule => rule.isPlain && METHODS_IN_CLEAR.includes(rule.method))
  if (inClear !== null)
    yield warning(
      `asks for passwords in clear text, without TLS: ${inClear}`,
      'Use scram-sha-256, or hostssl.',
    )
  const plain = some(rule => rule.isPlain && !METHODS_IN_CLEAR.includes(rule.method))
  if (plain !== null)
    yield warning(
      `lets other machines in without TLS, so that their data crosses the network in clear text: ${plain}`,
      'Use hostssl, and set ssl, ssl_cert_file and ssl_key_file.',
    )
}
