// What the configuration says about passwords: values that libpq would refuse are errors, passwords that are given away are
// warnings.

import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readLocalConfig } from '../../src/config/node-config.ts'
import { formatProblem } from '../../src/model/settings/problem.ts'
import { COMPLETE, configOf, directory, errorsOf, readText, warningsOf } from './sample.ts'

const account = (keys: string) =>
  COMPLETE.replace('{username: replicator,', `{username: replicator, ${keys},`)
const errors = async (text: string) => errorsOf(await readText(text))
const warnings = async (text: string) => warningsOf(await readText(text))
const path = 'postgresql.authentication.replication'

test.each([
  [
    'sslmode: on',
    'sslmode',
    'is "on", which is none of disable, allow, prefer, require, verify-ca, verify-full',
  ],
  ['channel_binding: always', 'channel_binding', 'is "always", which is none of disable, prefer, require'],
  ['gssencmode: yes', 'gssencmode', 'is "yes", which is none of disable, prefer, require'],
  ['sslnegotiation: tls', 'sslnegotiation', 'is "tls", which is none of postgres, direct'],
  ['require_auth: scram', 'require_auth', '"scram" is none of password, md5, gss, sspi, scram-sha-256, none'],
  ['require_auth: "md5,!none"', 'require_auth', 'either all methods have an exclamation mark, or none'],
  ['require_auth: "md5, md5"', 'require_auth', '"md5" is there more than once'],
  [
    'channel_binding: require, sslmode: disable',
    'channel_binding',
    'is require, which needs TLS, but sslmode is disable',
  ],
  [
    'channel_binding: require, require_auth: md5',
    'channel_binding',
    'is require, which only scram-sha-256 can do, and require_auth does not allow that',
  ],
])('%s', async (keys, key, message) => {
  expect(await errors(account(keys.replace(/: (on|yes)$/, ': "$1"')))).toEqual([
    expect.stringContaining(`${path}.${key}: ${message}`),
  ])
})

test('what libpq takes', async () => {
  const keys = 'sslmode: verify-full, channel_binding: require, require_auth: "!password,!md5,!none"'
  const config = configOf(await readText(account(keys)))
  expect(config.postgresql.authentication.replication.options).toEqual({
    sslmode: 'verify-full',
    channel_binding: 'require',
    require_auth: '!password,!md5,!none',
  })
  const variable = { HACTL_REPLICATION_REQUIRE_AUTH: 'scram-sha-256' }
  expect(configOf(await readText(COMPLETE, variable)).postgresql.authentication.replication.options).toEqual({
    require_auth: 'scram-sha-256',
  })
})

test('a file with passwords that everybody may read', async () => {
  const path = join(await directory(), 'hactl.yml')
  const found = async (text: string, mode: number) => {
    await writeFile(path, text)
    await chmod(path, mode)
    return (await readLocalConfig({ path, env: {} })).warnings.map(formatProblem)
  }
  const warning = `${path}: holds passwords, and every user of this machine may read it. HINT: Run: chmod 0600 ${path}`
  expect(await found(COMPLETE, 0o644)).toEqual([warning])
  expect(await found(COMPLETE, 0o640)).toEqual([])
  expect(await found(COMPLETE.replaceAll(/, password: [\w-]+/g, ''), 0o644)).toEqual([])
  const inUsers = COMPLETE.replaceAll(/, password: [\w-]+/g, '').replace(
    'bootstrap:\n',
    'bootstrap:\n  users: {admin: {password: x1}}\n',
  )
  expect(await found(inUsers, 0o604)).toContain(warning)
})

test('passwords of examples', async () => {
  expect(await warnings(COMPLETE)).toEqual([])
  for (const word of ['change-me-3', 'CHANGEME', 'rep-pass', 'zalando'])
    expect(await warnings(COMPLETE.replace('secret-repl', word))).toEqual([
      expect.stringContaining(`${path}.password: is that of an example, which everybody knows`),
    ])
})

const withApi = (keys: string, ctl = '') =>
  COMPLETE.replace('restapi:\n', `restapi:\n  authentication: {username: u, password: x1}\n${keys}`) + ctl

test('the password of the REST API where nobody verifies who gets it', async () => {
  const tls = '  certfile: /tls/a.crt\n'
  expect(await warnings(withApi(tls))).toEqual([
    expect.stringMatching(
      /restapi.authentication.password: goes to members whose certificates this node cannot verify/,
    ),
  ])
  expect(await warnings(withApi(`${tls}  cafile: /tls/ca.crt\n`))).toEqual([])
  expect(await warnings(withApi(tls, 'ctl: {cacert: /tls/ca.crt}\n'))).toEqual([])
  expect(await warnings(withApi(tls, 'ctl: {insecure: true, cacert: /tls/ca.crt}\n'))).toEqual([
    expect.stringMatching(
      /ctl.insecure: is on: the password of the REST API goes to members that nobody verifies/,
    ),
  ])
  expect(await warnings(withApi(''))).toEqual([])
})

test('the password of etcd over http, but for an etcd on this machine', async () => {
  const etcd = (keys: string) => COMPLETE.replace('  hosts: 10.0.0.9:2379\n', keys)
  const login = '  username: u\n  password: x1\n'
  expect(await warnings(etcd(`  hosts: 10.0.0.9:2379\n${login}`))).toEqual([
    expect.stringMatching(
      /etcd3.username: and its password go to etcd in clear text, because the protocol is http/,
    ),
  ])
  expect(await warnings(etcd(`  hosts: 10.0.0.9:2379\n  protocol: https\n${login}`))).toEqual([])
  expect(await warnings(etcd(`  hosts: 127.0.0.1:2379\n${login}`))).toEqual([])
})
