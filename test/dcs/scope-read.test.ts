// Whatever is below a cluster's prefix, and however much: a read never throws, asks for bounded pieces, and shows the real
// members. etcd is a sorted list of keys here; test/adapters/etcd/sizes.test.ts asks a real one.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keySpace } from '../../src/dcs/etcd/key-space.ts'
import { type Ask, type Found, type RangeQuestion, readScope } from '../../src/dcs/etcd/scope-read.ts'
import { revision } from '../../src/model/revision.ts'
import type { LeaseId } from '../../src/model/units.ts'
import { clusterView } from '../../src/wire/cluster-view.ts'
import type { Entry } from '../../src/wire/entry.ts'

const KEYS = keySpace('service', 'demo')
interface StoredKey {
  readonly text: string
  readonly lease?: string
}
type Stored = ReadonlyMap<string, StoredKey>

/** As etcd answers, and how many values it gave at most in one answer. */
function etcd(stored: Stored, failsAfter = Number.POSITIVE_INFINITY) {
  const all = [...stored]
    .map(([name, { text, lease }]) => {
      const leaseId = (lease ?? null) as LeaseId | null
      return { key: KEYS.absolute(name), entry: { text, leaseId, modRevision: revision(7) } }
    })
    .sort((a, b) => Buffer.compare(a.key, b.key))
  const asked = { times: 0, valuesMax: 0, characters: 0, revisions: new Set<string | undefined>() }
  const range = ({ key, range_end: end, limit = 0, keys_only: bare = false }: RangeQuestion) => {
    const inside = all.filter(kv =>
      end === undefined
        ? kv.key.equals(key)
        : Buffer.compare(kv.key, key) >= 0 && Buffer.compare(kv.key, end) < 0,
    )
    const given = limit === 0 ? inside : inside.slice(0, limit)
    const kvs = bare ? given.map(kv => ({ ...kv, entry: { ...kv.entry, text: '' } })) : given
    return { kvs, count: inside.length, values: bare ? 0 : kvs.length }
  }
  const ask: Ask<Found, { readonly ok: false }> = async questions => {
    asked.times += 1
    if (asked.times > failsAfter) return { ok: false }
    for (const question of questions) asked.revisions.add(question.revision)
    const ranges = questions.map(range)
    const values = ranges.reduce((sum, each) => sum + each.values, 0)
    for (const { kvs } of ranges) for (const { entry } of kvs) asked.characters += entry.text.length
    asked.valuesMax = Math.max(asked.valuesMax, values)
    return { ok: true, revision: '7', ranges }
  }
  return { ask, asked }
}

async function viewOf(stored: Stored, self: string | null = null) {
  const { ask, asked } = etcd(stored)
  const read = await readScope(KEYS, ask, self)
  if (!read.ok) throw new Error('not read')
  return { view: clusterView(read.entries, revision(7), 'read', self, read.unread), asked, ...read }
}

const MEMBER = '{"state":"running","role":"replica"}'
const REAL: Stored = new Map([
  ['leader', { text: 'pg1', lease: '5' }],
  ['config', { text: '{"ttl":30}' }],
  ['status', { text: '{"optime":5,"retain_slots":["pg3"]}' }],
  ['members/pg1', { text: MEMBER, lease: '5' }],
  ['members/pg2', { text: MEMBER, lease: '6' }],
  ['members/pg3', { text: MEMBER }],
])

test('a small cluster is read in one transaction, and nothing else below its prefix', async () => {
  const { view, asked } = await viewOf(
    new Map<string, StoredKey>([...REAL, ['other/x', { text: 'x' }], ['zzz', { text: 'z' }]]),
  )
  expect(asked.times).toBe(1)
  expect(view.members.map(({ name }) => name)).toEqual(['pg1', 'pg2', 'pg3'])
  expect([view.refusedKeys, view.leftOutMembers]).toEqual([undefined, undefined])
})

test('a cluster with more members than come at once is read whole, at the same revision', async () => {
  const names = Array.from({ length: 40 }, (_, each) => `m${100 + each}`)
  const members = names.flatMap(name => [
    [`members/${name}`, { text: MEMBER, lease: '8' }] as const,
    [`hactl/drain/${name}`, { text: '{}' }] as const,
  ])
  const { view, asked } = await viewOf(new Map<string, StoredKey>(members))
  expect(view.members.map(({ name }) => name)).toEqual(names)
  expect(view.members[0]?.record.state).toBe('running')
  expect(view.drains?.map(({ member }) => member)).toEqual(names)
  expect(view.leftOutMembers).toBeUndefined()
  expect(asked.revisions).toEqual(new Set([undefined, '7']))
})

