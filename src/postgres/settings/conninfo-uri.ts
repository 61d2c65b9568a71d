// The URI form of a libpq connection string: `postgresql://user:password@host:port,host2/dbname?key=value`.
// Members publish such a URI as `conn_url`, and operators write it into postgresql.conf.

/** Keys and values after percent-decoding; hosts and ports of a list are joined by commas. null: not a valid URI. */
export function parseConninfoUri(text: string): Record<string, string> | null {
  try {
    return readUri(text)
  } catch (error) {
    if (error instanceof MalformedUri) return null
    throw error
  }
}

class MalformedUri extends Error {}

function readUri(text: string): Record<string, string> {
  const fields: Record<string, string> = {}
  const put = (key: string, encoded: string): void => {
    const value = decode(encoded)
    if (value !== '') fields[key] = value
  }
  let rest = text.replace(/^postgres(ql)?:\/\//, '')
  const userInfo = /^([^@/]*)@/.exec(rest)
  if (userInfo !== null) {
    const [whole = '', login = ''] = userInfo
    const colon = login.indexOf(':')
    put('user', colon < 0 ? login : login.slice(0, colon))
    if (colon >= 0) put('password', login.slice(colon + 1))
    rest = rest.slice(whole.length)
  }
  const hosts = readHosts(rest)
  put('host', hosts.host)
  put('port', hosts.port)
  rest = hosts.rest
  if (rest.startsWith('/')) {
    const end = rest.indexOf('?')
    put('dbname', rest.slice(1, end < 0 ? undefined : end))
    rest = end < 0 ? '' : rest.slice(end)
  }
  if (rest.startsWith('?')) Object.assign(fields, readParameters(rest.slice(1)))
  return fields
}

function readHosts(text: string): { readonly host: string; readonly port: string; readonly rest: string } {
  const hosts: string[] = []
  const ports: string[] = []
  let rest = text
  for (;;) {
    const bracketed = rest.startsWith('[')
    const match = (bracketed ? /^\[([^\]]+)\](?::([^/?,]*))?/ : /^([^:/?,]*)(?::([^/?,]*))?/).exec(rest)
    if (match === null) throw new MalformedUri()
    const [whole, host = '', port = ''] = match
    hosts.push(host)
    ports.push(port)
    rest = rest.slice(whole.length)
    if (!rest.startsWith(',')) break
    rest = rest.slice(1)
  }
  if (rest !== '' && !rest.startsWith('/') && !rest.startsWith('?')) throw new MalformedUri()
  return { host: hosts.join(','), port: ports.join(','), rest }
}

function readParameters(text: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const parts = pair.split('=')
    if (parts.length !== 2) throw new MalformedUri()
    const [key = '', value = ''] = parts.map(decode)
    // JDBC's spelling, which libpq accepts in a URI only.
    if (key === 'ssl' && value === 'true') fields.sslmode = 'require'
    else fields[key] = value
  }
  return fields
}

function decode(text: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(text) || /%00/.test(text)) throw new MalformedUri()
  const bytes = text.replace(/(%[0-9A-Fa-f]{2})+/g, run =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  )
  return bytes
}
