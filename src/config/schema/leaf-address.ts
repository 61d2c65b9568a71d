// Addresses in the configuration: `host:port`, the list in `postgresql.listen`, IPv6 with and without brackets.
// Everything is split at the last colon, as Patroni splits it.

import { isIPv6 } from 'node:net'
import { bareHost } from '../../model/address.ts'
import type { Json } from '../../model/cluster/cluster.ts'
import type { HostPort } from '../../model/settings/config.ts'
import { type Leaf, type Parsed, read, readText, refuse } from './leaf.ts'

/** `host:port`, `[::1]:8008`, `host` or `*`; without a port `defaultPort` is meant. */
export function hostPort(defaultPort: number): Leaf<HostPort> {
  return {
    type: `host:port (port ${defaultPort} when left out)`,
    fromEnvironment: 'text',
    parse: raw => {
      const parsed = readAddress(raw)
      return parsed.ok ? parseHostPort(parsed.value, defaultPort) : parsed
    },
  }
}

interface ListenAddress {
  /** Host list as PostgreSQL's `listen_addresses` wants it: without brackets. */
  readonly hosts: string
  readonly port: number
}

/** `host,host:port` of `postgresql.listen`. */
export function listenAddress(defaultPort: number): Leaf<ListenAddress> {
  return {
    type: `host[,host…]:port (port ${defaultPort} when left out)`,
    fromEnvironment: 'text',
    parse: raw => {
      const parsed = readAddress(raw)
      if (!parsed.ok) return parsed
      const commas = parsed.value.split(',').map(host => host.trim())
      const last = parseHostPort(commas.at(-1) ?? '', defaultPort)
      if (!last.ok) return last
      const hosts = [...commas.slice(0, -1).map(unbracket), last.value.host]
      if (hosts.some(host => host === '')) return refuse('has an empty host')
      if (hosts.includes('*') && hosts.length > 1)
        return refuse('has * beside other hosts; * must stand alone')
      return { ...last, value: { hosts: hosts.join(','), port: last.value.port } }
    },
  }
}

export function parseHostPort(value: string, defaultPort: number): Parsed<HostPort> {
  if (value.includes('://')) return refuse('is a URL, not host:port')
  if (/\s|[/@]/.test(value)) return refuse('is not host:port')
  if (value.startsWith('[')) return bracketed(value, defaultPort)
  const colon = value.lastIndexOf(':')
  if (colon < 0) return withPort(value, defaultPort)
  const [host, port] = [value.slice(0, colon), value.slice(colon + 1)]
  if (!host.includes(':')) return withPort(host, readPort(port))
  if (isIPv6(host) && readPort(port) !== null) {
    const parsed = withPort(host, readPort(port))
    return parsed.ok
      ? { ...parsed, warning: `is read as [${host}]:${port}; write IPv6 addresses in brackets` }
      : parsed
  }
  return isIPv6(value) ? withPort(value, defaultPort) : refuse('is not host:port')
}

function bracketed(value: string, defaultPort: number): Parsed<HostPort> {
  const match = /^\[([^\]]+)\](?::(.+))?$/.exec(value)
  const host = match?.[1]
  if (host === undefined || !isIPv6(host)) return refuse('is not [IPv6 address]:port')
  return withPort(host, match?.[2] === undefined ? defaultPort : readPort(match[2]))
}

function withPort(host: string, port: number | null): Parsed<HostPort> {
  if (port === null) return refuse('has a port that is not a number from 1 to 65535')
  return read({ host: host === '' ? '*' : host, port })
}

export function readPort(value: string): number | null {
  if (!/^\d{1,5}$/.test(value)) return null
  const port = Number(value)
  return port >= 1 && port <= 65535 ? port : null
}

/** A bare number would be a port without a host, or YAML's base-60 reading of `1:30`. */
function readAddress(raw: Json): Parsed<string> {
  if (typeof raw === 'number') return refuse('is a number, not host:port; put it in quotes')
  const parsed = readText(raw)
  return parsed.ok && parsed.value.trim() === ''
    ? refuse('is empty')
    : parsed.ok
      ? read(parsed.value.trim())
      : parsed
}

function unbracket(host: string): string {
  return bareHost(host)
}
