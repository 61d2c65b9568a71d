// A disk of the local PostgreSQL on which nothing can be written: full, broken, or hung. Each has to last before it counts:
// a query that fills the disk fails and gives its space back, and a slow disk is not a hung one.

import type { DiskPlace, DiskView } from '../model/server/vitals.ts'
import type { Millis } from '../model/units.ts'
import { type Facts, seconds } from './facts.ts'

const PLACES: Readonly<Record<DiskPlace, string>> = {
  data: 'the disk of the data directory',
  wal: 'the disk of pg_wal',
  state: 'the disk of the state directory',
  log: "the disk of the agent's log",
}

const STATES: Readonly<Record<DiskView['state'], string>> = {
  full: 'is full',
  broken: 'cannot be written',
  hangs: 'hangs',
}

/** The disks of PostgreSQL that fail now, for however short, the longest first; empty: none does, as far as is known. */
function serverDisks({ snap }: Facts): readonly DiskView[] {
  return snap.settings.failedDiskTimeoutMs === 0 ? [] : longestFirst(snap.vitals?.disks ?? [])
}

/** With that of its log, while that hangs. */
function failingDisks(facts: Facts): readonly DiskView[] {
  if (facts.snap.settings.failedDiskTimeoutMs === 0) return []
  const own = facts.snap.vitals?.ownDisks ?? []
  const logs = own.filter(disk => isHungState(disk) && disk.serverLogs === true)
  return longestFirst([...serverDisks(facts), ...logs])
}

function longestFirst(disks: readonly DiskView[]): readonly DiskView[] {
  return disks.toSorted((a, b) => b.forMs - a.forMs)
}

/** null: none fails, as far as is known. */
export function failingServerDisk(facts: Facts): DiskView | null {
  return serverDisks(facts)[0] ?? null
}

/** The same, or that of PostgreSQL's log. */
export function failingDisk(facts: Facts): DiskView | null {
  return failingDisks(facts)[0] ?? null
}

/** A disk that only the agent itself needs. Nothing that makes a node safe depends on it. */
export function failingOwnDisk({ snap }: Facts): DiskView | null {
  return snap.vitals?.ownDisks?.[0] ?? null
}

/**
 * While the state directory hangs and PostgreSQL's log is there, each of its processes that writes a line waits: a checkpoint does,
 * a promotion, and a stop in good order.
 */
function isHungState({ place, state }: DiskView): boolean {
  return place === 'state' && state === 'hangs'
}

/** One that has failed for `failed_disk_timeout`. */
export function failedDisk(facts: Facts): DiskView | null {
  return lasting(failingDisk(facts), facts)
}

/** A disk of PostgreSQL that has hung for as long. */
export function hungServerDisk(facts: Facts): DiskView | null {
  return lasting(serverDisks(facts).find(({ state }) => state === 'hangs') ?? null, facts)
}

/** The same, or that of its log, which may be there: this server is not to be promoted. */
export function hungDisk(facts: Facts): DiskView | null {
  const own = (facts.snap.vitals?.ownDisks ?? []).filter(isHungState)
  const logs = own.find(({ serverLogs }) => serverLogs !== false) ?? null
  return hungServerDisk(facts) ?? lasting(logs, facts)
}

/** One on which a stop in good order would wait now: no operator's request is begun. */
export function disturbingStop(facts: Facts): DiskView | null {
  return failingDisks(facts).find(({ state }) => state === 'hangs') ?? null
}

/** One on which a stop in good order has waited for as long: it would not end. */
export function endlessStop(facts: Facts): DiskView | null {
  return lasting(disturbingStop(facts), facts)
}

function lasting(disk: DiskView | null, { snap }: Facts): DiskView | null {
  return disk !== null && disk.forMs >= snap.settings.failedDiskTimeoutMs ? disk : null
}

/** How soon a disk that fails now will have failed for long enough; null: none fails, or it has. */
export function untilDiskFailedMs(facts: Facts): Millis | null {
  const disk = failingDisk(facts)
  const leftMs = facts.snap.settings.failedDiskTimeoutMs - (disk?.forMs ?? 0)
  return disk === null || leftMs <= 0 ? null : Math.max(SOONEST_MS, leftMs)
}

const SOONEST_MS: Millis = 1000

/** A clause whose text does not change while it lasts. */
export function describeDisk({ place, state, why }: DiskView): string {
  return `${PLACES[place]} ${STATES[state]} (${why})`
}

/** The same with its number, for a reason. */
export function tellDisk(disk: DiskView): string {
  return `${describeDisk(disk)} for ${seconds(disk.forMs)}`
}
