// The endpoint for each method and first path segment, and whether it is protected. Anything not in the table is a
// health check (GET, HEAD, OPTIONS) or not supported at all (spec/interfaces.md 1.11).

import { readFlags } from '../wire/cluster-flags.ts'
import { clusterDocument, historyDocument } from './documents/cluster-document.ts'
import type { Context } from './endpoint-context.ts'
import { getConfig, patchConfig, putConfig } from './endpoints/config-endpoints.ts'
import { deleteSwitchover, postFailover } from './endpoints/failover-endpoints.ts'
import { getFailsafe, postFailsafe } from './endpoints/failsafe-endpoints.ts'
import { deleteRestart, postReinitialize, postRestart } from './endpoints/order-endpoints.ts'
import { getParameters } from './endpoints/parameters-endpoint.ts'
import { json, page, type Reply, text } from './reply.ts'
import type { Protection } from './request/client-access.ts'

export interface Endpoint {
  readonly protection: Protection | null
  readonly answer: (context: Context) => Reply | Promise<Reply>
}

/** Keys are `METHOD segment`. The document, the probes and the metrics are answered by server.ts itself. */
export const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ['GET cluster', open(getCluster)],
  ['GET history', open(getHistory)],
  ['GET config', open(getConfig)],
  ['GET failsafe', open(getFailsafe)],
  ['GET parameters', open(getParameters)],
  ['PATCH config', guarded(patchConfig)],
  ['PUT config', guarded(putConfig)],
  ['POST reload', guarded(postReload)],
  ['POST switchover', guarded(context => postFailover(context, 'switchover'))],
  ['POST failover', guarded(context => postFailover(context, 'failover'))],
  ['DELETE switchover', guarded(deleteSwitchover)],
  ['POST failsafe', { protection: 'without-members', answer: postFailsafe }],
  ['POST restart', guarded(postRestart)],
  ['DELETE restart', guarded(deleteRestart)],
  ['POST reinitialize', guarded(postReinitialize)],
])

function open(answer: Endpoint['answer']): Endpoint {
  return { protection: null, answer }
}

function guarded(answer: Endpoint['answer']): Endpoint {
  return { protection: 'address-of-members-too', answer }
}

/** Reads etcd afresh; 503 when it does not answer. */
async function getCluster(context: Context): Promise<Reply> {
  const read = await context.reads.read()
  if (!read.known) return page(503, `The cluster cannot be read: ${read.why}`)
  const flags = readFlags(read.value, context.state.settings())
  return json(200, clusterDocument(read.value, flags, context.scope))
}

async function getHistory(context: Context): Promise<Reply> {
  const cached = context.state.cluster()
  const view = cached.known ? cached : await context.reads.read()
  return view.known
    ? json(200, historyDocument(view.value))
    : page(503, `The cluster cannot be read: ${view.why}`)
}

function postReload(context: Context): Reply {
  context.state.reload()
  return text(202, 'reload scheduled')
}
