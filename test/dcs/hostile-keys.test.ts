// Whatever anybody writes into the keys of a cluster: no reader throws, a name of JavaScript's own objects is a plain
// name, and nothing grows without bound.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasSetting, readDynamicSettings, settingsInForce } from '../../src/config/dynamic.ts'
import { effectivePostgresql } from '../../src/config/effective.ts'
import { choice } from '../../src/config/schema/leaf.ts'
import { slotPositions } from '../../src/decide/upkeep/status-key.ts'
import type { Json } from '../../src/model/cluster/cluster.ts'
import { revision } from '../../src/model/revision.ts'
import type { ServerView } from '../../src/model/server/postgres.ts'
import type { AgentConfig } from '../../src/model/settings/config.ts'
import { clusterView, type Entry } from '../../src/wire/cluster-view.ts'
import { parseFailsafe, serialiseFailsafe } from '../../src/wire/failsafe/key.ts'
import {
  parseConfig,
  parseFailover,
  parseHistory,
  parseMember,
  parseStatus,
  parseSync,
  serialiseMember,
  serialiseStatus,
} from '../../src/wire/records.ts'
import { COMPLETE, configOf, readText } from '../config/sample.ts'

/** `__proto__` apart: it never survives the reading of JSON. */
const PLAIN_NAMES = [
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'isPrototypeOf',
  '__defineGetter__',
]
const NAMES = [...PLAIN_NAMES, '__proto__', 'prototype']
const FIELDS = {
  member: ['conn_url', 'api_url', 'state', 'role', 'version', 'tags', 'xlog_location', 'timeline', 'pause'],
  status: ['optime', 'slots', 'retain_slots', 'hactl_gone'],
  failover: ['leader', 'member', 'scheduled_at'],
  sync: ['leader', 'sync_standby', 'quorum'],
  tags: ['nofailover', 'clonefrom', 'nosync', 'nostream', 'replicatefrom', 'failover_priority'],
  config: [
    ...['ttl', 'loop_wait', 'retry_timeout', 'pause', 'synchronous_mode', 'failsafe_mode', 'postgresql'],
    ...['standby_cluster', 'slots', 'ignore_slots', 'maximum_lag_on_failover', 'member_slots_ttl'],
  ],
  postgresql: ['parameters', 'use_slots', 'use_pg_rewind', 'pg_hba', 'pg_ident', 'parameters_primary'],
  parameters: ['max_connections', 'wal_level', 'work_mem', 'archive_mode', 'port', 'hot_standby'],
}
const ALL_FIELDS = Object.values(FIELDS).flat()

const word = fc.oneof(fc.constantFrom(...NAMES), fc.constantFrom(...ALL_FIELDS), fc.string({ maxLength: 12 }))
const { json } = fc.letrec<{ json: unknown }>(tie => ({
  json: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    word,
    fc.constantFrom(null, true, false, 0, -1, 1, 2.5, 1e308, 2 ** 53),
    fc.array(tie('json'), { maxLength: 5 }),
    fc.array(fc.tuple(word, tie('json')), { maxLength: 6 }).map(pairs => {
      // As text, so that `__proto__` is a key and not the prototype.
      const fields = pairs.map(([key, value]) => `${JSON.stringify(key)}:${textOf(value)}`)
      return new Raw(`{${fields.join(',')}}`)
    }),
  ),
}))

class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

