// Binds a listening socket.

import type { Server } from 'node:net'
import { bareHost } from '../model/address.ts'
import { errorCode } from '../model/error-text.ts'
import type { HostPort } from '../model/settings/config.ts'

/** An empty host or `*` means every address, IPv6 and IPv4 on one socket where the machine has both. */
export async function bind(server: Server, listen: HostPort): Promise<void> {
  const host = bareHost(listen.host)
  if (host !== '' && host !== '*') return bindTo(server, host, listen.port)
  try {
    await bindTo(server, '::', listen.port)
  } catch (error) {
    if (errorCode(error) !== 'EAFNOSUPPORT') throw error
    await bindTo(server, '0.0.0.0', listen.port)
  }
}

function bindTo(server: Server, host: string, port: number): Promise<void> {
  const bound = Promise.withResolvers<void>()
  const failed = (error: Error): void => bound.reject(error)
  server.once('error', failed)
  server.listen({ host, port, backlog: 511 }, () => {
    server.off('error', failed)
    bound.resolve()
  })
  return bound.promise
}
