// The etcd section in all its forms, and addresses in general.

import { describe, expect, test } from 'vitest'
import { parseHostPort } from '../../src/config/schema/leaf-address.ts'
import { formatAddress } from '../../src/model/address.ts'
import { COMPLETE, configOf, errorsOf, readText, warningsOf } from './sample.ts'

const withEtcd = (section: string) => COMPLETE.replace('etcd3:\n  hosts: 10.0.0.9:2379\n', `${section}\n`)

test.each<[string, string[]]>([
  ['etcd3: {host: e1}', ['e1:2379']],
  ['etcd3: {host: "e1:2380"}', ['e1:2380']],
  ['etcd3: {host: "[::1]:2380"}', ['[::1]:2380']],
  ['etcd3: {hosts: [e1, "e2:1"]}', ['e1:2379', 'e2:1']],
  ['etcd3: {hosts: "e1, e2:1", port: 99}', ['e1:99', 'e2:1']],
  ['etcd3: {hosts: ["[fd00::1]:2379", "fd00::2"]}', ['[fd00::1]:2379', '[fd00::2]:2379']],
  ['etcd3: {url: "http://e1", hosts: [e2], host: e3}', ['e1:2379']],
  ['etcd3: {url: "http://e1:80/x"}', ['e1:80']],
  ['etcd3: {url: "https://[::1]:443"}', ['[::1]:443']],
  ['etcd3: {hosts: [e2], host: e3}', ['e2:2379']],
])('%s', async (section, endpoints) => {
  expect(configOf(await readText(withEtcd(section))).etcd.endpoints.map(formatAddress)).toEqual(endpoints)
})

test('TLS and credentials', async () => {
  const { etcd } = configOf(
    await readText(withEtcd('etcd3: {url: "https://us%40er:p%3Aw@e1", cacert: /ca, cert: /c, key: /k}')),
  )
  expect(etcd).toEqual({
    endpoints: [{ host: 'e1', port: 2379 }],
    tls: { ca: '/ca', cert: '/c', key: '/k' },
    credentials: { username: 'us@er', password: 'p:w' },
  })
})

test.each<[string, string[]]>([
  ['etcd3: {hosts: []}', ['5: etcd3.hosts: is empty']],
  ['etcd3: {hosts: ["http://e1:1"]}', ['5: etcd3.hosts: "http://e1:1" is a URL, not host:port']],
  ['etcd3: {hosts: ["e1:0", "e2:70000"]}', ['"e1:0" has a port', '"e2:70000" has a port']],
  ['etcd3: {url: "ftp://x"}', ['5: etcd3.url: is neither an http nor an https URL']],
  ['etcd3: {url: nonsense}', ['5: etcd3.url: is not a URL like http://host:2379']],
  ['etcd3: {host: e, srv: x}', ['5: etcd3.srv: is not supported yet by this version of hactl']],
  ['etcd3: {host: e, username: u}', ['5: etcd3.username: is set without a password']],
  ['etcd3: {host: e, password: p}', ['5: etcd3.password: is set without a username']],
  ['etcd3: {host: e, key: /k}', ['5: etcd3.key: is set without a certificate']],
  ['etcd3: {}', ['etcd3: is missing: hactl needs to know where etcd is']],
  ['', ['etcd3: is missing: hactl needs to know where etcd is']],
])('%s is refused', async (section, errors) => {
  const found = errorsOf(await readText(withEtcd(section)))
  expect(found).toHaveLength(errors.length)
  for (const [index, error] of errors.entries()) expect(found[index]).toContain(error)
})

describe('the section etcd', () => {
  test('is read as etcd3, and its problems keep their lines', async () => {
    const result = await readText(withEtcd('etcd:\n  host: e1\n  protcol: http'))
    expect(configOf(result).etcd.endpoints).toEqual([{ host: 'e1', port: 2379 }])
    expect(warningsOf(result)).toEqual([
      '5: etcd: is read as etcd3: hactl speaks only version 3 of the etcd API',
      '7: etcd3.protcol: is not known and has no effect',
    ])
  })

  test('is ignored beside etcd3', async () => {
    const result = await readText(withEtcd('etcd: {host: e1}\netcd3: {host: e2}'))
    expect(configOf(result).etcd.endpoints).toEqual([{ host: 'e2', port: 2379 }])
    expect(warningsOf(result)).toEqual(['5: etcd: is ignored: the section etcd3 counts'])
  })
})

test('certificates without TLS are warned about', async () => {
  const result = await readText(withEtcd('etcd3: {host: e1, cacert: /ca}'))
  expect(configOf(result).etcd.tls).toBeNull()
  expect(warningsOf(result)).toEqual(['5: etcd3.cacert: has no effect, because the protocol is http'])
})

test.each<[string, string | null]>([
  ['a:1', 'a:1'],
  ['a', 'a:7'],
  [':1', '*:1'],
  ['*:1', '*:1'],
  ['[::1]:1', '[::1]:1'],
  ['[::1]', '[::1]:7'],
  ['::1', '[::1]:7'],
  ['fd00::1:8008', '[fd00::1]:8008'],
  ['2001:db8::', '[2001:db8::]:7'],
  ['a:', null],
  ['a:b', null],
  ['a:65536', null],
  ['a:0', null],
  ['a:-1', null],
  ['a b:1', null],
  ['[a]:1', null],
  ['[::1]x', null],
  ['1:2:3', null],
  ['http://a:1', null],
  ['u@a:1', null],
])('the address %s is %s', (text, expected) => {
  const parsed = parseHostPort(text, 7)
  expect(parsed.ok ? formatAddress(parsed.value) : null).toBe(expected)
})
