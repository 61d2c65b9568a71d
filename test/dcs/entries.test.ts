// What is older than what is known is ignored, whatever way it comes.

import { expect, test } from 'vitest'
import { Entries } from '../../src/dcs/entries.ts'

const at = (modRevision: number) => ({ text: 'b', leaseId: '0', modRevision })

test('an answer older than a deletion does not bring the key back; what is newer does', () => {
  const entries = new Entries()
  entries.put('leader', at(95))
  entries.delete('leader', 105)
  expect(entries.put('leader', at(95))).toBe(false)
  expect(entries.get('leader')).toBeUndefined()
  expect(entries.replace(new Map(), 110)).toEqual([])
  expect(entries.put('leader', at(104))).toBe(false)
  expect(entries.put('leader', at(111))).toBe(true)
})

test('a scope that somebody fills and empties does not fill the memory; the latest deletions are known', () => {
  const entries = new Entries()
  for (let revision = 1; revision <= 3000; revision++) entries.delete(`members/m${revision}`, revision)
  expect(entries.put('members/m3000', at(2999))).toBe(false)
  expect(entries.put('members/m1', at(1))).toBe(true)
})

test('etcd made anew counts from the beginning', () => {
  const entries = new Entries()
  entries.delete('leader', 105)
  entries.clear()
  expect(entries.put('leader', at(3))).toBe(true)
})
