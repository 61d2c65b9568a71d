// What is older than what is known is ignored, whatever way it comes.

import { expect, test } from 'vitest'
import { Entries } from '../../src/dcs/entries.ts'
import { revision } from '../../src/model/revision.ts'

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
