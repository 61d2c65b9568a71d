// How an address is written for people and in URLs, and how a socket takes it.

/** `host:port`, with brackets around an IPv6 host. */
export function formatAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Only programs of this machine reach it: `127.0.0.1`, `[::1]`, `localhost`. */
export function isLoopback(host: string): boolean {
  const bare = bareHost(host)
  return bare === 'localhost' || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}

/** Without the brackets of an IPv6 address, as a socket or a resolver takes it. */
export function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}
