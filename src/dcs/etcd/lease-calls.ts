// etcd's leases. The raft leader alone answers a keep-alive, and etcd before 3.4.29 / 3.5.10 does not make sure that it
// still is the leader: so the answer carries its term. A grant is agreed on by a quorum.

import type { CallOptions } from '@grpc/grpc-js'
import type { Etcd3, ILeaseKeepAliveResponse } from 'etcd3'
import type { LeaseId } from '../../model/units.ts'
import type { Budget, LeaseAnswer } from '../transport.ts'
import type { Calls } from './calls.ts'

export async function grantLease(calls: Calls, askedSeconds: number, budget: Budget): Promise<LeaseAnswer> {
  const result = await calls.run(budget, (client, options) =>
    client.leaseClient.leaseGrant({ TTL: askedSeconds, ID: 0 }, options),
  )
  if (!result.ok) return { kind: 'unreachable', why: result.why }
  const ttlSeconds = Number(result.value.TTL)
  const validUntilMs = result.sentMs + ttlSeconds * 1000
  return { kind: 'alive', leaseId: result.value.ID, ttlSeconds, validUntilMs, term: null }
}

export async function keepLeaseAlive(calls: Calls, leaseId: LeaseId, budget: Budget): Promise<LeaseAnswer> {
  const result = await calls.run(budget, (client, options) => keepAliveOnce(client, options, leaseId))
  if (!result.ok)
    return result.treatment === 'lease-gone' ? { kind: 'gone' } : { kind: 'unreachable', why: result.why }
  const ttlSeconds = Number(result.value.TTL)
  if (!(ttlSeconds > 0)) return { kind: 'gone' }
  const validUntilMs = result.sentMs + ttlSeconds * 1000
  return { kind: 'alive', leaseId, ttlSeconds, validUntilMs, term: result.value.header.raft_term }
}

/**
 * One question and one answer on a stream of its own: a long-lived stream to a hung member would hold the lease
 * hostage.
 */
async function keepAliveOnce(
  client: Etcd3,
  options: CallOptions,
  id: LeaseId,
): Promise<ILeaseKeepAliveResponse> {
  const stream = await client.leaseClient.leaseKeepAlive(options)
  return new Promise((resolve, reject) => {
    stream.on('error', reject)
    stream.on('end', () => reject(new Error('keep-alive stream ended without an answer')))
    stream.on('data', answer => {
      resolve(answer)
      stream.end()
    })
    stream.write({ ID: id })
  })
}
