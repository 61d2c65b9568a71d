// What a new configuration says about this machine by default: its name, an address that others can reach, and where
// the programs of PostgreSQL are.

import { lookup } from 'node:dns/promises'
import { access, readdir } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'

export interface Place {
  readonly name: string
  readonly address: string
  /** null: not found. */
  readonly binDir: string | null
}

const LOOKUP_LIMIT_MS = 2000
const DEBIAN = '/usr/lib/postgresql'

export async function ownPlace(): Promise<Place> {
  const [address, binDir] = await Promise.all([ownAddress(), newestBinDir()])
  return { name: hostname(), address, binDir }
}

/** The address of the host's name; if that is a loopback address (as on Debian), the first one of an interface. */
async function ownAddress(): Promise<string> {
  const late = new Promise<null>(resolve => setTimeout(resolve, LOOKUP_LIMIT_MS, null).unref())
  const found = lookup(hostname(), 4).then(
    ({ address }) => address,
    () => null,
  )
  const named = await Promise.race([found, late])
  if (named !== null && !named.startsWith('127.')) return named
  const others = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  const outward = others.filter(({ internal }) => !internal)
  return (outward.find(({ family }) => family === 'IPv4') ?? outward[0])?.address ?? '127.0.0.1'
}

async function newestBinDir(): Promise<string | null> {
  const versions = (await readdir(DEBIAN).catch(() => [])).sort((a, b) => Number(b) - Number(a))
  for (const directory of [
    ...versions.map(version => join(DEBIAN, version, 'bin')),
    '/usr/bin',
    '/usr/pgsql/bin',
  ])
    if (await isThere(join(directory, 'postgres'))) return directory
  return null
}

export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
