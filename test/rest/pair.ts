// Two members of a cluster, each with its own server and store on a real etcd: pg0 leads, pg1 follows.

import { expect } from 'vitest'
import type { JsonObject, MemberRecord } from '../../src/model/cluster/cluster.ts'
import type { WalSenderView } from '../../src/model/server/postgres.ts'
import { createPeers } from '../../src/peers/peers.ts'
import type { Store } from '../../src/ports/store.ts'
import type { TestEtcd } from './etcd.ts'
import { PLAIN_CTL } from './members.ts'
import { clock, Lines, OPEN_CONFIG, type Running, startServer } from './node.ts'

export const BUDGET_MS = 5000
export const peers = createPeers({
  calls: () => ({ ctl: PLAIN_CTL, restapi: OPEN_CONFIG }),
  clock,
  log: new Lines(),
})

/** pg1 gets its WAL from pg0. */
export const STREAMS: WalSenderView = {
  ...{ user: 'replicator', applicationName: 'pg1', clientAddress: null },
  ...{ state: 'streaming', syncState: 'async', syncPriority: 0 },
}

export function record(running: Running): MemberRecord {
  return {
    connUrl: 'postgres://127.0.0.1:5432/postgres',
    apiUrl: `${running.base}/patroni`,
    state: 'running',
    role: 'replica',
    version: '4.1.5',
    tags: {},
    extra: {},
  }
}

/** pg0 leads, pg1 follows; each with its own server and lease. */
export async function startPairIn(
  etcd: TestEtcd,
  scope: string,
  config: JsonObject = { ttl: 30, loop_wait: 10 },
) {
  const stores = { pg0: etcd.store(scope, 'pg0'), pg1: etcd.store(scope, 'pg1') }
  await stores.pg0.writeConfig(config, null, BUDGET_MS)
  const pg0 = await startServer({ store: stores.pg0, self: 'pg0', peers })
  const pg1 = await startServer({ store: stores.pg1, self: 'pg1', peers })
  pg0.node.primary({ replication: [STREAMS] })
  pg0.node.onFresh = undefined
  pg1.node.replica()
  await stores.pg0.publishMember(record(pg0), BUDGET_MS)
  await stores.pg1.publishMember(record(pg1), BUDGET_MS)
  expect((await stores.pg0.acquireLeader(null, true, BUDGET_MS)).kind).toBe('done')
  const stop = () => Promise.all([pg0.server.stop(), pg1.server.stop()])
  return { pg0, pg1, stores, stop }
}

export async function send(
  running: Running,
  method: string,
  path: string,
  body?: unknown,
): Promise<readonly [number, string]> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
  const response = await fetch(running.base + path, init)
  return [response.status, await response.text()]
}

export async function stored(store: Store) {
  const read = await store.read(BUDGET_MS)
  if (!read.known) throw new Error(read.why)
  return read.value
}
