// Connection strings as libpq reads them: the expected values were looked up in libpq's documentation and its tests.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatConninfo, parseConninfo, primaryConninfo } from '../../src/postgres/settings/conninfo.ts'
import { LEADER, makeConfig } from './place.ts'

test.each<[string, Record<string, string> | null]>([
  ['', {}],
  ['host=a port=5', { host: 'a', port: '5' }],
  ['  host = a   port= 5 ', { host: 'a', port: '5' }],
  ['host=', { host: '' }],
  // Q16: an empty value swallows the next word
  ['host= port=5', { host: 'port=5' }],
  ["host='' port=5", { host: '', port: '5' }],
  ["password='a b\\'c\\\\d' user=x", { password: "a b'c\\d", user: 'x' }],
  ['password=a\\ b\\\\c', { password: 'a b\\c' }],
  ["host='a'port=5", { host: 'a', port: '5' }],
  ['host=a host=b', { host: 'b' }],
  ['user=a\nhost=b', { user: 'a', host: 'b' }],
  // Q18: unknown to libpq, kept here
  ['no_such_option=1', { no_such_option: '1' }],
  ['requiressl=1', { sslmode: 'require' }],
  ['host', null],
  ['host port=1', null],
  ['=a', null],
  ["host='a", null],
  ['postgresql://', {}],
  [
    'postgres://u:p%40ss@h:1/db?sslmode=require',
    { user: 'u', password: 'p@ss', host: 'h', port: '1', dbname: 'db', sslmode: 'require' },
  ],
  ['postgresql://h1:1,h2:2,[::1]:3/', { host: 'h1,h2,::1', port: '1,2,3' }],
  ['postgresql://h1,h2', { host: 'h1,h2', port: ',' }],
  ['postgresql:///db?host=/run/pg&port=7', { dbname: 'db', host: '/run/pg', port: '7' }],
  ['postgresql://%2Frun%2Fpg/db', { host: '/run/pg', dbname: 'db' }],
  ['postgresql://h?ssl=true', { host: 'h', sslmode: 'require' }],
  ['postgresql://h/d%', null],
  ['postgresql://h/d%00', null],
  ['postgresql://[::1/d', null],
  ['postgresql://[::1]x/d', null],
  ['postgresql://h/d?a', null],
  ['postgresql://h/d?a=b=c', null],
])('parseConninfo(%j)', (text, expected) => {
  expect(parseConninfo(text)).toEqual(expected)
})

test('Q16: empty values are left out', () => {
  expect(formatConninfo({ host: '', port: '5', user: 'u' }, 150000)).toBe('user=u port=5')
})

test('what is formatted is read back, whatever the values', () => {
  const keys = ['dbname', 'user', 'password', 'host', 'application_name', 'sslcert']
  const fields = fc.dictionary(fc.constantFrom(...keys), fc.string({ minLength: 1, unit: 'binary' }))
  fc.assert(
    fc.property(fields, written => {
      expect(parseConninfo(formatConninfo(written, 150000))).toEqual({ ...written })
    }),
  )
})

test('hostile values stay values', () => {
  const text = formatConninfo({ host: "x' user=postgres\n\tpassword=\\", port: '1' }, 150000)
  expect(parseConninfo(text)).toEqual({ host: "x' user=postgres\n\tpassword=\\", port: '1' })
})

const EVERYTHING = {
  sslmode: 'require',
  sslpassword: 'p',
  sslcrldir: 'd',
  gssencmode: 'disable',
  channel_binding: 'require',
  sslnegotiation: 'direct',
  target_session_attrs: 'any',
}

test.each([
  [90600, 'sslmode=require'],
  [100000, 'sslmode=require target_session_attrs=any'],
  [120000, 'sslmode=require gssencmode=disable target_session_attrs=any'],
  [
    130000,
    'sslmode=require sslpassword=p gssencmode=disable channel_binding=require target_session_attrs=any',
  ],
  [
    140000,
    'sslmode=require sslpassword=p sslcrldir=d gssencmode=disable channel_binding=require target_session_attrs=any',
  ],
  [
    170000,
    'sslmode=require sslpassword=p sslcrldir=d gssencmode=disable channel_binding=require target_session_attrs=any sslnegotiation=direct',
  ],
])('C07: keys newer than server version %i never reach a conninfo', (version, expected) => {
  expect(formatConninfo(EVERYTHING, version)).toBe(expected)
})

test('C32: a passfile takes the place of the password from 10 on only', () => {
  const fields = { user: 'u', password: 'secret', passfile: '/p' }
  expect(formatConninfo(fields, 90600)).toBe('user=u password=secret')
  expect(formatConninfo(fields, 100000)).toBe('user=u passfile=/p')
})

test('C13: only several hosts with a slot ask for a writable server', () => {
  const config = makeConfig('/x')
  const attrs = (host: string, slot: string | null) =>
    primaryConninfo({ ...LEADER, host, slot }, config, 'pg-1', 150000).target_session_attrs
  expect(attrs('a', 's')).toBeUndefined()
  expect(attrs('a,b', null)).toBeUndefined()
  expect(attrs('a,b', 's')).toBe('read-write')
})

test('the options of the replication user win over the defaults, unknown ones are left out', () => {
  const config = makeConfig('/x', {
    database: '',
    authentication: {
      superuser: null,
      replication: {
        username: 'r',
        password: null,
        options: { sslmode: 'verify-full', sslcert: '/c', options: '-c x' },
      },
      rewind: null,
    },
  })
  expect(primaryConninfo(LEADER, config, 'pg-1', 120000)).toEqual({
    dbname: 'postgres',
    user: 'r',
    host: '127.0.0.1',
    port: '54401',
    application_name: 'pg-1',
    sslmode: 'verify-full',
    sslcert: '/c',
    gssencmode: 'prefer',
  })
})
