// Values of libpq's settings for connections, above all require_auth: the ways of proving an identity that a client lets a
// server choose from
// (https://www.postgresql.org/docs/16/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH).

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export const CHANNEL_BINDINGS = ['disable', 'prefer', 'require'] as const

const AUTH_METHODS = ['password', 'md5', 'gss', 'sspi', 'scram-sha-256'] as const
export type AuthMethod = (typeof AUTH_METHODS)[number]

export interface RequiredAuth {
  readonly allowed: ReadonlySet<AuthMethod>
  /** The server must let the client prove its identity: letting everybody in is not enough. */
  readonly proofNeeded: boolean
}

/** null: an empty text, anything goes. A text: why libpq would refuse the value. */
export function parseRequireAuth(value: string): RequiredAuth | null | string {
  if (value.trim() === '') return null
  const words = value.split(',').map(word => word.trim())
  const names = words.map(word => word.replace(/^!/, ''))
  const unknown = names.find(name => name !== 'none' && !AUTH_METHODS.some(method => method === name))
  if (unknown !== undefined) return `"${unknown}" is none of ${AUTH_METHODS.join(', ')}, none`
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return `"${twice}" is there more than once`
  const excluded = words.filter(word => word.startsWith('!')).length
  if (excluded > 0 && excluded < words.length) return 'either all methods have an exclamation mark, or none'
  const isNegative = excluded > 0
  return {
    allowed: new Set(AUTH_METHODS.filter(method => names.includes(method) !== isNegative)),
    proofNeeded: names.includes('none') === isNegative,
  }
}
