// Variables that set a key: each of spec/interfaces.md, appendix A, and where it shows in the configuration. The others
// are in variables.test.ts.

import { expect, test } from 'vitest'
import type { AgentConfig } from '../../src/model/settings/config.ts'
import { COMPLETE, configOf, readText, warningsOf } from './sample.ts'

// Variable, its text, where it shows in AgentConfig, and what shows there.
const EFFECTS: readonly (readonly [
  name: string,
  text: string,
  see: (config: AgentConfig) => unknown,
  expected: unknown,
])[] = [
  ['NAME', 'pg9', c => c.name, 'pg9'],
  ['SCOPE', 'other', c => c.scope, 'other'],
  ['NAMESPACE', '/db/', c => c.namespace, 'db'],
  ['LOG_TYPE', 'json', c => c.log.type, 'json'],
  ['LOG_LEVEL', 'warn', c => c.log.level, 'WARNING'],
  ['LOG_FORMAT', '%(message)s', c => c.log.format, '%(message)s'],
  [
    'LOG_FORMAT',
    '[message, {asctime: "@timestamp"}]',
    c => c.log.jsonFields,
    [
      { field: 'message', name: 'message' },
      { field: 'asctime', name: '@timestamp' },
    ],
  ],
  [
    'LOG_FORMAT',
    'message,levelname',
    c => c.log.jsonFields?.map(({ field }) => field),
    ['message', 'levelname'],
  ],
  ['LOG_DATEFORMAT', '%H', c => c.log.dateformat, '%H'],
  ['LOG_STATIC_FIELDS', 'app: db, n: 5', c => c.log.staticFields, { app: 'db', n: 5 }],
  ['LOG_STATIC_FIELDS', '{app: db}', c => c.log.staticFields, { app: 'db' }],
  ['LOG_DIR', '/var/log/x', c => c.log.dir, '/var/log/x'],
  ['LOG_MODE', '0644', c => c.log.mode, 0o644],
  ['LOG_FILE_SIZE', '1000', c => c.log.fileSize, 1000],
  ['LOG_FILE_NUM', '7', c => c.log.fileNum, 7],
  ['LOG_DEDUPLICATE_HEARTBEAT_LOGS', 'on', c => c.log.deduplicateHeartbeatLogs, true],
  ['LOGLEVEL', 'ERROR', c => c.log.level, 'ERROR'],
  ['LOGFORMAT', '%(name)s', c => c.log.format, '%(name)s'],
  ['LOG_DATEFMT', '%M', c => c.log.dateformat, '%M'],
  ['RESTAPI_LISTEN', '[::1]:8009', c => c.restapi.listen, { host: '::1', port: 8009 }],
  ['RESTAPI_CONNECT_ADDRESS', 'pg9:443', c => c.restapi.connectAddress, { host: 'pg9', port: 443 }],
  ['RESTAPI_CERTFILE', '/c', c => c.restapi.tls?.certfile, '/c'],
  ['RESTAPI_ALLOWLIST', '10.0.0.0/8, host1', c => c.restapi.allowlist, ['10.0.0.0/8', 'host1']],
  ['RESTAPI_ALLOWLIST', '["10.0.0.0/8", host1]', c => c.restapi.allowlist, ['10.0.0.0/8', 'host1']],
  ['RESTAPI_ALLOWLIST_INCLUDE_MEMBERS', 'true', c => c.restapi.allowlistIncludeMembers, true],
  [
    'RESTAPI_HTTP_EXTRA_HEADERS',
    'X-A: "1", X-B: b',
    c => c.restapi.httpExtraHeaders,
    { 'X-A': '1', 'X-B': 'b' },
  ],
  [
    'RESTAPI_HTTPS_EXTRA_HEADERS',
    '{Strict-Transport-Security: max-age=1}',
    c => c.restapi.httpsExtraHeaders,
    { 'Strict-Transport-Security': 'max-age=1' },
  ],
  ['RESTAPI_SERVER_TOKENS', 'Minimal', c => c.restapi.serverTokens, 'minimal'],
  ['CTL_INSECURE', 'yes', c => c.ctl.insecure, true],
  ['CTL_CACERT', '/ca', c => c.ctl.cacert, '/ca'],
  ['CTL_CERTFILE', '/c', c => c.ctl.certfile, '/c'],
  ['CTL_KEYFILE_PASSWORD', 'p', c => c.ctl.keyfilePassword, 'p'],
  [
    'POSTGRESQL_LISTEN',
    '10.0.0.5,10.0.0.6:5555',
    c => [c.postgresql.listenAddresses, c.postgresql.port],
    ['10.0.0.5,10.0.0.6', 5555],
  ],
  ['POSTGRESQL_CONNECT_ADDRESS', 'pg9:1', c => c.postgresql.connectAddress, { host: 'pg9', port: 1 }],
  ['POSTGRESQL_PROXY_ADDRESS', 'pool:6432', c => c.postgresql.proxyAddress, { host: 'pool', port: 6432 }],
  ['POSTGRESQL_CONFIG_DIR', '/etc/pg/', c => c.postgresql.configDir, '/etc/pg'],
  ['POSTGRESQL_DATA_DIR', '/data/', c => c.postgresql.dataDir, '/data'],
  ['POSTGRESQL_PGPASS', '/p', c => c.postgresql.pgpass, '/p'],
  ['POSTGRESQL_BIN_DIR', '/b', c => c.postgresql.binDir, '/b'],
  ...['pg_ctl', 'initdb', 'pg_controldata', 'pg_basebackup', 'postgres', 'pg_isready', 'pg_rewind'].map(
    program =>
      [
        `POSTGRESQL_BIN_${program.toUpperCase()}`,
        'my',
        (c: AgentConfig) => c.postgresql.binNames,
        { [program]: 'my' },
      ] as const,
  ),
  ...(['superuser', 'replication', 'rewind'] as const).flatMap(account => [
    [
      `${account.toUpperCase()}_USERNAME`,
      'u1',
      (c: AgentConfig) => c.postgresql.authentication[account]?.username,
      'u1',
    ] as const,
  ]),
  ...(['superuser', 'replication'] as const).flatMap(account => [
    [
      `${account.toUpperCase()}_PASSWORD`,
      '0123',
      (c: AgentConfig) => c.postgresql.authentication[account]?.password,
      '0123',
    ] as const,
    ...[
      ...['sslcert', 'sslkey', 'sslpassword', 'sslrootcert', 'sslcrl', 'sslcrldir'].map(key => [key, 'v']),
      ...[
        ['sslmode', 'require'],
        ['gssencmode', 'disable'],
        ['channel_binding', 'require'],
        ['sslnegotiation', 'direct'],
      ],
    ].map(
      ([key = '', value = '']) =>
        [
          `${account.toUpperCase()}_${key.toUpperCase()}`,
          value,
          (c: AgentConfig) => c.postgresql.authentication[account]?.options,
          { [key]: value },
        ] as const,
    ),
  ]),
  [
    'ETCD3_HOSTS',
    "'e1:1','e2:2'",
    c => c.etcd.endpoints,
    [
      { host: 'e1', port: 1 },
      { host: 'e2', port: 2 },
    ],
  ],
  [
    'ETCD3_HOSTS',
    '[::1]:1,e2',
    c => c.etcd.endpoints,
    [
      { host: '::1', port: 1 },
      { host: 'e2', port: 2379 },
    ],
  ],
  ['ETCD3_HOSTS', '- e1\n- e2:2', c => c.etcd.endpoints.length, 2],
  ['ETCD3_PORT', '2390', c => c.etcd.endpoints, [{ host: '10.0.0.9', port: 2379 }]],
  ['ETCD3_USE_PROXIES', 'on', c => c.etcd.endpoints.length, 1],
  ['ETCD3_PROTOCOL', 'https', c => c.etcd.tls, { ca: null, cert: null, key: null }],
  [
    'ETCD3_URL',
    'https://u:p@e:1',
    c => c.etcd,
    {
      endpoints: [{ host: 'e', port: 1 }],
      tls: { ca: null, cert: null, key: null },
      credentials: { username: 'u', password: 'p' },
    },
  ],
  ['ETCD3_HOST', 'ignored-because-of-hosts', c => c.etcd.endpoints, [{ host: '10.0.0.9', port: 2379 }]],
]

