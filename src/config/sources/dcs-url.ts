// `-d` / DCS_URL of the operator's commands: `[etcd3://]host[:port][,host[:port]…][/namespace]`.

import type { HostPort } from '../../model/settings/config.ts'
import { type Parsed, read, refuse } from '../schema/leaf.ts'
import { parseHostPort } from '../schema/leaf-address.ts'

export interface DcsUrl {
  readonly endpoints: readonly HostPort[]
  /** null: not given, so the configuration's own stays. */
  readonly namespace: string | null
  /** The scheme named version 2 of the API. */
  readonly version2: boolean
}

/** Without a scheme etcd3 is meant; an empty host is localhost. */
export function parseDcsUrl(url: string): Parsed<DcsUrl> {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?([^/]*)(?:\/(.*))?$/s.exec(url.trim())
  const scheme = (match?.[1] ?? 'etcd3').toLowerCase()
  if (match === null) return refuse('is not [etcd3://]host[:port][/namespace]')
  if (scheme !== 'etcd3' && scheme !== 'etcd') {
    return refuse(`has the scheme ${scheme}, which is not supported: hactl works with etcd3 only`)
  }
  const endpoints: HostPort[] = []
  for (const host of (match[2] ?? '').split(',')) {
    const parsed = parseHostPort(host === '' || host.startsWith(':') ? `localhost${host}` : host, 2379)
    if (!parsed.ok) return refuse(`has a host that ${parsed.message}`)
    endpoints.push(parsed.value)
  }
  const namespace = match[3] === undefined || match[3] === '' ? null : match[3]
  return read({ endpoints, namespace, version2: scheme === 'etcd' })
}
