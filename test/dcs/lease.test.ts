// What this node's lease tells of itself.

import { expect, test } from 'vitest'
import { Lease } from '../../src/dcs/lease.ts'
import type { LeaseAnswer } from '../../src/dcs/transport.ts'
import type { LeaseId } from '../../src/model/units.ts'

const BUDGET = { budgetMs: 1000, deadlineMs: 1000 }

function leaseOf(grantedSeconds: (askedSeconds: number) => number, ttlMs: number) {
  const warnings: string[] = []
  let made = 0
  const transport = {
    name: 'etcd',
    async grant(askedSeconds: number): Promise<LeaseAnswer> {
      made += 1
      const ttlSeconds = grantedSeconds(askedSeconds)
      const leaseId = String(made) as LeaseId
      return { kind: 'alive', leaseId, ttlSeconds, validUntilMs: ttlSeconds * 1000, term: null }
    },
    keepAlive: async (): Promise<LeaseAnswer> => ({ kind: 'gone' }),
  }
  const log = (level: string, text: string) => void (level === 'WARNING' && warnings.push(text))
  return { lease: new Lease(transport, log, ttlMs), warnings }
}

test('a store that grants a longer lease than was asked for is told of once, until the ttl changes', async () => {
  const { lease, warnings } = leaseOf(asked => Math.max(15, asked), 5000)
  await lease.keep(BUDGET)
  // The lease is gone, and a new one is made.
  await lease.keep(BUDGET)
  await lease.keep(BUDGET)
  const longer = warnings.filter(text => text.includes('no lease shorter than'))
  expect(longer).toEqual([
    'ttl is 5 s, but etcd makes no lease shorter than 15 s: when the leader is lost, a failover waits that long. ' +
      'Set a ttl of at least that, or shorten the election timeout of etcd',
  ])
  lease.retime(8000)
  await lease.keep(BUDGET)
  expect(
    warnings.filter(text => text.includes('ttl is 8 s, but etcd makes no lease shorter than 15 s')),
  ).toHaveLength(1)
})

test('nothing is said of a lease as long as the ttl', async () => {
  const { lease, warnings } = leaseOf(asked => asked, 5000)
  await lease.keep(BUDGET)
  expect(warnings).toEqual([])
})
