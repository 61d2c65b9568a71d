// What the configuration leaves open to the network is told, and nothing else is: the REST API, etcd, PostgreSQL.

import { describe, expect, test } from 'vitest'
import { selfOf } from '../../src/agent/self.ts'
import { effectivePostgresql } from '../../src/config/effective.ts'
import { formatProblem } from '../../src/model/settings/problem.ts'
import { COMPLETE, configOf, readText } from './sample.ts'

const CLOSED = COMPLETE.replace('restapi:\n', 'restapi:\n  allowlist_include_members: true\n').replace(
  '  hosts: 10.0.0.9:2379\n',
  '  hosts: 10.0.0.9:2379\n  protocol: https\n  cert: /tls/etcd.pem\n',
)

async function open(text: string): Promise<readonly string[]> {
  const read = await readText(text)
  configOf(read)
  return (read.ok ? read.open : []).map(problem => formatProblem({ ...problem, place: null }))
}

test('nothing is said of a closed configuration', async () => {
  expect(await open(CLOSED)).toEqual([])
})

describe('the REST API', () => {
  const restapi = (keys: string) => CLOSED.replace('  allowlist_include_members: true\n', keys)
  const OPEN = [
    'restapi: lets whoever reaches the REST API change the cluster, and what commands PostgreSQL runs. HINT: Set ' +
      'restapi.authentication, allowlist, allowlist_include_members or verify_client.',
  ]
  test.each([
    ['', OPEN],
    ['  certfile: /c\n  cafile: /ca\n', OPEN],
    ['  certfile: /c\n  cafile: /ca\n  verify_client: optional\n', []],
    ['  allowlist: [10.0.0.0/8]\n', []],
    ['  allowlist: [0.0.0.0/0]\n', []],
    ['  certfile: /c\n  authentication: {username: u, password: x1}\n', []],
    [
      '  authentication: {username: u, password: x1}\n',
      [
        'restapi.authentication.password: goes over the network in clear text, because the REST API has no TLS. HINT: ' +
          'Set restapi.certfile and restapi.cafile.',
      ],
    ],
  ])('%j', async (keys, said) => {
    expect(await open(restapi(keys))).toEqual(said)
  })

  test.each(['127.0.0.1', '127.8.0.1', 'localhost', '"[::1]"'])(
    'on %s nobody else reaches it',
    async host => {
      const text = restapi('').replace(
        'listen: 10.0.0.1:8008',
        `listen: ${host}:8008`.replace('":8008', ':8008"'),
      )
      expect(await open(text)).toEqual([])
    },
  )

  test.each(['0.0.0.0', '"*"', 'localhost.example.org', '"[::]"'])('on %s others do', async host => {
    const text = restapi('').replace(
      'listen: 10.0.0.1:8008',
      `listen: ${host}:8008`.replace('":8008', ':8008"'),
    )
    expect(await open(text)).toEqual(OPEN)
  })

  test('is in the node’s member key', async () => {
    const identity = { host: 'h', apiIsHere: true }
    const warnings = async (text: string) => {
      const config = configOf(await readText(text))
      return selfOf(config, effectivePostgresql(config, {}, 'primary'), identity).warnings
    }
    expect(await warnings(restapi(''))).toEqual(['open-api'])
    expect(await warnings(CLOSED)).toBeUndefined()
  })
})

describe('etcd', () => {
  const etcd = (keys: string) => CLOSED.replace(/etcd3:\n( .*\n)*/, `etcd3:\n${keys}`)
  const said = [
    expect.stringMatching(
      /^etcd3: has neither a user nor a client certificate: whoever reaches etcd decides who leads/,
    ),
  ]
  test.each([
    ['  hosts: 10.0.0.9:2379\n', said],
    ['  hosts: 127.0.0.1:2379,10.0.0.9:2379\n', said],
    ['  hosts: 127.0.0.1:2379\n', []],
    ['  hosts: 10.0.0.9:2379\n  protocol: https\n  cacert: /ca\n', said],
    ['  hosts: 10.0.0.9:2379\n  username: u\n  password: x1\n', []],
  ])('%j', async (keys, expected) => {
    expect(await open(etcd(keys))).toEqual(expected)
  })
})

describe('PostgreSQL', () => {
  const path = 'postgresql.pg_hba'
  const listed = (...lines: readonly string[]) =>
    `${CLOSED}  pg_hba:\n${lines.map(line => `  - ${line}\n`).join('')}`
  const plain = (line: string) =>
    `${path}: lets other machines in without TLS, so that their data crosses the network in clear text: ${JSON.stringify(line)}. HINT: ` +
    'Use hostssl, and set ssl, ssl_cert_file and ssl_key_file.'
  test.each([
    'local all all peer',
    'local all all scram-sha-256',
    'host all all 127.0.0.1/32 scram-sha-256',
    'host all all 127.0.0.1 255.255.255.255 md5',
    'host all all ::1/128 scram-sha-256',
    'host all all samehost scram-sha-256',
    'host all all localhost ident',
    'hostssl all all 0.0.0.0/0 scram-sha-256',
    'hostssl all all all ldap ldapserver=l',
    'hostgssenc all all 0.0.0.0/0 gss',
    'host all all 0.0.0.0/0 reject',
    '# host all all 0.0.0.0/0 trust',
    'include_dir hba.d',
  ])('%s is closed', async line => {
    expect(await open(listed(JSON.stringify(line)))).toEqual([])
  })

  test.each([
    'host all all 10.0.0.0/24 scram-sha-256',
    'host replication "my user" 10.0.0.0 255.255.255.0 md5',
    'hostnossl all all samenet scram-sha-256',
    'hostnogssenc all all all scram-sha-256',
    'host all all .example.org cert',
  ])('%s lets in without TLS', async line => {
    expect(await open(listed(JSON.stringify(line)))).toEqual([plain(line)])
  })

  test('one line for each kind, and how many there are', async () => {
    const lines = [
      'local all all trust',
      'hostssl all all all trust',
      'host all all 10.0.0.0/8 password',
      'host all all 10.0.0.0/8 scram-sha-256',
      'host all all 10.1.0.0/16 md5',
    ]
    expect(await open(listed(...lines))).toEqual([
      `${path}: lets in without a password: "local all all trust" and 1 more. HINT: Use scram-sha-256.`,
      `${path}: asks for passwords in clear text, without TLS: "host all all 10.0.0.0/8 password". HINT: Use scram-sha-256, or hostssl.`,
      plain('host all all 10.0.0.0/8 scram-sha-256').replace(
        '"host all all 10.0.0.0/8 scram-sha-256"',
        '$& and 1 more',
      ),
    ])
  })

  test('lists of a role, and the one of a new cluster', async () => {
    const dcs = CLOSED.replace('    ttl: 30\n', '    postgresql: {pg_hba: ["host all all all trust"]}\n')
    expect(await open(dcs)).toEqual([
      expect.stringMatching(/^bootstrap\.dcs\.postgresql\.pg_hba: lets in without a password/),
      expect.stringMatching(/^bootstrap\.dcs\.postgresql\.pg_hba: lets other machines in/),
    ])
    expect(await open(`${CLOSED}  pg_hba_replica: ["local all all trust"]\n`)).toEqual([
      expect.stringMatching(/^postgresql\.pg_hba_replica: lets in without a password/),
    ])
  })
})
