// Which agent wrote a member key: a short text that is the same in every life of an agent with one state directory on
// one machine, and another one everywhere else, also for a copy of its configuration. It holds no secret and names
// nobody.

import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { bareHost } from '../model/address.ts'

/** The host's name beside machine-id: machines made from one image may have the same one. */
export async function hostIdentity(stateDirectory: string): Promise<string> {
  const machine = await readFile('/etc/machine-id', 'utf8').catch(() => '')
  const text = `${machine.trim()} ${hostname()} ${resolve(stateDirectory)}`
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Whether this machine has the address. A name that cannot be looked up now counts as not ours. */
export async function isOwnAddress(host: string): Promise<boolean> {
  const found = await lookup(bareHost(host), { all: true }).catch(() => [])
  const own = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  return found.some(({ address }) => own.some(mine => mine.address === address))
}
