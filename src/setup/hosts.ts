// Whether the names that the configuration publishes can be resolved, and whether etcd can be reached from here.

import { lookup } from 'node:dns/promises'
import { connect } from 'node:net'
import type { Finding, LocalValues } from '../config/checks/contradictions.ts'
import { readEtcd } from '../config/etcd-section.ts'
import { bareHost, formatAddress } from '../model/address.ts'
import type { HostPort } from '../model/settings/config.ts'
import type { Millis } from '../model/units.ts'

const LIMIT_MS: Millis = 3000
const TOLD_OTHERS = [
  'restapi.connect_address',
  'postgresql.connect_address',
  'postgresql.proxy_address',
] as const

export async function checkHosts(values: LocalValues): Promise<readonly Finding[]> {
  const [told, etcd] = await Promise.all([
    Promise.all(TOLD_OTHERS.map(path => checkTold(path, values.read(path)))),
    checkEtcd(values),
  ])
  return [...told.filter(finding => finding !== null), ...etcd]
}

/** An address that this node is reached by, as the member key will say it. */
async function checkTold(path: string, address: HostPort | null): Promise<Finding | null> {
  if (address === null || ['*', '0.0.0.0', '::'].includes(address.host)) return null
  const resolved = await addressOf(address.host)
  if (resolved === null) {
    const message = `${address.host} cannot be resolved to an address`
    return { kind: 'error', path, message, hint: 'Mend the name, DNS or /etc/hosts.' }
  }
  if (!/^127\.|^::1$/.test(resolved)) return null
  const message = `${address.host} is an address that only this machine reaches (${resolved})`
  return {
    kind: 'warning',
    path,
    message,
    hint: 'Name the address of this machine, unless all members are on it.',
  }
}

/** etcd works without some of its members, so it is an error only when none of them answers. */
async function checkEtcd(values: LocalValues): Promise<readonly Finding[]> {
  const { etcd } = readEtcd(values, () => null)
  if (etcd === null) return []
  const given = (['etcd3.url', 'etcd3.hosts', 'etcd3.host'] as const).find(path => values.given(path))
  const tried = await Promise.all(
    etcd.endpoints.map(async endpoint => ({ endpoint, why: await whyUnreachable(endpoint) })),
  )
  const kind = tried.every(({ why }) => why !== null) ? 'error' : 'warning'
  return tried.flatMap(({ endpoint, why }) =>
    why === null
      ? []
      : [
          {
            kind,
            path: given ?? 'etcd3',
            message: `${formatAddress(endpoint)} is not reachable: ${why}`,
            hint: 'Start etcd there, or mend the address or the firewall.',
          },
        ],
  )
}

async function addressOf(host: string): Promise<string | null> {
  const late = new Promise<null>(resolve => setTimeout(resolve, LIMIT_MS, null).unref())
  const found = lookup(bareHost(host)).then(
    ({ address }) => address,
    () => null,
  )
  return Promise.race([found, late])
}

/** null: something listens there. */
function whyUnreachable({ host, port }: HostPort): Promise<string | null> {
  const answer = Promise.withResolvers<string | null>()
  const socket = connect({ host: bareHost(host), port })
  const timer = setTimeout(() => answer.resolve(`no answer within ${LIMIT_MS / 1000} s`), LIMIT_MS)
  socket.once('connect', () => answer.resolve(null))
  socket.once('error', (error: Error & { readonly code?: string }) => answer.resolve(wordsFor(error)))
  return answer.promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
}

function wordsFor({ code, message }: { readonly code?: string; readonly message: string }): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'nobody listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name cannot be resolved'
    default:
      return code ?? message
  }
}
