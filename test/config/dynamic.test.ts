// The dynamic configuration: what an operator may not store, what is made of it when it stands in etcd all the same, what
// is adjusted, and what it means.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultSettings, readDynamicSettings, settingsInForce } from '../../src/config/dynamic.ts'
import type { Json, JsonObject } from '../../src/model/cluster/cluster.ts'
import type { DynamicSettings } from '../../src/model/settings/dynamic-settings.ts'
import { brief, errorsOf, warningsOf } from './sample.ts'

function accepted(document: Json): DynamicSettings {
  const result = readDynamicSettings(document, null)
  if (!result.ok) throw new Error(result.errors.map(brief).join('\n'))
  return result.settings
}

test('the defaults', () => {
  expect(defaultSettings()).toEqual({
    ttlMs: 30_000,
    loopWaitMs: 10_000,
    retryTimeoutMs: 10_000,
    maximumLagOnFailover: 1_048_576n,
    failoverIntervalMs: 0,
    primaryStartTimeoutMs: 300_000,
    primaryStopTimeoutMs: 0,
    primaryRaceBackoffMs: 0,
    maxTimelinesHistory: 0,
    memberSlotsTtlMs: 1_800_000,
    hungServerTimeoutMs: 5000,
    failedDiskTimeoutMs: 30_000,
    stalledAgentTimeoutMs: 10_000,
    useSlots: true,
    paused: false,
    synchronousMode: 'off',
    synchronousStrict: false,
    synchronousNodeCount: 1,
    maximumLagOnSyncnode: null,
    failsafeMode: false,
    failsafeTimeoutMs: 2000,
    standbyCluster: false,
    document: {},
  })
})

test.each<[JsonObject, Partial<DynamicSettings>]>([
  [
    { ttl: 5, loop_wait: 1, retry_timeout: 2 },
    { ttlMs: 5000, loopWaitMs: 1000, retryTimeoutMs: 2000 },
  ],
  [{ ttl: '30' }, { ttlMs: 30_000 }],
  [{ ttl: null }, { ttlMs: 30_000 }],
  [{ maximum_lag_on_failover: 0 }, { maximumLagOnFailover: 0n }],
  [{ maximum_lag_on_failover: '33554432' }, { maximumLagOnFailover: 33_554_432n }],
  [{ member_slots_ttl: '30min' }, { memberSlotsTtlMs: 1_800_000 }],
  [{ member_slots_ttl: 0 }, { memberSlotsTtlMs: 0 }],
  [{ master_start_timeout: 7 }, { primaryStartTimeoutMs: 7000 }],
  [{ master_start_timeout: 7, primary_start_timeout: 8 }, { primaryStartTimeoutMs: 8000 }],
  [{ master_start_timeout: 7, primary_start_timeout: null }, { primaryStartTimeoutMs: 7000 }],
  [{ master_stop_timeout: 7 }, { primaryStopTimeoutMs: 7000 }],
  [{ primary_race_backoff: 7 }, { primaryRaceBackoffMs: 7000 }],
  [{ primary_start_timeout: 0 }, { primaryStartTimeoutMs: 0 }],
  [{ postgresql: { use_slots: 'off' } }, { useSlots: false }],
  [{ pause: 'true' }, { paused: true }],
  [{ synchronous_mode: 'Quorum' }, { synchronousMode: 'quorum' }],
  [{ synchronous_mode: 'on' }, { synchronousMode: 'on' }],
  [{ synchronous_mode: false }, { synchronousMode: 'off' }],
  [{ failsafe_mode: true }, { failsafeMode: true }],
  [{ standby_cluster: { host: 'a' } }, { standbyCluster: true }],
  [{ standby_cluster: { host: '', primary_slot_name: 'x' } }, { standbyCluster: false }],
  [{ standby_cluster: null }, { standbyCluster: false }],
  [{ max_timelines_history: 5 }, { maxTimelinesHistory: 5 }],
  [{ automatic_failover_interval: 600 }, { failoverIntervalMs: 600_000 }],
])('%j is accepted', (document, expected) => {
  expect(accepted(document)).toMatchObject(expected)
  expect(accepted(document).document).toBe(document)
})

