// Who counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that belong to one network, within which a
// host takes any address that it likes.

import { isIPv6 } from 'node:net'

/** `10.0.0.1`, also where a dual-stack socket says `::ffff:10.0.0.1`; `2001:db8:0:1::/64`; other text as it is. */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = (plain.split('%', 1)[0] ?? '').split('::', 2)
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4)
  return `${groups.map(group => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