test('among more keys than are ever looked at, those that others speak of and this member are there', async () => {
  const ghosts = Array.from({ length: 11_000 }, (_, each) => [`members/a${each}`, { text: '{}' }] as const)
  const { view, unread } = await viewOf(new Map<string, StoredKey>([...REAL, ...ghosts]), 'pg2')
  const names = view.members.map(({ name }) => name)
  expect(names.filter(name => name.startsWith('pg'))).toEqual(['pg1', 'pg2', 'pg3'])
  expect(names).toHaveLength(1000)
  expect(unread).toBeGreaterThan(9_000)
  expect(view.leftOutMembers).toBe(11_003 - 1000)
})

test('among thousands, those on a lease are read before those on none', async () => {
  const ghosts = Array.from({ length: 3000 }, (_, each) => [`members/a${each}`, { text: '{}' }] as const)
  const stored = new Map<string, StoredKey>([...ghosts, ['members/new', { text: MEMBER, lease: '9' }]])
  const { view } = await viewOf(stored)
  expect(view.members.find(({ name }) => name === 'new')?.record.state).toBe('running')
  expect(view.leftOutMembers).toBe(2001)
})

test('values of keys on no lease are read last, and only a little', async () => {
  const fat = { text: 'x'.repeat(1_000_000) }
  const ghosts = Array.from({ length: 100 }, (_, each) => [`members/a${100 + each}`, fat] as const)
  const { view, unread, asked } = await viewOf(new Map<string, StoredKey>([...REAL, ...ghosts]))
  expect(view.members.map(({ name }) => name)).toEqual(['pg1', 'pg2', 'pg3'])
  expect(asked.characters).toBeLessThan(8_000_000)
  expect((view.refusedMembers ?? 0) + unread).toBe(100)
})

test('an etcd that stops answering midway: no read without the real members; of the others what was read counts', async () => {
  const ghosts = Array.from({ length: 900 }, (_, each) => [`members/a${each}`, { text: '{}' }] as const)
  let successes = 0
  for (let failsAfter = 0; failsAfter < 40; failsAfter++) {
    const read = await readScope(
      KEYS,
      etcd(new Map<string, StoredKey>([...REAL, ...ghosts]), failsAfter).ask,
      null,
    )
    if (!read.ok) continue
    successes += 1
    const members = [...read.entries.keys()].filter(key => key.startsWith('members/'))
    expect(members).toEqual(expect.arrayContaining(['members/pg1', 'members/pg3']))
    expect(members.length + read.unread).toBe(903)
  }
  expect(successes).toBeGreaterThan(0)
})

test('hostile keys of any name and content on no lease: the real members are there, and what is kept is small', async () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('__proto__', 'constructor', '', 'a/b', '\u0000', '\n', 'x'.repeat(300), 'y'.repeat(5000)),
    fc.integer({ min: 0, max: 2000 }).map(each => `a${each}`),
  )
  const folder = fc.constantFrom('members/', 'members/', 'members/', 'hactl/drain/', 'hactl/', '', 'optime/')
  const content = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.json({ maxDepth: 2 }),
    fc.constantFrom('{"state":"running"}', 'x'.repeat(70_000)),
  )
  const hostile = fc.array(fc.tuple(folder, name, content), { maxLength: 200 })
  await fc.assert(
    fc.asyncProperty(hostile, async keys => {
      const stored = new Map(keys.map(([where, called, text]) => [where + called, { text }] as const))
      for (const [key, value] of REAL) stored.set(key, value)
      const { view, asked, entries } = await viewOf(stored, 'pg2')
      const names = view.members.map(each => each.name)
      expect(names).toEqual(expect.arrayContaining(['pg1', 'pg2', 'pg3']))
      expect(view.leader?.name).toBe('pg1')
      expect(asked.valuesMax).toBeLessThanOrEqual(60)
      for (const [key, entry] of entries)
        if (key.includes('/')) expect(sizeOf(key, entry)).toBeLessThan(70_000)
      const below = [...stored.keys()].filter(key => key.startsWith('members/')).length
      const told = (view.refusedMembers ?? 0) + (view.leftOutMembers ?? 0)
      expect(names.length + told).toBeLessThanOrEqual(below)
      for (const each of view.refusedKeys ?? []) expect(each.key.length).toBeLessThanOrEqual(100)
    }),
    { numRuns: 150 },
  )
})

function sizeOf(key: string, { text }: Entry): number {
  return key === 'optime/leader' ? 0 : key.length + text.length
}
