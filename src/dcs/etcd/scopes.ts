// Names of the clusters in a namespace: a command compares a wrong name with them. Only keys are read.

import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { EtcdConfig } from '../../model/settings/config.ts'
import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { Calls } from './calls.ts'
import { Endpoints } from './etcd-endpoints.ts'
import { namespaceRange, SCOPE_KEYS_MAX, scopesOf } from './key-space.ts'
import { Session } from './session.ts'
import { Terms } from './terms.ts'

export interface ScopesRead {
  readonly config: EtcdConfig
  readonly namespace: string
  readonly budgetMs: Millis
  readonly clock: Clock
}

/** Sorted. Never throws. */
export async function readScopes({
  config,
  namespace,
  budgetMs,
  clock,
}: ScopesRead): Promise<Seen<readonly string[]>> {
  const range = { ...namespaceRange(namespace), keys_only: true, limit: SCOPE_KEYS_MAX }
  const quiet = (): void => {}
  const endpoints = new Endpoints(config, clock, quiet)
  const abort = new AbortController()
  const session = new Session(config.credentials, endpoints, clock, abort.signal)
  const calls = new Calls(endpoints, session, new Terms(clock, quiet), clock, abort.signal)
  try {
    const atMs = clock.bootMs()
    const read = await calls.run({ budgetMs, deadlineMs: atMs + budgetMs }, (client, options) =>
      client.kv.range(range, options),
    )
    if (!read.ok) return unseen(read.why)
    const keys = read.value.kvs.map(({ key }) => key)
    return seen(scopesOf(namespace, keys), atMs)
  } finally {
    abort.abort()
    await endpoints.close()
  }
}
