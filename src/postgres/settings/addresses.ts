// Where this node's own programs reach the local PostgreSQL, by what it listens on.

import { isAbsolute } from 'node:path'
import { bareHost } from '../../model/address.ts'
import type { PostgresqlConfig } from '../../model/settings/config.ts'

/** `host: null`: libpq's default unix socket directory. A host that starts with `/` is a socket directory. */
export interface LocalAddress {
  readonly host: string | null
  readonly port: number
}

const REACHED_AS_LOCALHOST: ReadonlySet<string> = new Set(['*', 'localhost', '0.0.0.0', '127.0.0.1'])

/** `socketDirectories`: the parameter unix_socket_directories; null when it is not set at all. */
export function localAddress(
  config: Pick<PostgresqlConfig, 'listenAddresses' | 'port'>,
  useUnixSocket: boolean,
  socketDirectories: string | null,
): LocalAddress {
  const { port } = config
  if (useUnixSocket) {
    if (socketDirectories === null) return { host: null, port }
    const directory = elements(socketDirectories).find(isAbsolute)
    if (directory !== undefined) return { host: directory, port }
  }
  const addresses = elements(config.listenAddresses).map(bareHost)
  const host = addresses.some(address => REACHED_AS_LOCALHOST.has(address)) ? 'localhost' : addresses[0]
  return { host: host ?? null, port }
}

/** PostgreSQL's lists of names: comma-separated, each perhaps in double quotes. */
export function elements(list: string): readonly string[] {
  return list
    .split(',')
    .map(element => element.trim().replace(/^"(.*)"$/, '$1'))
    .filter(element => element !== '')
}
