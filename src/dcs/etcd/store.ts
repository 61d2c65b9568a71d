// The store in etcd v3 over gRPC, with little of its library: docs/adr/0009-dependencies.md. This file only wires the
// parts.

import { setMaxListeners } from 'node:events'
import type { EtcdConfig } from '../../model/settings/config.ts'
import type { MemberName, Scope } from '../../model/units.ts'
import { type Clock, inTime } from '../../ports/clock.ts'
import type { CommandStore, StoreTimings } from '../../ports/store.ts'
import { createStore } from '../store.ts'
import type { Log } from '../store-log.ts'
import type { Sight, Transport } from '../transport.ts'
import { Calls } from './calls.ts'
import { Endpoints } from './etcd-endpoints.ts'
import { keySpace } from './key-space.ts'
import { Session } from './session.ts'
import { Terms } from './terms.ts'
import { etcdTransport } from './transport.ts'
import { Watch } from './watch.ts'

export interface EtcdStoreOptions {
  readonly config: EtcdConfig
  /** `service` or `/service/`: slashes at its ends do not matter. */
  readonly namespace: string
  readonly scope: Scope
  /** This node's name: the value of the leader key and the last part of the member key. */
  readonly member: MemberName
  readonly clock: Clock
  readonly timings: StoreTimings
  readonly log: Log
}

const CLOSE_MS_MAX = 2000

/** Connects with the first call. */
export function createEtcdStore(options: EtcdStoreOptions): CommandStore {
  return createStore({ ...options, open: sight => openEtcd(options, sight) })
}

function openEtcd(options: EtcdStoreOptions, sight: Sight): Transport {
  const { config, namespace, scope, member, clock, log } = options
  const closing = new AbortController()
  const abort = closing.signal
  // Each call in flight listens to it.
  setMaxListeners(0, abort)
  const keys = keySpace(namespace, scope)
  const endpoints = new Endpoints(config, clock, log)
  const session = new Session(config.credentials, endpoints, clock, abort)
  const terms = new Terms(clock, why => {
    log('WARNING', `etcd was replaced: ${why}`)
    sight.entries.clear()
  })
  const calls = new Calls(endpoints, session, terms, clock, abort)
  const watch = new Watch({ ...sight, endpoints, session, calls, terms, keys, member, clock, log, abort })
  return etcdTransport(calls, keys, member, {
    watch,
    async close() {
      closing.abort()
      const closed = Promise.all([watch.ended(), endpoints.close()])
      await inTime<unknown>(closed, CLOSE_MS_MAX, clock, () => undefined)
    },
  })
}
