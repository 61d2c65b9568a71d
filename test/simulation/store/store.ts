// The Store port of one agent process: the real store of src/dcs over a simulated way to a simulated etcd. Only the calls and the
// watch are ours.

import { keySpace } from '../../../src/dcs/etcd/key-space.ts'
import { etcdTransport } from '../../../src/dcs/etcd/transport.ts'
import { createStore } from '../../../src/dcs/store.ts'
import type { Store, StoreTimings } from '../../../src/ports/store.ts'
import { EtcdClient, type EtcdPath } from './etcd-client.ts'
import { SimulatedWatch } from './watch.ts'

const KEYS = keySpace('service', 'demo')

/** `leader` as etcd names it. */
export function absoluteKey(name: string): string {
  return KEYS.prefix + name
}

export function createSimulatedStore(path: EtcdPath, timings: StoreTimings): Store {
  const { member, process } = path
  const client = new EtcdClient(path)
  return createStore({
    ...{ member, timings, clock: process.clock, log: () => {} },
    open: sight =>
      etcdTransport(client.asCalls(), KEYS, member, {
        watch: new SimulatedWatch({ ...sight, path, client, keys: KEYS }),
        close: async () => {},
      }),
  })
}
