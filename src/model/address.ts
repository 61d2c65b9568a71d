// How an address is written for people, in URLs and in messages.

/** `host:port`, with brackets around an IPv6 host. */
export function formatAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}
