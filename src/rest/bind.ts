// Binds the listening sockets of one port.

import type { Server } from 'node:net'
import { bareHost } from '../model/address.ts'
import { errorCode } from '../model/error-text.ts'
import type { HostPort } from '../model/settings/config.ts'

/**
 * Binds all of them to one port. Libuv accepts one connection of a listening socket in each turn of the event loop, so a
 * client that connects all the time would keep the others waiting: several sockets share the port (SO_REUSEPORT). The first
 * is bound without that before, and let go: whoever else has the port, be it an agent of the same user, is the reason why
 * this fails (EADDRINUSE).
 */
export async function bind(servers: readonly Server[], listen: HostPort): Promise<void> {
  const [first] = servers
  if (first === undefined) return
  const found = await bindHost(first, listen)
  await new Promise(resolve => first.close(resolve))
  try {
    for (const server of servers) await bindTo(server, found.host, found.port, true)
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
}

/** An empty host or `*` means every address, IPv6 and IPv4 on one socket where the machine has both. */
async function bindHost(server: Server, listen: HostPort): Promise<HostPort> {
  const host = bareHost(listen.host)
  if (host !== '' && host !== '*') return bindTo(server, host, listen.port, false)
  try {
    return await bindTo(server, '::', listen.port, false)
  } catch (error) {
    if (errorCode(error) !== 'EAFNOSUPPORT') throw error
    return bindTo(server, '0.0.0.0', listen.port, false)
  }
}

/** Where it listens now. */
function bindTo(server: Server, host: string, port: number, reusePort: boolean): Promise<HostPort> {
  const bound = Promise.withResolvers<HostPort>()
  const failed = (error: Error): void => bound.reject(error)
  server.once('error', failed)
  server.listen({ host, port, backlog: 4096, reusePort }, () => {
    server.off('error', failed)
    const address = server.address()
    bound.resolve({ host, port: typeof address === 'object' && address !== null ? address.port : port })
  })
  return bound.promise
}
