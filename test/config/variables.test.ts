// Variables that are refused, have no effect or are not known, and the list of all of them (spec/interfaces.md, appendix A).

import { describe, expect, test } from 'vitest'
import { readLocalConfig } from '../../src/config/node-config.ts'
import { variables } from '../../src/config/sources/environment.ts'
import { COMPLETE, configOf, errorsOf, readText, warningsOf } from './sample.ts'

test.each<[string, string, string]>([
  [
    'PATRONI_ETCD3_SRV',
    'example.org',
    'PATRONI_ETCD3_SRV: etcd3.srv: is not supported yet by this version of hactl',
  ],
  [
    'PATRONI_ETCD3_SRV_SUFFIX',
    'x',
    'PATRONI_ETCD3_SRV_SUFFIX: etcd3.srv_suffix: is not supported yet by this version of hactl',
  ],
  [
    'PATRONI_ETCD3_PROXY',
    'http://p',
    'PATRONI_ETCD3_PROXY: etcd3.proxy: is not supported yet by this version of hactl',
  ],
  [
    'PATRONI_CONSUL_HOST',
    'h',
    'PATRONI_CONSUL_HOST: consul: is not supported: hactl works with etcd, not with consul',
  ],
  [
    'PATRONI_ZOOKEEPER_HOSTS',
    'h',
    'PATRONI_ZOOKEEPER_HOSTS: zookeeper: is not supported: hactl works with etcd, not with zookeeper',
  ],
  [
    'PATRONI_EXHIBITOR_HOSTS',
    'h',
    'PATRONI_EXHIBITOR_HOSTS: exhibitor: is not supported: hactl works with etcd, not with exhibitor',
  ],
  [
    'PATRONI_KUBERNETES_NAMESPACE',
    'h',
    'PATRONI_KUBERNETES_NAMESPACE: kubernetes: is not supported: hactl works with etcd, not with kubernetes',
  ],
  [
    'PATRONI_RAFT_SELF_ADDR',
    'h',
    'PATRONI_RAFT_SELF_ADDR: raft: is not supported: hactl works with etcd, not with raft',
  ],
  [
    'PATRONI_LOG_FILE_NUM',
    'many',
    'PATRONI_LOG_FILE_NUM: log.file_num: "many" is not an integer (units are not read here)',
  ],
  [
    'PATRONI_CTL_INSECURE',
    'maybe',
    'PATRONI_CTL_INSECURE: ctl.insecure: "maybe" is not a boolean (on, off, true, false, yes, no, 1, 0)',
  ],
  [
    'PATRONI_RESTAPI_HTTP_EXTRA_HEADERS',
    'nonsense: [',
    'PATRONI_RESTAPI_HTTP_EXTRA_HEADERS: restapi.http_extra_headers: is not a mapping (name: value)',
  ],
])('%s=%s is refused', async (name, text, error) => {
  expect(errorsOf(await readText(COMPLETE, { [name]: text }))).toEqual([error])
})

test.each<[string, string, string]>([
  ['PATRONI_THREAD_POOL_SIZE', '9', 'has no effect: hactl has no thread pool'],
  ['PATRONI_THREAD_STACK_SIZE', '1MB', 'has no effect: hactl has no thread pool'],
  ['PATRONI_LOG_TRACEBACK_LEVEL', 'DEBUG', 'has no effect: it belongs to the logging of Python'],
  ['PATRONI_LOG_MAX_QUEUE_SIZE', '9', 'has no effect: it belongs to the logging of Python'],
  ['PATRONI_LOG_LOGGERS', 'a: DEBUG', 'has no effect: it belongs to the logging of Python'],
  ['PATRONI_RESTAPI_REQUEST_QUEUE_SIZE', '9', 'has no effect: the queue of the operating system is used'],
  ['PATRONI_RESTAPI_CONECT_ADDRESS', 'x', 'is not known and has no effect'],
])('%s=%s is warned about', async (name, text, message) => {
  const warnings = warningsOf(await readText(COMPLETE, { [name]: text }))
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain(`${name}: `)
  expect(warnings[0]).toContain(message)
})

test('a misspelt variable is told its right name', async () => {
  const { warnings } = await readText(COMPLETE, {
    PATRONI_POSTGRESQL_BIN_IS_READY: 'x',
    PATRONI_RESTAPI_LISTN: 'y',
  })
  expect(warnings.map(({ hint }) => hint)).toEqual([null, 'Perhaps PATRONI_RESTAPI_LISTEN is meant.'])
})

