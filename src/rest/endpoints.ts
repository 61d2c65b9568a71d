// The endpoints that the API answers by itself, from its copy of the node's state and from reads of etcd. What is neither
// here nor in agent-endpoints.ts is a health check (GET, HEAD, OPTIONS) or not supported at all (spec/interfaces.md 1.11).

import { readFlags } from '../wire/cluster-flags.ts'
import type { Asked } from './asked.ts'
import { clusterDocument, historyDocument } from './documents/cluster-document.ts'
import { getConfig } from './endpoints/config-endpoints.ts'
import { getFailsafe } from './endpoints/failsafe-endpoints.ts'
import { json, page, type Reply } from './reply.ts'

type Endpoint = (asked: Asked) => Reply | Promise<Reply>

/** By the first segment of a GET. The document, the probes and the metrics are answered by api.ts itself. */
export const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ['cluster', getCluster],
  ['history', getHistory],
  ['config', getConfig],
  ['failsafe', getFailsafe],
])

/** Reads etcd afresh; 503 when it does not answer. */
async function getCluster({ readings, scope, read }: Asked): Promise<Reply> {
  const fresh = await read()
  if (!fresh.known) return page(503, `The cluster cannot be read: ${fresh.why}`)
  const flags = readFlags(fresh.value, readings.settings())
  return json(200, clusterDocument(fresh.value, flags, scope))
}

async function getHistory({ readings, read }: Asked): Promise<Reply> {
  const cached = readings.cluster()
  const view = cached.known ? cached : await read()
  return view.known
    ? json(200, historyDocument(view.value))
    : page(503, `The cluster cannot be read: ${view.why}`)
}
