// What the agent says of keys in etcd that nobody can read: once for each revision, not with every beat.

import { expect, test } from 'vitest'
import { createDynamicConfiguration } from '../../src/agent/dynamic-config.ts'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import { revision } from '../../src/model/revision.ts'
import { clusterView } from '../../src/wire/cluster-view.ts'

function listen() {
  const lines: string[] = []
  const say = (level: string) => (text: string) => void lines.push(`${level} ${text}`)
  const log = { debug: say('DEBUG'), info: say('INFO'), warning: say('WARNING'), error: say('ERROR') }
  const dynamic = createDynamicConfiguration(log)
  const see = (key: string, text: string, written: number) =>
    dynamic.consider(
      clusterView(
        new Map([[key, { text, leaseId: null, modRevision: revision(written) }]]),
        revision(written),
        'watch',
      ),
    )
  return { lines, see, dynamic }
}

test('a config key that cannot be read', () => {
  const { lines, see, dynamic } = listen()
  for (let beat = 0; beat < 3; beat++) see('config', '{', 7)
  expect(lines).toEqual([
    expect.stringMatching(/^ERROR the dynamic configuration in etcd cannot be used \(not JSON/),
  ])
  expect(lines[0]).toContain('this node does not lead and is no healthy replica')
  expect(dynamic.isConfirmed()).toBe(false)
  see('config', '{"ttl": 40}', 8)
  expect(lines.slice(1)).toEqual(['INFO the dynamic configuration in etcd can be used again'])
  expect([dynamic.isConfirmed(), dynamic.settings().ttlMs]).toEqual([true, 40_000])
  see('config', '[]', 9)
  expect(lines.at(-1)).toContain('the last good one stays in force')
  expect([dynamic.isConfirmed(), dynamic.settings().ttlMs]).toEqual([true, 40_000])
})

test('a bad value is repaired and said once, however often the rest changes', () => {
  const { lines, see, dynamic } = listen()
  expect(see('config', '{"ttl": "soon", "pause": true}', 7)).toBe(true)
  const warning =
    'WARNING dynamic configuration: ttl: "soon" is not an integer (units are not read here): the default is used, 30'
  expect(lines).toEqual([warning])
  expect(dynamic.settings()).toMatchObject({ ttlMs: 30_000, paused: true })
  see('config', '{"ttl": "soon", "pause": false}', 8)
  expect(lines).toEqual([warning])
  expect(dynamic.settings().paused).toBe(false)
})

test('no configuration in etcd: what the node found holds, and is the cluster’s', () => {
  const { see, dynamic } = listen()
  dynamic.startWith({ ttl: 25 }, 'bootstrap.dcs')
  expect(dynamic.isConfirmed()).toBe(false)
  see('leader', 'pg1', 7)
  expect([dynamic.isConfirmed(), dynamic.settings().ttlMs]).toEqual([true, 25_000])
})

test('a document that makes its reader throw, or cannot be applied, is refused and told, once', () => {
  const { lines, dynamic } = listen()
  const view = (document: JsonObject, written: number) => {
    const config = { value: { valid: true as const, document }, modRevision: revision(written) }
    return { ...clusterView(new Map(), revision(written), 'watch'), config }
  }
  const poison = (written: number) => {
    const document = new Proxy({ ttl: 40 } as JsonObject, {
      ownKeys: () => {
        throw new TypeError('poisoned')
      },
    })
    return view(document, written)
  }
  for (let beat = 0; beat < 3; beat++) expect(dynamic.consider(poison(7))).toBe(false)
  expect(lines).toEqual([expect.stringMatching(/^ERROR .* cannot be used \(.*poisoned\).*does not lead/)])
  expect([dynamic.isConfirmed(), dynamic.settings().ttlMs]).toEqual([false, 30_000])
  const good = (ttl: number, written: number) => view({ ttl }, written)
  expect(dynamic.consider(good(40, 8))).toBe(true)
  expect(lines.at(-1)).toBe('INFO the dynamic configuration in etcd can be used again')
  const failing = () => {
    throw new TypeError('not to be applied')
  }
  for (let beat = 0; beat < 3; beat++) expect(dynamic.consider(good(50, 9), failing)).toBe(false)
  expect(lines.slice(2)).toEqual([expect.stringMatching(/not to be applied.*the last good one stays/)])
  expect([dynamic.isConfirmed(), dynamic.settings().ttlMs]).toEqual([true, 40_000])
})
