// How an etcd endpoint is written: in addresses for gRPC, and for people.

import type { HostPort } from '../model/config.ts'

export function endpointName({ host, port }: HostPort): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}
