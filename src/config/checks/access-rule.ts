// One line of pg_hba.conf, as far as is needed to say whom it lets in.

import { isLoopback } from '../../model/address.ts'

export interface AccessRule {
  readonly line: string
  readonly method: string
  /** Lets other machines in over a connection that nothing encrypts. */
  readonly isPlain: boolean
}

/** null: a comment, an include, or a line that PostgreSQL would refuse. */
export function parseAccessRule(line: string): AccessRule | null {
  const [type = '', , , address = '', ...rest] = line.match(/"[^"]*"|[^\s"]+/g) ?? []
  if (type === 'local') return address === '' ? null : { line, method: address, isPlain: false }
  if (!/^host(no)?(ssl|gssenc)?$/.test(type)) return null
  // `10.0.0.0 255.255.255.0` in place of `10.0.0.0/24`.
  const [method = ''] = isMask(rest[0] ?? '') ? rest.slice(1) : rest
  const isPlain = type !== 'hostssl' && type !== 'hostgssenc' && !isOwn(address)
  return method === '' ? null : { line, method, isPlain }
}

function isMask(word: string): boolean {
  return /^\d+(\.\d+){3}$/.test(word) || word.includes(':')
}

function isOwn(address: string): boolean {
  return address === 'samehost' || isLoopback(address.replace(/\/\d+$/, ''))
}