test.each(EFFECTS)('PATRONI_%s=%s', async (name, text, see, expected) => {
  const result = await readText(COMPLETE, { [`PATRONI_${name}`]: text })
  expect(see(configOf(result))).toEqual(expected)
  expect(warningsOf(result)).toEqual([])
})

// Variables that only make sense together.
test.each<[Record<string, string>, (config: AgentConfig) => unknown, unknown]>([
  [
    { RESTAPI_USERNAME: 'u', RESTAPI_PASSWORD: 'p' },
    c => [c.restapi.credentials, c.ctl.credentials],
    Array(2).fill({ username: 'u', password: 'p' }),
  ],
  [
    { CTL_USERNAME: 'u', CTL_PASSWORD: 'p' },
    c => [c.restapi.credentials, c.ctl.credentials],
    [null, { username: 'u', password: 'p' }],
  ],
  [{ CTL_CERTFILE: '/c', CTL_KEYFILE: '/k' }, c => c.ctl.keyfile, '/k'],
  [
    {
      RESTAPI_CERTFILE: '/c',
      RESTAPI_KEYFILE: '/k',
      RESTAPI_KEYFILE_PASSWORD: 'p',
      RESTAPI_CAFILE: '/ca',
      RESTAPI_CIPHERS: 'HIGH',
      RESTAPI_VERIFY_CLIENT: 'required',
    },
    c => [c.restapi.tls, c.restapi.verifyClient, c.ctl.cacert],
    [
      { certfile: '/c', keyfile: '/k', keyfilePassword: 'p', cafile: '/ca', ciphers: 'HIGH' },
      'required',
      '/ca',
    ],
  ],
  [{ ETCD3_USERNAME: 'u', ETCD3_PASSWORD: 'p' }, c => c.etcd.credentials, { username: 'u', password: 'p' }],
  [
    { ETCD3_PROTOCOL: 'https', ETCD3_CACERT: '/ca', ETCD3_CERT: '/c', ETCD3_KEY: '/k' },
    c => c.etcd.tls,
    { ca: '/ca', cert: '/c', key: '/k' },
  ],
  [
    { ETCD3_HOSTS: 'a,b:1', ETCD3_PORT: '2' },
    c => c.etcd.endpoints,
    [
      { host: 'a', port: 2 },
      { host: 'b', port: 1 },
    ],
  ],
  [
    { REWIND_USERNAME: 'u', REWIND_PASSWORD: 'p', REWIND_SSLMODE: 'require' },
    c => c.postgresql.authentication.rewind,
    { username: 'u', password: 'p', options: { sslmode: 'require' } },
  ],
])('%j', async (env, see, expected) => {
  const prefixed = Object.fromEntries(Object.entries(env).map(([name, text]) => [`PATRONI_${name}`, text]))
  expect(see(configOf(await readText(COMPLETE, prefixed)))).toEqual(expected)
})
