// Whether this machine can listen where the configuration says: by listening there for a moment.

import { createServer } from 'node:net'
import type { Finding, LocalValues } from '../config/checks/contradictions.ts'
import { bareHost, formatAddress } from '../model/address.ts'
import type { HostPort } from '../model/settings/config.ts'
import { holderOfPort } from '../postgres/server/port-holder.ts'

interface Wanted extends HostPort {
  readonly path: 'restapi.listen' | 'postgresql.listen'
}

/** `ignorePort`: the node's own agent and server may be running; only the addresses are tried. */
export async function checkListen(values: LocalValues, ignorePort: boolean): Promise<readonly Finding[]> {
  const wanted = [...restapi(values), ...postgresql(values)]
  const found = await Promise.all(wanted.map(one => tryListening(one, ignorePort)))
  return found.filter(finding => finding !== null)
}

function restapi({ given, read }: LocalValues): readonly Wanted[] {
  return given('restapi.listen') ? [{ path: 'restapi.listen', ...read('restapi.listen') }] : []
}

function postgresql({ given, read }: LocalValues): readonly Wanted[] {
  if (!given('postgresql.listen')) return []
  const { hosts, port } = read('postgresql.listen')
  return hosts.split(',').map(host => ({ path: 'postgresql.listen', host, port }))
}

async function tryListening({ path, host, port }: Wanted, ignorePort: boolean): Promise<Finding | null> {
  const bare = bareHost(host)
  const everywhere = bare === '' || bare === '*'
  const code = await listenOnce(everywhere ? undefined : bare, ignorePort ? 0 : port)
  if (code === null) return null
  const error = (message: string, hint: string): Finding => ({ kind: 'error', path, message, hint })
  switch (code) {
    case 'EADDRINUSE': {
      const holder = (await holderOfPort(port)) ?? `port ${port} is in use`
      return error(
        `${formatAddress({ host, port })}: ${holder}`,
        'End that program or choose another port; give --ignore-listen-port if it is this node itself.',
      )
    }
    case 'EADDRNOTAVAIL':
      return error(
        `${host} is not an address of this machine`,
        'Take one that `ip address` shows, or 0.0.0.0.',
      )
    case 'EACCES':
      return error(`port ${port} may not be listened on by this user`, 'Choose a port from 1024 on.')
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return error(`${host} cannot be resolved to an address`, 'Mend the name, DNS or /etc/hosts.')
    default:
      return error(
        `${formatAddress({ host, port })} cannot be listened on: ${code}`,
        'Choose another address.',
      )
  }
}

/** null: it could. Without a host: every address. */
function listenOnce(host: string | undefined, port: number): Promise<string | null> {
  const answer = Promise.withResolvers<string | null>()
  const server = createServer()
  server.once('error', (error: Error & { readonly code?: string }) =>
    answer.resolve(error.code ?? error.message),
  )
  server.listen({ port, exclusive: true, ...(host === undefined ? {} : { host }) }, () =>
    server.close(() => answer.resolve(null)),
  )
  return answer.promise
}
