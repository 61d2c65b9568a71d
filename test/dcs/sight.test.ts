// What is kept of etcd between messages: keys in whatever order they are told, and the raft term and revision reached.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Entries } from '../../src/dcs/entries.ts'
import { Terms } from '../../src/dcs/etcd/terms.ts'
import { revision } from '../../src/model/revision.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Entry } from '../../src/wire/cluster-view.ts'

const entry = (at: number): Entry => ({ text: `at ${at}`, leaseId: null, modRevision: revision(at) })

test('an older message changes nothing, neither after a put nor after a deletion', () => {
  const entries = new Entries()
  expect(entries.put('leader', entry(5))).toBe(true)
  expect(entries.put('leader', entry(5))).toBe(false)
  expect(entries.put('leader', entry(4))).toBe(false)
  expect(entries.delete('leader', revision(4))).toBe(false)
  expect(entries.delete('leader', revision(7))).toBe(true)
  expect(entries.put('leader', entry(6))).toBe(false)
  expect(entries.put('leader', entry(8))).toBe(true)
  expect([...entries.all.keys()]).toEqual(['leader'])
  expect(entries.revision).toBe(revision(8))
})

test('a snapshot takes away what it lacks, but not an own write that is newer', () => {
  const entries = new Entries()
  entries.put('old', entry(1))
  entries.put('own', entry(10))
  entries.delete('gone', revision(9))
  const changed = entries.replace(
    new Map([
      ['gone', entry(2)],
      ['new', entry(3)],
    ]),
    revision(8),
  )
  expect([...changed].sort()).toEqual(['new', 'old'])
  expect([...entries.all.keys()].sort()).toEqual(['new', 'own'])
})

test('in whatever order the changes of a key are told, the last one stands', () => {
  const change = fc.record({ at: fc.integer({ min: 1, max: 30 }), deletes: fc.boolean() })
  fc.assert(
    fc.property(fc.uniqueArray(change, { selector: ({ at }) => at, minLength: 1 }), changes => {
      const entries = new Entries()
      for (const { at, deletes } of changes) {
        if (deletes) entries.delete('k', revision(at))
        else entries.put('k', entry(at))
      }
      const last = changes.reduce((a, b) => (a.at > b.at ? a : b))
      expect(entries.get('k')?.modRevision).toBe(last.deletes ? undefined : revision(last.at))
    }),
  )
})

test('the version moves with each change, so that a cached view is never stale', () => {
  const entries = new Entries()
  const versions = [entries.version]
  entries.put('a', entry(1))
  versions.push(entries.version)
  entries.delete('a', revision(2))
  versions.push(entries.version)
  entries.clear()
  versions.push(entries.version)
  expect(new Set(versions).size).toBe(4)
})

const header = (cluster_id: string, raft_term: number, revision = 1) => ({
  cluster_id,
  raft_term: String(raft_term),
  revision: String(revision),
})

test('8.A6: a lower raft term is refused, until the known one has not been shown for 30 s; another cluster id replaces', () => {
  let nowMs = 0
  const clock: Clock = { bootMs: () => nowMs, wallMs: () => 0, sleep: async () => undefined }
  const replaced: string[] = []
  const terms = new Terms(clock, why => replaced.push(why))
  expect(terms.take(header('1', 5))).toBeNull()
  expect(terms.take(header('1', 4))).toContain('raft term 4')
  expect(terms.take(header('1', 6))).toBeNull()
  nowMs = 29_000
  expect(terms.take(header('1', 5))).toContain('raft term 5')
  expect(terms.epoch).toBe(0)
  nowMs = 31_000
  expect(terms.take(header('1', 5))).toBeNull()
  expect(terms.epoch).toBe(1)
  terms.reached(header('1', 5, 100))
  expect(terms.take(header('2', 1))).toBeNull()
  expect([terms.epoch, terms.revision]).toEqual([2, 0])
  expect(replaced).toHaveLength(2)
})

test('the gateway reader loads neither etcd3 nor gRPC', async () => {
  const script =
    "import { createRequire } from 'node:module'\n" +
    'await import(process.argv[1])\n' +
    "console.log(Object.keys(createRequire('/').cache).filter(file => file.includes('node_modules')).length)"
  const url = new URL('../../src/dcs/etcd/gateway.ts', import.meta.url).href
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, url], {
    timeout: 20_000,
  })
  expect(stdout.trim()).toBe('0')
})
