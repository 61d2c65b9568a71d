// The dynamic configuration is read twice: whole, by the schema, which also says what is wrong with it, and for a few modes, by
// whoever has no schema at hand. Whatever stands in etcd, both must take the same from it.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { settingsInForce } from '../../src/config/dynamic.ts'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import { maximumLagOf, modesOf } from '../../src/wire/modes.ts'

const words = [
  'on',
  'off',
  'True',
  'no',
  '0',
  '1',
  'quorum',
  'Quorum',
  '',
  'maybe',
  ' 7 ',
  '1MB',
  '0x10',
  '08',
  '-1',
  '2.5',
]
const numbers = [0, 1, -1, 2.5, 3.5, 1e300, 2 ** 53, 1_048_577]
const simple = fc.constantFrom(null, true, false, ...words, ...numbers)
const section = fc.dictionary(
  fc.constantFrom('host', 'port', 'restore_command', 'create_replica_methods'),
  simple,
)
const value = fc.oneof(
  { weight: 5, arbitrary: simple },
  { weight: 2, arbitrary: section },
  { weight: 1, arbitrary: fc.array(simple, { maxLength: 2 }) },
)
const keys = ['pause', 'synchronous_mode', 'failsafe_mode', 'standby_cluster', 'maximum_lag_on_failover']

test('the modes of a cluster are those that every node puts in force', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), value), document => {
      const { settings } = settingsInForce(document as JsonObject, null)
      const { paused, synchronousMode, failsafeMode, standbyCluster, maximumLagOnFailover } = settings
      expect(modesOf(document as JsonObject)).toEqual({
        paused,
        synchronousMode,
        failsafeMode,
        standbyCluster,
      })
      expect(maximumLagOf(document as JsonObject)).toBe(maximumLagOnFailover)
    }),
    { numRuns: 5000 },
  )
})