test('Citus by variables is refused', async () => {
  const result = await readText(COMPLETE, { PATRONI_CITUS_GROUP: '0', PATRONI_CITUS_DATABASE: 'c' })
  expect(errorsOf(result)).toHaveLength(1)
})

test('empty variables count as unset', async () => {
  expect(configOf(await readText(COMPLETE, { PATRONI_NAME: '', PATRONI_RESTAPI_LISTEN: ' ' })).name).toBe(
    'pg1',
  )
})

test('variables alone are a configuration', async () => {
  const env = {
    PATRONI_SCOPE: 's',
    PATRONI_NAME: 'n',
    PATRONI_RESTAPI_LISTEN: 'n:8008',
    PATRONI_ETCD_HOSTS: 'e1,e2',
    PATRONI_POSTGRESQL_LISTEN: 'n:5432',
    PATRONI_POSTGRESQL_DATA_DIR: '/d',
    PATRONI_REPLICATION_USERNAME: 'r',
  }
  const result = await readLocalConfig({ path: null, env })
  const config = configOf(result)
  expect(config.bootstrap).toBeNull()
  expect(config.etcd.endpoints.map(({ host }) => host)).toEqual(['e1', 'e2'])
  expect(warningsOf(result)).toEqual([
    'PATRONI_ETCD_HOSTS: etcd: is read as etcd3: hactl speaks only version 3 of the etcd API',
  ])
})

describe('completeness', () => {
  // Appendix A, spelt out once more so that a name lost from the schema is noticed.
  const account = [
    'USERNAME',
    'PASSWORD',
    'SSLMODE',
    'SSLCERT',
    'SSLKEY',
    'SSLPASSWORD',
    'SSLROOTCERT',
    'SSLCRL',
    'SSLCRLDIR',
    'GSSENCMODE',
    'CHANNEL_BINDING',
    'SSLNEGOTIATION',
  ]
  const etcd = [
    'HOST',
    'HOSTS',
    'PORT',
    'USE_PROXIES',
    'PROTOCOL',
    'SRV',
    'SRV_SUFFIX',
    'URL',
    'PROXY',
    'CACERT',
    'CERT',
    'KEY',
    'USERNAME',
    'PASSWORD',
  ]
  const group = (prefix: string, names: string) =>
    names
      .trim()
      .split(/\s+/)
      .map(name => `${prefix}${name}`)
  const appendix = [
    ...group(
      '',
      'NAME NAMESPACE SCOPE THREAD_POOL_SIZE THREAD_STACK_SIZE LOGLEVEL LOGFORMAT LOG_DATEFMT CITUS_GROUP CITUS_DATABASE',
    ),
    ...group(
      'LOG_',
      'TYPE LEVEL TRACEBACK_LEVEL FORMAT DATEFORMAT STATIC_FIELDS MAX_QUEUE_SIZE DIR MODE FILE_SIZE FILE_NUM LOGGERS DEDUPLICATE_HEARTBEAT_LOGS',
    ),
    ...group(
      'RESTAPI_',
      'LISTEN CONNECT_ADDRESS CERTFILE KEYFILE KEYFILE_PASSWORD CAFILE CIPHERS VERIFY_CLIENT HTTP_EXTRA_HEADERS HTTPS_EXTRA_HEADERS ALLOWLIST ALLOWLIST_INCLUDE_MEMBERS REQUEST_QUEUE_SIZE SERVER_TOKENS USERNAME PASSWORD',
    ),
    ...group('CTL_', 'INSECURE CACERT CERTFILE KEYFILE KEYFILE_PASSWORD USERNAME PASSWORD'),
    ...group(
      'POSTGRESQL_',
      'LISTEN CONNECT_ADDRESS PROXY_ADDRESS CONFIG_DIR DATA_DIR PGPASS BIN_DIR BIN_PG_CTL BIN_INITDB BIN_PG_CONTROLDATA BIN_PG_BASEBACKUP BIN_POSTGRES BIN_PG_ISREADY BIN_PG_REWIND',
    ),
    ...['SUPERUSER_', 'REPLICATION_', 'REWIND_'].flatMap(prefix => account.map(name => `${prefix}${name}`)),
    ...['ETCD3_', 'ETCD_'].flatMap(prefix => etcd.map(name => `${prefix}${name}`)),
  ].map(name => `PATRONI_${name}`)

  const compare = (a: string, b: string) => a.localeCompare(b)

  test('every variable of the appendix is read, and no other one is invented', () => {
    const known = variables().map(({ name }) => name)
    expect(known.filter(name => name.startsWith('PATRONI_')).toSorted(compare)).toEqual(
      appendix.toSorted(compare),
    )
  })
})
