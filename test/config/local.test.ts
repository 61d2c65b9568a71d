// The configuration of a node: where it comes from, what wins, and what is said about everything that is wrong.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readLocalConfig } from '../../src/config/node-config.ts'
import { brief, COMPLETE, configOf, directory, errorsOf, readText, warningsOf, withMore } from './sample.ts'

test('a complete configuration is read without a word', async () => {
  const result = await readText(COMPLETE)
  expect(warningsOf(result)).toEqual([])
  expect(configOf(result)).toMatchObject({
    scope: 'batman',
    namespace: 'service',
    name: 'pg1',
    restapi: {
      listen: { host: '10.0.0.1', port: 8008 },
      connectAddress: { host: '10.0.0.1', port: 8008 },
      credentials: null,
      tls: null,
    },
    etcd: { endpoints: [{ host: '10.0.0.9', port: 2379 }], tls: null, credentials: null },
    bootstrap: { dcs: { ttl: 30 } },
    postgresql: {
      listenAddresses: '10.0.0.1',
      port: 5432,
      connectAddress: { host: '10.0.0.1', port: 5432 },
      dataDir: '/var/lib/postgresql/data',
      configDir: '/var/lib/postgresql/data',
      pgpass: '/home/postgres/pgpass',
      authentication: {
        superuser: { username: 'postgres', password: 'secret-super', options: {} },
        replication: { username: 'replicator', password: 'secret-repl', options: {} },
        rewind: null,
      },
      pgCtlTimeoutMs: 60_000,
    },
    watchdog: { mode: 'automatic', device: '/dev/watchdog', driver: 'default', safetyMarginMs: 5000 },
    stateDirectory: '/var/lib/postgresql/data.hactl',
  })
})

describe('sources', () => {
  test('all files of a directory are merged in the order of their names; lists are replaced, null deletes', async () => {
    const path = await directory()
    await writeFile(join(path, '10-base.yml'), withMore('tags: {a: 1, b: 2}\nlog: {level: DEBUG}'))
    await writeFile(join(path, '20-site.yaml'), 'tags: {b: null, c: 3}\netcd3: {hosts: [a, b]}\n')
    await writeFile(join(path, '30-other.txt'), 'name: wrong\n')
    const result = await readLocalConfig({ path, env: {} })
    expect(configOf(result)).toMatchObject({
      name: 'pg1',
      tags: { published: { a: 1, c: 3 } },
      etcd: { endpoints: [{ host: 'a' }, { host: 'b' }] },
      log: { level: 'DEBUG' },
    })
  })

  test('a problem in a directory names its own file', async () => {
    const path = await directory()
    await writeFile(join(path, 'a.yml'), COMPLETE)
    await writeFile(join(path, 'b.yml'), 'log:\n  level: LOUD\n')
    const result = await readLocalConfig({ path, env: {} })
    expect(result).toMatchObject({
      ok: false,
      errors: [{ place: { kind: 'file', file: join(path, 'b.yml'), line: 2 }, path: 'log.level' }],
    })
  })

  test.each<[string, string | null, string[]]>([
    ['an empty file', '', ['is empty']],
    ['a list', '- a\n', ['is not a mapping (key: value)']],
    ['a text', 'hello\n', ['is not a mapping (key: value)']],
    ['only comments', '# nothing\n', ['is empty']],
    [
      'broken YAML',
      'name: [1\n',
      [
        '2: is not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]',
      ],
    ],
    ['an empty mapping', '{}\n', ['the configuration is empty']],
    ['too large', `# ${'x'.repeat(1024 * 1024)}\n`, ['is larger than 1048576 bytes']],
  ])('%s is refused', async (_what, text, errors) => {
    expect(errorsOf(await readText(text ?? ''))).toEqual(errors)
  })

  test('a directory without YAML, a missing file, something that is no file', async () => {
    const path = await directory()
    expect(errorsOf(await readLocalConfig({ path, env: {} }))).toEqual(['has no *.yml or *.yaml file'])
    expect(errorsOf(await readLocalConfig({ path: join(path, 'none.yml'), env: {} }))).toEqual([
      'does not exist',
    ])
    expect(errorsOf(await readLocalConfig({ path: '/dev/null', env: {} }))).toEqual([
      'is neither a file nor a directory',
    ])
    expect(errorsOf(await readLocalConfig({ path: null, env: {} }))).toEqual(['the configuration is empty'])
  })

  test('PATRONI_CONFIGURATION replaces a missing file, and then other variables do not count', async () => {
    const env = { PATRONI_CONFIGURATION: COMPLETE, PATRONI_NAME: 'other' }
    const result = await readLocalConfig({ path: '/nowhere/hactl.yml', env })
    expect(configOf(result).name).toBe('pg1')
    expect(warningsOf(result)).toEqual(['does not exist; the configuration comes from the environment alone'])
    expect(configOf(await readLocalConfig({ path: null, env })).name).toBe('pg1')
  })

  test('a file that exists wins over PATRONI_CONFIGURATION, a variable wins over the file', async () => {
    const result = await readText(COMPLETE, { PATRONI_CONFIGURATION: 'name: third', PATRONI_NAME: 'other' })
    expect(configOf(result).name).toBe('other')
  })
})

