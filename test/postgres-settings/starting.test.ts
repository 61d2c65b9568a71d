// Decisions about a standby's upstream while the server cannot be asked (C03 of spec/postgres.md 10.2), and the
// reading and showing of parameter values (spec/postgres.md 2.12).

import { afterEach, beforeEach, expect, test } from 'vitest'
import { readableValue, sameValue } from '../../src/postgres/settings/server-values.ts'
import { LEADER, makePlace, type Place } from './place.ts'

let place: Place
beforeEach(async () => {
  place = await makePlace()
})
afterEach(() => place.remove())

const starting = () =>
  Promise.reject(Object.assign(new Error('the database system is starting up'), { code: '57P03' }))
const unreachable = () => Promise.reject(new Error('connection refused'))

test('without standby.signal only a restart makes a standby of it', async () => {
  const view = await place.settings.compareRecovery(unreachable, LEADER, 150000)
  expect(view).toEqual({
    known: true,
    atMs: 1000,
    value: { change: 'restart', differing: ['standby.signal'] },
  })
})

test('C03: while the server starts, what we wrote last is compared', async () => {
  await place.write({ role: 'standby', upstream: LEADER })
  const compare = (host: string, majorVersion = 150000) =>
    place.settings.compareRecovery(starting, { ...LEADER, host }, majorVersion)
  expect(await compare(LEADER.host)).toMatchObject({ known: true, value: { change: 'none' } })
  const moved = { differing: ['primary_conninfo'] }
  expect(await compare('10.0.0.9')).toMatchObject({ known: true, value: { ...moved, change: 'reload' } })
  expect(await compare('10.0.0.9', 120000)).toMatchObject({
    known: true,
    value: { ...moved, change: 'restart' },
  })
})

test('a server that cannot be asked for another reason is not known', async () => {
  await place.write({ role: 'standby', upstream: LEADER })
  expect(await place.settings.compareRecovery(unreachable, LEADER, 150000)).toEqual({
    known: false,
    why: 'recovery settings: connection refused',
  })
})

test.each<[string, string | null, string, string, boolean]>([
  ['bool', null, 'on', 'yes', true],
  ['bool', null, 'on', 'nonsense', false],
  ['integer', '8kB', '16384', '128MB', true],
  ['integer', '8kB', '16384', '16384', true],
  ['integer', 'kB', '4096', '4096.5kB', true],
  ['integer', 'kB', '4098', '4097.5kB', true],
  ['integer', 's', '300', '5min', true],
  ['integer', 's', '300', '5m', false],
  ['integer', null, '416', '0640', true],
  ['real', 'ms', '2.5', '2500us', true],
  ['real', null, '1.1', '1.10', true],
  ['enum', null, 'on', 'TRUE', true],
  ['enum', null, 'ddl', 'DDL', true],
  ['string', null, 'a', 'A', false],
])('%s (%s): %s and %s are the same: %s', (vartype, unit, setting, wanted, expected) => {
  expect(sameValue(vartype, unit, setting, wanted)).toBe(expected)
})

test.each<[string, string | null, string, string]>([
  ['integer', '8kB', '16384', '128MB'],
  ['integer', '8kB', '16385', '131080kB'],
  ['integer', 'ms', '60000', '1min'],
  ['integer', 'ms', '1500', '1500ms'],
  ['integer', 'kB', '-1', '-1'],
  ['integer', null, '50', '50'],
  ['integer', 'kB', '64MB', '64MB'],
  ['real', 'ms', '2.5', '2500us'],
  ['bool', null, 'true', 'on'],
  ['string', null, 'x', 'x'],
])('%s (%s) %s is shown as %s', (vartype, unit, text, expected) => {
  expect(readableValue(vartype, unit, text)).toBe(expected)
})
