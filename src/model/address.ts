// How an address is written for people and in URLs, and how a socket takes it.

/** `host:port`, with brackets around an IPv6 host. */
export function formatAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Without the brackets of an IPv6 address, as a socket or a resolver takes it. */
export function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}
