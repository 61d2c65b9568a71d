// Tags: what they mean for this node, and what the member key shows (spec/ha.md 1.4, spec/interfaces.md 3.13).

import { expect, test } from 'vitest'
import { readTags } from '../../src/config/tags-section.ts'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import { configOf, readText, warningsOf, withMore } from './sample.ts'

test.each<[given: JsonObject, published: JsonObject]>([
  [{}, {}],
  [{ nofailover: false, noloadbalance: false, clonefrom: false, nosync: false, nostream: false }, {}],
  [
    { nofailover: true, noloadbalance: 1, clonefrom: 'yes' },
    { nofailover: true, noloadbalance: 1, clonefrom: 'yes' },
  ],
  [
    { nofailover: false, failover_priority: 1 },
    { nofailover: false, failover_priority: 1 },
  ],
  [
    { nosync: false, sync_priority: 2 },
    { nosync: false, sync_priority: 2 },
  ],
  [{ nostream: false, failover_priority: 1 }, { failover_priority: 1 }],
  [{ failover_priority: '1' }, { failover_priority: '1' }],
  [
    { custom: false, empty: null, list: [1], text: '' },
    { custom: false, empty: null, list: [1], text: '' },
  ],
  [{ replicatefrom: 'pg2' }, { replicatefrom: 'pg2' }],
])('%j is published as %j', (given, published) => {
  expect(JSON.stringify(readTags(given).tags.published)).toBe(JSON.stringify(published))
})

test.each<[given: JsonObject, expected: object]>([
  [
    {},
    {
      nofailover: false,
      failoverPriority: 1,
      nosync: false,
      nostream: false,
      clonefrom: false,
      noloadbalance: false,
      replicatefrom: null,
    },
  ],
  [{ nofailover: true }, { nofailover: true, failoverPriority: 0 }],
  [{ nofailover: 'false' }, { nofailover: true, failoverPriority: 0 }],
  [
    { nofailover: null, failover_priority: 0 },
    { nofailover: true, failoverPriority: 0 },
  ],
  [{ failover_priority: '3' }, { nofailover: false, failoverPriority: 3 }],
  [{ failover_priority: -1 }, { nofailover: true, failoverPriority: 0 }],
  [
    { nofailover: true, failover_priority: 5 },
    { nofailover: true, failoverPriority: 0 },
  ],
  [
    { nofailover: false, failover_priority: 0 },
    { nofailover: false, failoverPriority: 0 },
  ],
  [{ sync_priority: 0 }, { nosync: true }],
  [{ nosync: false, sync_priority: 0 }, { nosync: false }],
  [{ nostream: 'false' }, { nostream: false }],
  [{ nostream: 'on' }, { nostream: true }],
  [{ replicatefrom: 5 }, { replicatefrom: '5' }],
  [{ replicatefrom: '' }, { replicatefrom: null }],
])('%j means %j', (given, expected) => {
  expect(readTags(given).tags).toMatchObject(expected)
})

test.each<[given: JsonObject, warning: string]>([
  [
    { nofailover: true, failover_priority: 1 },
    'Conflicting configuration between nofailover: True and failover_priority: 1. Defaulting to nofailover: True',
  ],
  [
    { nofailover: false, failover_priority: 0 },
    'Conflicting configuration between nofailover: False and failover_priority: 0. Defaulting to nofailover: False',
  ],
  [
    { nosync: true, sync_priority: 2 },
    'Conflicting configuration between nosync: True and sync_priority: 2. Defaulting to nosync: True',
  ],
])('%j contradicts itself', (given, warning) => {
  expect(readTags(given).warnings.map(({ message }) => message)).toEqual([warning])
})

test('text where a boolean is meant is said, because it counts as true', () => {
  expect(readTags({ nofailover: 'false' }).warnings).toEqual([
    {
      tag: 'nofailover',
      message: 'is text and counts as true; write nofailover: true or nofailover: false without quotes',
    },
  ])
})

test.each<[JsonObject, string]>([
  [{ failover_priority: 'high' }, 'failover_priority'],
  [{ failover_priority: true }, 'failover_priority'],
  [{ sync_priority: [] }, 'sync_priority'],
  [{ replicatefrom: ['a'] }, 'replicatefrom'],
])('%j is refused', (given, tag) => {
  expect(readTags(given).errors.map(error => error.tag)).toEqual([tag])
})

test('tags come out of the file with their YAML types, order and lines', async () => {
  const result = await readText(
    withMore('tags:\n  z: on\n  failover_priority: "2"\n  nofailover: yes\n  a: 0777'),
  )
  expect(JSON.stringify(configOf(result).tags.published)).toBe(
    '{"z":true,"failover_priority":"2","nofailover":true,"a":511}',
  )
  expect(warningsOf(result)).toEqual([
    '19: tags.nofailover: Conflicting configuration between nofailover: True and failover_priority: 2. Defaulting to nofailover: True',
  ])
})