test('everything that is wrong is told at once, each with its line', async () => {
  const result = await readText(`
name: a/b
namespace: /
restapi:
  listen: nowhere:port
  verify_client: required
  authentication: {username: admin}
log: {level: LOUD, file_num: many}
postgresql:
  listen: "*,10.0.0.1:5432"
  use_pg_rewind: perhaps
  authentication:
    rewind: {password: x}
bootstrap:
  initdb: [pgdata: /x]
  users: {bob: {password: zalando, options: [createdb]}}
  dcs: {ttl: abc, postgresql: {parameters: [1]}}
consul: {host: x}
tags: {failover_priority: high}
`)
  expect(errorsOf(result)).toEqual([
    '5: restapi.listen: "nowhere:port" has a port that is not a number from 1 to 65535',
    '8: log.level: "LOUD" is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL',
    '8: log.file_num: "many" is not an integer (units are not read here)',
    '10: postgresql.listen: "*,10.0.0.1:5432" has * beside other hosts; * must stand alone',
    '11: postgresql.use_pg_rewind: "perhaps" is not a boolean (on, off, true, false, yes, no, 1, 0)',
    '15: bootstrap.initdb: has options that hactl sets itself: pgdata',
    'scope: is missing',
    '9: postgresql.data_dir: is missing',
    '2: name: has a slash, which would break the keys in etcd',
    '3: namespace: is empty',
    '18: consul: is not supported: hactl works with etcd, not with consul',
    '7: restapi.authentication.username: is set without a password',
    '6: restapi.verify_client: is required, but restapi.certfile and restapi.cafile are not set',
    '12: postgresql.authentication.replication.username: is missing',
    '13: postgresql.authentication.rewind.username: is missing',
    '19: tags.failover_priority: is not an integer',
    '17: bootstrap.dcs.ttl: "abc" is not an integer (units are not read here)',
    '17: bootstrap.dcs.postgresql.parameters: is not a mapping (name: value)',
  ])
})

describe('names', () => {
  test.each<[string, string]>([
    ['__patroni_strict_sync_replica_placeholder__', 'name: is reserved'],
    ['__PATRONI_strict_sync_replica_placeholder__', 'name: is reserved'],
    ['"a\\tb"', 'name: has a control character'],
    ['" a"', 'name: begins or ends with a blank'],
    ['""', 'name: is empty'],
    ['a/b', 'name: has a slash, which would break the keys in etcd'],
    ['[a]', 'name: is not text'],
  ])('%s is refused', async (name, message) => {
    const [error] = errorsOf(await readText(COMPLETE.replace('name: pg1', `name: ${name}`)))
    expect(error).toContain(message)
  })

  test('a number is taken as text, with a warning; a boolean is not', async () => {
    const number = await readText(COMPLETE.replace('name: pg1', 'name: 5'))
    expect(configOf(number).name).toBe('5')
    expect(warningsOf(number)).toEqual(['2: name: is a number, taken as text; put it in quotes'])
    const truth = await readText(COMPLETE.replace('name: pg1', 'name: on'))
    expect(errorsOf(truth)).toEqual([
      '2: name: true is not text: YAML reads on, off, yes and no as booleans; put it in quotes',
    ])
  })
})

describe('paths and addresses', () => {
  test('a relative path counts from the working directory, a slash at the end goes', async () => {
    const result = configOf(await readText(COMPLETE.replace('/var/lib/postgresql/data', 'some/data/')))
    expect(result.postgresql.dataDir).toBe(join(process.cwd(), 'some/data'))
  })

  test.each<[string, object]>([
    ['"*:5433"', { listenAddresses: '*', port: 5433, connectAddress: { host: 'localhost', port: 5433 } }],
    [
      '10.0.0.1,127.0.0.1:5433',
      { listenAddresses: '10.0.0.1,127.0.0.1', connectAddress: { host: 'localhost', port: 5433 } },
    ],
    [
      '10.0.0.1,10.0.0.2:5433',
      { listenAddresses: '10.0.0.1,10.0.0.2', connectAddress: { host: '10.0.0.1', port: 5433 } },
    ],
    [
      '"[fd00::1],[fd00::2]:5433"',
      { listenAddresses: 'fd00::1,fd00::2', port: 5433, connectAddress: { host: 'fd00::1', port: 5433 } },
    ],
    ['db1', { listenAddresses: 'db1', port: 5432 }],
  ])('postgresql.listen %s', async (listen, expected) => {
    const result = await readText(COMPLETE.replace('listen: 10.0.0.1:5432', `listen: ${listen}`))
    expect(configOf(result).postgresql).toMatchObject(expected)
  })

  test('an address that nobody else can reach is warned about', async () => {
    const result = await readText(
      COMPLETE.replace('10.0.0.1:8008', '0.0.0.0:8008').replace('10.0.0.1:5432', '"*:5432"'),
    )
    expect(warningsOf(result)).toEqual([
      '10: postgresql.connect_address: is not set, so other members see localhost',
      '3: restapi.connect_address: is 0.0.0.0:8008, taken from restapi.listen: no address that others can reach',
    ])
  })
})

test('no message shows a secret', async () => {
  const secret = 'S3CRET-VALUE'
  const result = await readText(
    `
name: [x]
restapi: {listen: 5, authentication: {password: [${secret}]}, keyfile_password: {a: ${secret}}}
etcd3: {url: "ftp://u:${secret}@h", password: {x: ${secret}}}
postgresql:
  authentication: {replication: {password: [${secret}]}, superuser: {sslpassword: {a: ${secret}}}}
`,
    { PATRONI_REWIND_PASSWORD: secret, PATRONI_ETCD3_PROXY: `http://u:${secret}@h` },
  )
  expect(result.ok).toBe(false)
  expect(errorsOf(result).length).toBeGreaterThan(8)
  expect(JSON.stringify(result)).not.toContain(secret)
  expect(result.warnings.map(brief).join()).not.toContain(secret)
})

test('nor does it show that a secret was read as a boolean', async () => {
  const result = await readText(COMPLETE.replace('password: secret-repl', 'password: on'))
  expect(errorsOf(result)).toEqual([
    '15: postgresql.authentication.replication.password: is not text: YAML reads on, off, yes and no as booleans; put it in quotes',
  ])
})
