// The addresses that members publish, `conn_url` and `api_url`, taken apart as Patroni does it with Python's urlparse:
// a host in small letters and without its brackets, and a port. Nothing in them is decoded or completed.

import { formatAddress } from '../model/address.ts'

interface HostAndPort {
  readonly host: string
  readonly port: number
}

export function connUrlOf(place: HostAndPort, database: string): string {
  return `postgres://${formatAddress(place)}/${database}`
}

export function apiUrlOf(place: HostAndPort, protocol: 'http' | 'https'): string {
  return `${protocol}://${formatAddress(place)}/patroni`
}

const POSTGRES_PORT = 5432
const PORT_MAX = 65_535

/** `postgres://host:port/database`; null for any other text. */
export function parseConnUrl(connUrl: string | null): HostAndPort | null {
  return hostAndPort(/^postgres(?:ql)?:\/\/([^/?#]*)/i.exec(connUrl ?? '')?.[1] ?? '', POSTGRES_PORT)
}

/** The host of `https://host:port/patroni`; null for any other text. */
export function hostOfApiUrl(apiUrl: string | null): string | null {
  return hostAndPort(/^https?:\/\/([^/?#]*)/i.exec(apiUrl ?? '')?.[1] ?? '', 80)?.host ?? null
}

/** A host, or an IPv6 address in brackets, whose zone keeps its case; perhaps a port. */
const PLACE = /^(?<host>[^\s:[\]]+|\[(?<address>[0-9a-f:.]+)(?<zone>%[^\]\s]+)?\])(?::(?<port>\d*))?$/i

function hostAndPort(authority: string, portElse: number): HostAndPort | null {
  // A name and a password may precede the host and may contain an @ themselves.
  const parts = PLACE.exec(authority.slice(authority.lastIndexOf('@') + 1))?.groups
  if (parts === undefined) return null
  const { host = '', address = host, zone = '' } = parts
  // A missing port reads as zero.
  const port = Number(parts.port ?? 0) || portElse
  return port > PORT_MAX ? null : { host: address.toLowerCase() + zone, port }
}
