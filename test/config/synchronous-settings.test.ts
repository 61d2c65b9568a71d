// Settings of synchronous replication that contradict each other are accepted with a warning each.

import { expect, test } from 'vitest'
import { readDynamicSettings, settingsInForce } from '../../src/config/dynamic.ts'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import { brief, warningsOf } from './sample.ts'

const on = (more: JsonObject): JsonObject => ({ synchronous_mode: true, ...more })
const parameters = (section: string, values: JsonObject): JsonObject => ({
  postgresql: { [section]: values },
})
const NAMES = 'is ignored while synchronous_mode is on: the leader decides which standbys are waited for'
const commit = (value: string) =>
  `is ${value}: commits wait for no standby then, and synchronous_mode protects only sessions that set it to on`
const OFF = 'has no effect while synchronous_mode is off'

test.each<[JsonObject, readonly string[]]>([
  [
    on(parameters('parameters', { synchronous_commit: 'off' })),
    [`parameters.synchronous_commit: ${commit('off')}`],
  ],
  [
    on(parameters('parameters', { synchronous_commit: false })),
    [`parameters.synchronous_commit: ${commit('off')}`],
  ],
  [
    on(parameters('parameters', { Synchronous_Commit: 'LOCAL' })),
    [`parameters.Synchronous_Commit: ${commit('local')}`],
  ],
  [
    on(parameters('parameters_primary', { synchronous_commit: 'no' })),
    [`parameters_primary.synchronous_commit: ${commit('off')}`],
  ],
  [on(parameters('parameters_replica', { synchronous_commit: 'off' })), []],
  [on(parameters('parameters', { synchronous_commit: 'remote_apply' })), []],
  [on(parameters('parameters', { synchronous_commit: 'on' })), []],
  [{ ...parameters('parameters', { synchronous_commit: 'off' }) }, []],
  [
    { synchronous_mode: 'quorum', ...parameters('parameters', { synchronous_standby_names: '*' }) },
    [`parameters.synchronous_standby_names: ${NAMES}`],
  ],
  // The user's own, which hactl leaves alone.
  [parameters('parameters', { synchronous_standby_names: 'x' }), []],
])('%j', (document, expected) => {
  const read = readDynamicSettings(document, null)
  expect(read.ok).toBe(true)
  const about = warningsOf(read).filter(text => text.startsWith('postgresql.parameters'))
  expect(about).toEqual(expected.map(text => `postgresql.${text}`))
  // An agent says it too.
  const said = settingsInForce(document, null).warnings.map(brief)
  expect(said.filter(text => text.startsWith('postgresql.parameters'))).toEqual(about)
})

test.each<[JsonObject, string]>([
  [{ synchronous_mode_strict: true }, `synchronous_mode_strict: ${OFF}`],
  [{ synchronous_node_count: 2 }, `synchronous_node_count: ${OFF}`],
  [{ maximum_lag_on_syncnode: 1000 }, `maximum_lag_on_syncnode: ${OFF}`],
  [
    { synchronous_mode: 'quorum', standby_cluster: { host: 'far' } },
    'synchronous_mode: has no effect in a standby cluster',
  ],
])('%j has no effect', (document, expected) => {
  expect(warningsOf(readDynamicSettings(document, null))).toContain(expected)
})

test.each<JsonObject>([
  {
    synchronous_mode: false,
    synchronous_mode_strict: false,
    synchronous_node_count: 1,
    maximum_lag_on_syncnode: -1,
  },
  { synchronous_mode: true, synchronous_mode_strict: true, synchronous_node_count: 2 },
])('%j contradicts nothing', document => {
  const unsupported = /not supported yet/
  expect(warningsOf(readDynamicSettings(document, null)).filter(text => !unsupported.test(text))).toEqual([])
})

test.each<[JsonObject, string]>([
  [{ synchronous_mode: 'maybe' }, 'synchronous_mode: "maybe" is neither a boolean nor quorum'],
  [{ synchronous_node_count: 0 }, 'synchronous_node_count: '],
  [{ maximum_lag_on_syncnode: -2 }, 'maximum_lag_on_syncnode: '],
  [{ synchronous_mode_strict: 'maybe' }, 'synchronous_mode_strict: '],
])('%j is refused', (document, expected) => {
  const read = readDynamicSettings(document, null)
  expect(read.ok ? [] : read.errors.map(brief)).toEqual([expect.stringContaining(expected)])
})