test.each<[Json, string]>([
  [{ ttl: 'abc' }, 'ttl: "abc" is not an integer (units are not read here)'],
  [{ ttl: 20.5 }, 'ttl: 20.5 is not an integer (units are not read here)'],
  [{ ttl: true }, 'ttl: true is not an integer (units are not read here)'],
  [{ ttl: '30s' }, 'ttl: "30s" is not an integer (units are not read here)'],
  [{ ttl: [] }, 'ttl: is not an integer (units are not read here)'],
  [{ ttl: 2 }, 'ttl: 2 is smaller than 3'],
  [{ ttl: -1 }, 'ttl: -1 is smaller than 3'],
  [{ ttl: 1e15 }, 'ttl: 1000000000000000 is greater than 2147483'],
  [{ loop_wait: 0 }, 'loop_wait: 0 is smaller than 1'],
  [{ retry_timeout: 0 }, 'retry_timeout: 0 is smaller than 1'],
  [
    { maximum_lag_on_failover: '1MB' },
    'maximum_lag_on_failover: "1MB" is not an integer (units are not read here)',
  ],
  [{ maximum_lag_on_failover: -1 }, 'maximum_lag_on_failover: -1 is smaller than 0'],
  [{ synchronous_mode: 'sometimes' }, 'synchronous_mode: "sometimes" is neither a boolean nor quorum'],
  [{ synchronous_node_count: 0 }, 'synchronous_node_count: 0 is smaller than 1'],
  [{ pause: 'perhaps' }, 'pause: "perhaps" is not a boolean (on, off, true, false, yes, no, 1, 0)'],
  [{ standby_cluster: 'host' }, 'standby_cluster: is not a mapping (key: value)'],
  [{ slots: [] }, 'slots: is not a mapping (key: value)'],
  [{ ignore_slots: [1] }, 'ignore_slots: is not a list of mappings'],
  [{ postgresql: [] }, 'postgresql: is not a mapping (key: value)'],
  [{ postgresql: { parameters: 'x' } }, 'postgresql.parameters: is not a mapping (name: value)'],
  [
    { postgresql: { parameters: { a: { b: 1 } } } },
    'postgresql.parameters: has values that are lists or mappings: a',
  ],
  [{ postgresql: { pg_hba: 'host all' } }, 'postgresql.pg_hba: is not a list'],
  [{ postgresql: { pg_hba: [{ a: 1 }] } }, 'postgresql.pg_hba: item 1 is not text'],
  [
    { postgresql: { use_slots: 5 } },
    'postgresql.use_slots: 5 is not a boolean (on, off, true, false, yes, no, 1, 0)',
  ],
  [[], 'is not a mapping (key: value)'],
  [null, 'is not a mapping (key: value)'],
  ['ttl: 30', 'is not a mapping (key: value)'],
])('%j is refused, by name', (document, error) => {
  const before = defaultSettings()
  expect(errorsOf(readDynamicSettings(document, before))).toEqual([error])
})

test('all errors at once', () => {
  expect(
    errorsOf(readDynamicSettings({ ttl: 1, loop_wait: 'x', postgresql: { pg_ident: 5 } }, null)),
  ).toHaveLength(3)
})

// ttl, loop_wait, retry_timeout, and what is used of the last two: the arithmetic of spec/interfaces.md 3.4.
test.each<[number, number, number, number, number]>([
  [30, 10, 10, 10, 10],
  [30, 10, 20, 1, 14],
  [30, 20, 10, 10, 10],
  [30, 30, 14, 2, 14],
  [20, 10, 10, 1, 9],
  [3, 10, 10, 1, 1],
  [3, 1, 1, 1, 1],
  [4, 3, 1, 2, 1],
])(
  'ttl=%i loop_wait=%i retry_timeout=%i: loop_wait=%i retry_timeout=%i',
  (ttl, loopWait, retryTimeout, usedLoop, usedRetry) => {
    const result = readDynamicSettings({ ttl, loop_wait: loopWait, retry_timeout: retryTimeout }, null)
    expect(result).toMatchObject({
      ok: true,
      settings: { ttlMs: ttl * 1000, loopWaitMs: usedLoop * 1000, retryTimeoutMs: usedRetry * 1000 },
    })
    const adjusted = usedLoop !== loopWait || usedRetry !== retryTimeout
    expect(warningsOf(result)).toHaveLength(adjusted ? 1 : 0)
    if (adjusted)
      expect(warningsOf(result)[0]).toContain('Violated the rule "loop_wait + 2*retry_timeout <= ttl"')
  },
)

