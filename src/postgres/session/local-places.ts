// Where the local server may be reached.

import { bareHost } from '../../model/address.ts'
import type { PostgresqlConfig } from '../../model/settings/config.ts'
import { readPidFile } from '../server/postmaster.ts'
import { elements, type LocalAddress } from '../settings/addresses.ts'

export interface LocalPlace {
  /** An address, or the directory of a socket. */
  readonly host: string
  readonly port: number
}

/**
 * As configured, else by its socket and its other addresses, for the case that a
 * stranger took the first. The port in postmaster.pid counts, because the file may now say another one: a healthy primary
 * would look like one that never finishes starting. No host means libpq's default socket directory, which is also there.
 */
export async function localPlaces(
  { dataDir, listenAddresses }: PostgresqlConfig,
  usual: LocalAddress,
  needsName: boolean,
): Promise<readonly LocalPlace[]> {
  const file = await readPidFile(dataDir)
  const port = file?.port ?? usual.port
  const addresses = elements(listenAddresses).map(bareHost)
  const isLoopback = addresses.some(address => ['127.0.0.1', '0.0.0.0', '*'].includes(address))
  // Looking up a name takes a thread of the pool, in which reads of a hung disk may already be waiting.
  const first = usual.host === 'localhost' && isLoopback && !needsName ? '127.0.0.1' : usual.host
  const others = addresses.filter(address => !['*', '0.0.0.0', '::', 'localhost'].includes(address))
  const hosts = [first ?? file?.socketDirectory ?? 'localhost', file?.socketDirectory ?? null, ...others]
  return [...new Set(hosts)].flatMap(host => (host === null ? [] : [{ host, port }]))
}
