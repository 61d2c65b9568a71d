// What is older than what is known is ignored, whatever way it comes.

import { expect, test } from 'vitest'
import { Entries } from '../../src/dcs/entries.ts'
import { revision } from '../../src/model/revision.ts'
import type { LeaseId } from '../../src/model/units.ts'

const at = (written: number) => ({ text: 'b', leaseId: null, modRevision: revision(written) })

test('an answer older than a deletion does not bring the key back; what is newer does', () => {
  const entries = new Entries()
  entries.put('leader', at(95))
  entries.delete('leader', revision(105))
  expect(entries.put('leader', at(95))).toBe(false)
  expect(entries.get('leader')).toBeUndefined()
  expect(entries.replace(new Map(), revision(110))).toEqual([])
  expect(entries.put('leader', at(104))).toBe(false)
  expect(entries.put('leader', at(111))).toBe(true)
})

test('a scope that somebody fills and empties does not fill the memory; the latest deletions are known', () => {
  const entries = new Entries()
  for (let each = 1; each <= 3000; each++) entries.delete(`members/m${each}`, revision(each))
  expect(entries.put('members/m3000', at(2999))).toBe(false)
  expect(entries.put('members/m1', at(1))).toBe(true)
})

test('etcd made anew counts from the beginning', () => {
  const entries = new Entries()
  entries.delete('leader', revision(105))
  entries.clear()
  expect(entries.put('leader', at(3))).toBe(true)
})

test('keys on no lease that fill the memory are not kept; single keys, keys on a lease and known keys are', () => {
  const entries = new Entries()
  entries.put('members/pg1', { ...at(1), leaseId: '5' as LeaseId })
  for (let each = 1; each <= 3000; each++) entries.put(`members/a${each}`, at(10 + each))
  expect(entries.all.size).toBe(2000)
  expect(entries.unread).toBe(1)
  expect(entries.put('members/pg2', { ...at(4000), leaseId: '6' as LeaseId })).toBe(true)
  expect(entries.put('leader', at(4001))).toBe(true)
  expect(entries.put('members/a1', at(4002))).toBe(true)
  for (let each = 1; each <= 5000; each++)
    entries.put(`members/b${each}`, { ...at(5000 + each), leaseId: '7' as LeaseId })
  expect(entries.all.size).toBe(4000)
  entries.replace(new Map([['members/pg1', at(1)]]), revision(20_000), 7)
  expect([entries.all.size, entries.unread]).toEqual([1, 7])
})

test('of a value that no member writes only the size is kept', () => {
  const entries = new Entries()
  entries.put('members/pg1', { ...at(1), text: 'x'.repeat(1_000_000) })
  entries.put('config', { ...at(2), text: 'x'.repeat(1_000_000) })
  expect(entries.get('members/pg1')).toEqual({ ...at(1), text: '', tooLarge: 1_000_000 })
  expect(entries.get('config')?.text).toHaveLength(1_000_000)
})