test.each<[JsonObject, string]>([
  [{ tttl: 30 }, 'tttl: is not known and has no effect'],
  [
    { max_connections: 5 },
    'max_connections: is not read here: max_connections belongs under postgresql.parameters',
  ],
  [{ parameters: {} }, 'parameters: is not read here: parameters belongs under postgresql'],
  [{ use_slots: true }, 'use_slots: is not read here: use_slots belongs under postgresql'],
  [{ postgresql: { ttl: 5 } }, 'postgresql.ttl: is not read here: ttl belongs under the top level'],
  [
    { postgresql: { data_dir: '/x' } },
    'postgresql.data_dir: is ignored here: it is read from the local file of each node',
  ],
  [
    { postgresql: { callbacks: {} } },
    'postgresql.callbacks: is ignored here: it is read from the local file of each node',
  ],
  [{ restapi: { listen: 'x' } }, 'restapi: is ignored here: it is read from the local file of each node'],
  [
    { standby_cluster: {} },
    'standby_cluster: has no effect: it names neither host, port nor restore_command',
  ],
  [{ slots: { a: null } }, 'slots: not supported yet by this version of hactl: no permanent slots are made'],
  [
    { postgresql: { parameters: { port: 5 } } },
    'postgresql.parameters.port: is ignored: hactl sets it from postgresql.listen and scope',
  ],
  [
    { postgresql: { parameters_primary: { max_connections: 500 } } },
    'postgresql.parameters_primary.max_connections: is ignored: it must be the same in every role',
  ],
  [
    { postgresql: { parameters: { Max_Connections: 10 } } },
    'postgresql.parameters.Max_Connections: postgresql parameter Max_Connections=10 failed validation (at least 25), defaulting to 100',
  ],
])('%j is accepted with a warning', (document, warning) => {
  const result = readDynamicSettings(document, null)
  expect(result.ok).toBe(true)
  expect(warningsOf(result)).toContain(warning)
})

describe('beside the settings in force', () => {
  test('the same text is the same object, without warnings again', () => {
    const first = accepted({ ttl: 30, tttl: 5 })
    expect(readDynamicSettings({ tttl: '5', ttl: '30' }, first)).toEqual({
      ok: true,
      settings: first,
      warnings: [],
    })
  })

  test('a refused document says nothing about the old settings', () => {
    const first = accepted({ ttl: 40 })
    const result = readDynamicSettings({ ttl: 'x' }, first)
    expect(result.ok).toBe(false)
    expect(first.ttlMs).toBe(40_000)
  })
})

test('a document that is nested without end is refused, not followed', () => {
  const deep = JSON.parse(`{"slots":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`) as Json
  expect(errorsOf(readDynamicSettings(deep, defaultSettings()))).toEqual([
    'is nested more than 64 levels deep',
  ])
})

// What stands in etcd all the same: repaired as Patroni repairs it, or the default, one warning each.
test.each<[JsonObject, Partial<DynamicSettings>, string]>([
  [
    { ttl: 'soon' },
    { ttlMs: 30_000 },
    'ttl: "soon" is not an integer (units are not read here): the default is used, 30',
  ],
  [{ ttl: 40.9 }, { ttlMs: 40_000 }, 'ttl: 40.9 is not an integer (units are not read here): 40 is used'],
  [{ ttl: 1, retry_timeout: 1, loop_wait: 1 }, { ttlMs: 3000 }, 'ttl: 1 is smaller than 3: 3 is used'],
  [{ ttl: 1e15 }, { ttlMs: 2_147_483_000 }, 'ttl: 1000000000000000 is greater than 2147483: 2147483 is used'],
  [
    { maximum_lag_on_failover: 1.5 },
    { maximumLagOnFailover: 2n },
    'maximum_lag_on_failover: 1.5 is not an integer (units are not read here): 2 is used',
  ],
  [
    { maximum_lag_on_failover: '1MB' },
    { maximumLagOnFailover: 1_048_576n },
    'maximum_lag_on_failover: "1MB" is not an integer (units are not read here): the default is used, 1048576',
  ],
  [
    { maximum_lag_on_failover: -1 },
    { maximumLagOnFailover: 0n },
    'maximum_lag_on_failover: -1 is smaller than 0: 0 is used',
  ],
  [
    { primary_start_timeout: 'x', master_start_timeout: 7 },
    { primaryStartTimeoutMs: 300_000 },
    'primary_start_timeout: "x" is not an integer (units are not read here): the default is used, 300',
  ],
  [
    { pause: 'perhaps' },
    { paused: false },
    'pause: "perhaps" is not a boolean (on, off, true, false, yes, no, 1, 0): the default is used, false',
  ],
  [
    { standby_cluster: 'host' },
    { standbyCluster: false },
    'standby_cluster: is not a mapping (key: value): the default is used, none',
  ],
  [{ postgresql: [] }, { useSlots: true }, 'postgresql: is ignored: it is not a mapping (key: value)'],
  [
    { postgresql: { parameters: { work_mem: '8MB', pg_stat_statements: { track: 'all' } } } },
    {},
    'postgresql.parameters: has values that are lists or mappings: pg_stat_statements: they are left out',
  ],
  [
    { postgresql: { pg_hba: [{ a: 1 }] } },
    {},
    'postgresql.pg_hba: item 1 is not text: the default is used, none',
  ],
])('%j in etcd is repaired', (document, expected, warning) => {
  const { settings, warnings } = settingsInForce(document, null)
  expect(settings).toMatchObject(expected)
  expect(settings.document).toBe(document)
  expect(warnings.map(brief)).toEqual([warning])
})

