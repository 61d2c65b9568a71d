// Which client addresses may use the protected endpoints: networks, addresses and host names from `restapi.allowlist`,
// and the other members' API addresses when asked for. Names are resolved with a deadline; a name that does not resolve
// admits nobody.

import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { bareHost } from '../../model/address.ts'
import type { Member } from '../../model/cluster/cluster.ts'
import type { BootMillis } from '../../model/units.ts'
import { type Clock, inTime } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { hostOfApiUrl } from '../../wire/member-urls.ts'
import { addressKey } from '../door/address-key.ts'

const RESOLVE_MS = 2000
const MEMBER_NAMES_VALID_MS = 30_000

/** Resolves `entries` once. Entries that cannot be used are logged and left out. */
export async function resolveAllowlist(
  entries: readonly string[],
  clock: Clock,
  log: Log,
): Promise<BlockList> {
  const list = new BlockList()
  await Promise.all(
    entries.map(async entry => {
      const added = await addEntry(list, entry.trim(), clock).catch(() => false)
      if (!added)
        log.error(
          `REST API: allowlist entry "${entry}" is neither a network nor a name that resolves: left out`,
        )
    }),
  )
  return list
}

async function addEntry(list: BlockList, entry: string, clock: Clock): Promise<boolean> {
  if (entry.includes('/')) return addNetwork(list, entry)
  const addresses = await resolveHost(entry, clock)
  for (const address of addresses) addAddress(list, address)
  return addresses.length > 0
}

function addNetwork(list: BlockList, entry: string): boolean {
  const [address = '', bits = ''] = entry.split('/', 2)
  const family = isIP(address)
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (family === 0 || prefix < 0 || prefix > (family === 4 ? 32 : 128)) return false
  list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  return true
}

function addAddress(list: BlockList, address: string): void {
  list.addAddress(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}

export function listed(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/** `::ffff:10.0.0.1`, as a dual-stack socket shows an IPv4 client, without its prefix. */
export function plainAddress(remote: string | undefined): string {
  return (remote ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
}

/** Every address of `host`; none when it does not resolve in time. */
async function resolveHost(host: string, clock: Clock): Promise<readonly string[]> {
  const bare = bareHost(host)
  if (isIP(bare) !== 0) return [bare]
  const found = lookup(bare, { all: true }).then(
    answers => answers.map(answer => answer.address),
    (): readonly string[] => [],
  )
  return await inTime(found, RESOLVE_MS, clock, () => [])
}

/** The members' addresses, resolved anew when the set of API addresses changes or half a minute has passed. */
export class MemberAddresses {
  readonly #clock: Clock
  #key = ''
  #untilMs: BootMillis = Number.NEGATIVE_INFINITY
  #list: Promise<BlockList> = Promise.resolve(new BlockList())
  #keys: ReadonlySet<string> = new Set()
  #members: readonly Member[] | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** As far as their names have been resolved: for who is let in first, not for who may do what. */
  includesAtOnce(members: readonly Member[], key: string): boolean {
    // Asked for each client: the names are looked at anew only when they may have changed.
    if (members !== this.#members || this.#clock.bootMs() >= this.#untilMs) void this.includes(members, '')
    return this.#keys.has(key)
  }

  async includes(members: readonly Member[], address: string): Promise<boolean> {
    this.#members = members
    const hosts = [
      ...new Set(members.map(({ record }) => hostOfApiUrl(record.apiUrl)).filter(host => host !== null)),
    ].sort()
    const key = hosts.join(' ')
    if (key !== this.#key || this.#clock.bootMs() >= this.#untilMs) {
      this.#key = key
      this.#untilMs = this.#clock.bootMs() + MEMBER_NAMES_VALID_MS
      this.#list = this.#resolve(hosts)
    }
    return listed(await this.#list, address)
  }

  async #resolve(hosts: readonly string[]): Promise<BlockList> {
    const list = new BlockList()
    const found = await Promise.all(hosts.map(host => resolveHost(host, this.#clock)))
    for (const address of found.flat()) addAddress(list, address)
    this.#keys = new Set(found.flat().map(addressKey))
    return list
  }
}