function textOf(value: unknown): string {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`
  return JSON.stringify(value)
}

const text = fc.oneof({ weight: 6, arbitrary: json.map(textOf) }, { weight: 1, arbitrary: fc.string() })
const RUNS = { numRuns: 400 }

const READERS = {
  parseMember,
  parseStatus,
  parseSync,
  parseFailover,
  parseFailsafe,
  parseHistory,
  parseConfig,
}

test.each(Object.entries(READERS))('%s never throws', (_, parse) => {
  fc.assert(
    fc.property(text, hostile => {
      expect(() => parse(hostile)).not.toThrow()
    }),
    RUNS,
  )
})

test('any text in every key yields a view, and what it holds can be written again', () => {
  const keys = ['leader', 'config', 'status', 'failover', 'history', 'sync', 'failsafe', 'hactl/history']
  const names = NAMES.map(name => `members/${name}`)
  fc.assert(
    fc.property(fc.array(text, { minLength: 16, maxLength: 16 }), texts => {
      const entries = new Map<string, Entry>()
      for (const [at, key] of [...keys, ...names].entries())
        entries.set(key, { text: texts[at] ?? '', leaseId: null, modRevision: revision(1) })
      const view = clusterView(entries, revision(1), 'watch')
      expect(view.members.map(({ name }) => name)).toEqual([...NAMES].sort())
      for (const { record } of view.members) expect(parseMember(serialiseMember(record))).toEqual(record)
      if (view.status !== null) expect(() => serialiseStatus(view.status?.value ?? never())).not.toThrow()
    }),
    RUNS,
  )
})

function never(): never {
  throw new Error('unreachable')
}

describe('the dynamic configuration', () => {
  const agentConfig = async (): Promise<AgentConfig> => configOf(await readText(COMPLETE))

  test('whatever it holds, it is put in force, with values of their own types', async () => {
    const config = await agentConfig()
    fc.assert(
      fc.property(text, hostile => {
        const parsed = parseConfig(hostile)
        if (!parsed.valid) return
        const { settings } = settingsInForce(parsed.document, null)
        expect(() => readDynamicSettings(parsed.document, null)).not.toThrow()
        expect(() => hasSetting(parsed.document)).not.toThrow()
        for (const role of ['primary', 'replica'] as const)
          expect(() => effectivePostgresql(config, parsed.document, role)).not.toThrow()
        expect(['off', 'on', 'quorum']).toContain(settings.synchronousMode)
        for (const ms of [settings.ttlMs, settings.loopWaitMs, settings.retryTimeoutMs])
          expect(Number.isSafeInteger(ms)).toBe(true)
        for (const flag of [settings.paused, settings.useSlots, settings.failsafeMode])
          expect(flag).toBeTypeOf('boolean')
      }),
      RUNS,
    )
  })

  test.each(NAMES)('a value or a parameter called %s is a plain one', async name => {
    const config = await agentConfig()
    const keys = ['ttl', 'pause', 'synchronous_mode', 'synchronous_mode_strict', 'slots', 'failsafe_mode']
    for (const key of keys) {
      const { settings } = settingsInForce({ [key]: name }, null)
      expect(settings).toMatchObject({
        ttlMs: 30_000,
        paused: false,
        synchronousMode: 'off',
        failsafeMode: false,
      })
      const read = readDynamicSettings({ [key]: name }, null)
      if (key !== 'slots') expect(read.ok).toBe(false)
    }
    const document: Json = { postgresql: { parameters: { [name]: 'a' } } }
    const { parameters } = effectivePostgresql(config, document, 'primary')
    expect(Object.hasOwn(parameters, name) ? parameters[name] : 'a').toBe('a')
    expect(hasSetting({ [name]: 1 })).toBe(false)
  })
})

test.each(PLAIN_NAMES)('%s is a name like any other in failsafe, status and sync', name => {
  expect(Object.entries(parseFailsafe(`{"${name}":"http://a"}`) ?? {})).toEqual([[name, 'http://a']])
  expect(parseFailsafe(serialiseFailsafe({ [name]: 'http://a' }))?.[name]).toBe('http://a')
  expect(parseFailsafe('{}')?.[name]).toBeUndefined()
  expect(parseStatus(`{"slots":{"${name}":5}}`).slots?.[name]).toBe(5n)
  expect(parseStatus('{"slots":{}}').slots?.[name]).toBeUndefined()
  expect(parseSync(`{"leader":"a","sync_standby":"${name}"}`).standbys).toEqual([name])
})

test.each(NAMES)('%s is none of the words that a setting takes', name => {
  const setting = choice(['none', 'required'], { false: 'none' })
  expect(setting.parse(name)).toEqual({ ok: false, message: 'is not one of none, required' })
})

test.each(NAMES)('the slot of a member called %s is published like any other', name => {
  const slot = { name, kind: 'physical' as const, restartLsn: 7n, confirmedFlushLsn: null }
  const server = { position: 9n, slots: [slot] } as unknown as ServerView
  expect(Object.entries(slotPositions(server, 'pg1'))).toEqual([
    [name, 7n],
    ['pg1', 9n],
  ])
})

test('sizes are bounded', () => {
  const many = (item: string, count: number) => Array(count).fill(item).join(',')
  expect(
    parseSync(`{"leader":"a","sync_standby":"${many('b', 500_000)}"}`).standbys.length,
  ).toBeLessThanOrEqual(10_000)
  expect(parseHistory(`[${many('[1,2,"x"]', 100_000)}]`)?.length).toBeLessThanOrEqual(10_000)
  expect(parseStatus(`{"retain_slots":[${many('"b"', 200_000)}]}`).retainSlots?.length).toBeLessThanOrEqual(
    10_000,
  )
  expect(parseConfig(`{"a":"${'x'.repeat(2 << 20)}"}`).valid).toBe(false)
})