test('modes that cannot be honoured are seen in a document that is otherwise bad', () => {
  const document = { ttl: {}, synchronous_mode: 'quorum', failsafe_mode: true }
  expect(settingsInForce(document, null).settings).toMatchObject({
    synchronousMode: 'quorum',
    failsafeMode: true,
    standbyCluster: false,
  })
  // Patroni has no synchronous standbys in a standby cluster, whatever is set.
  const standby = { ...document, standby_cluster: { host: 'x' } }
  expect(settingsInForce(standby, null).settings).toMatchObject({
    synchronousMode: 'off',
    standbyCluster: true,
  })
})

test('a node that saw a good document before and one that did not come to the same', () => {
  const before = accepted({ ttl: 40, pause: true, maximum_lag_on_failover: 5 })
  const document = { ttl: 'soon', maximum_lag_on_failover: [] }
  expect(settingsInForce(document, before).settings).toEqual(settingsInForce(document, null).settings)
})

test('what would be used of a document that is refused is not said', () => {
  const result = readDynamicSettings({ ttl: 8, loop_wait: 10, pause: 'x' }, null)
  expect([result.ok, warningsOf(result)]).toEqual([false, []])
})

test('a parameter may have any name', () => {
  const parameters = { constructor: 'a', toString: 'b', hasOwnProperty: 'c' }
  expect(readDynamicSettings({ postgresql: { parameters } }, null).ok).toBe(true)
})

describe('properties', () => {
  const anything = fc.jsonValue({ maxDepth: 5 }).map(value => value as Json)
  const seconds = fc.oneof(
    fc.integer({ min: -5, max: 100 }),
    fc.integer(),
    fc.double(),
    fc.string(),
    fc.integer({ min: 1, max: 60 }).map(String),
  )
  const likely = fc.record(
    {
      ttl: seconds,
      loop_wait: seconds,
      retry_timeout: seconds,
      maximum_lag_on_failover: seconds,
      pause: anything,
      synchronous_mode: anything,
      standby_cluster: anything,
      postgresql: fc.oneof(
        anything,
        fc.record(
          { parameters: anything, use_slots: anything, pg_hba: anything, basebackup: anything },
          { requiredKeys: [] },
        ),
      ),
    },
    { requiredKeys: [] },
  )
  const times = fc.record({
    ttl: fc.integer({ min: 3, max: 200 }),
    loop_wait: fc.integer({ min: 1, max: 300 }),
    retry_timeout: fc.integer({ min: 1, max: 300 }),
  })

  test('nothing makes it throw, and what it accepts keeps the rule of the times', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          likely.map(value => JSON.parse(JSON.stringify(value)) as Json),
          times,
        ),
        document => {
          const result = readDynamicSettings(document, null)
          if (!result.ok) {
            expect(result.errors.length).toBeGreaterThan(0)
            return
          }
          const { ttlMs, loopWaitMs, retryTimeoutMs } = result.settings
          expect(loopWaitMs + 2 * retryTimeoutMs).toBeLessThanOrEqual(ttlMs)
          expect([loopWaitMs >= 1000, retryTimeoutMs >= 1000, ttlMs >= 3000]).toEqual([true, true, true])
          expect([ttlMs, loopWaitMs, retryTimeoutMs].every(Number.isSafeInteger)).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('whatever object stands in etcd puts something in force that keeps the rule of the times', () => {
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(fc.string(), anything), likely, times), object => {
        const document = JSON.parse(JSON.stringify(object)) as JsonObject
        const { ttlMs, loopWaitMs, retryTimeoutMs } = settingsInForce(document, null).settings
        expect(loopWaitMs + 2 * retryTimeoutMs).toBeLessThanOrEqual(ttlMs)
        expect([loopWaitMs >= 1000, retryTimeoutMs >= 1000, ttlMs >= 3000]).toEqual([true, true, true])
      }),
      { numRuns: 2000 },
    )
  })

  test('times that need no adjustment are taken as they are', () => {
    fc.assert(
      fc.property(times, document => {
        fc.pre(document.loop_wait + 2 * document.retry_timeout <= document.ttl)
        const { ttlMs, loopWaitMs, retryTimeoutMs } = accepted(document)
        expect([ttlMs, loopWaitMs, retryTimeoutMs]).toEqual(
          [document.ttl, document.loop_wait, document.retry_timeout].map(value => value * 1000),
        )
      }),
    )
  })
})
