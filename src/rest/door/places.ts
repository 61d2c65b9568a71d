// How many connections there may be: the API shares its file descriptors with the agent, which needs some for etcd, PostgreSQL
// and every program that it starts.

import { readFile } from 'node:fs/promises'

const PLACES_MAX = 4000
/** A connection takes one; so many of the process's descriptors are for connections, those that are turned away included. */
const SHARE = 0.5

export interface Places {
  readonly served: number
  /** Clients that are refused, and wait for the end of their connection. */
  readonly turnedAway: number
}

/** By the limit of this process; by a usual one where it cannot be read. */
export async function placesHere(): Promise<Places> {
  return placesFor(await readFile('/proc/self/limits', 'utf8').catch(() => ''))
}

/** `limits`: the text of /proc/self/limits. */
export function placesFor(limits: string): Places {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1] ?? '1024'
  const descriptors = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  const served = Math.min(PLACES_MAX, Math.floor((descriptors * SHARE * 2) / 3))
  return { served, turnedAway: Math.floor(served / 2) }
}
