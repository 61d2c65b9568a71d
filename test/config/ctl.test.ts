// The configuration of an operator's command: where it is looked for, what -d and -k change, and how little it needs.

import { execFile } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type OperatorConfig, type OperatorResult, readCtlConfig, usualFiles } from '../../src/config/ctl.ts'
import { formatProblem } from '../../src/model/settings/problem.ts'
import { COMPLETE, directory, errorsOf, warningsOf } from './sample.ts'

const NOBODY = { HOME: '/nonexistent' }

function configOf(result: OperatorResult): OperatorConfig {
  if (!result.ok) throw new Error(errorsOf(result).join('\n'))
  return result.config
}

async function fileWith(text: string): Promise<string> {
  const path = join(await directory(), 'patronictl.yaml')
  await writeFile(path, text)
  return path
}

test('the file of an agent tells everything', async () => {
  const path = await fileWith(`${COMPLETE}ctl: {authentication: {username: u, password: p}, insecure: on}\n`)
  expect(configOf(await readCtlConfig({ path, env: NOBODY }))).toEqual({
    scope: 'batman',
    namespace: 'service',
    name: 'pg1',
    etcd: { endpoints: [{ host: '10.0.0.9', port: 2379 }], tls: null, credentials: null },
    ctl: {
      credentials: { username: 'u', password: 'p' },
      insecure: true,
      cacert: null,
      certfile: null,
      keyfile: null,
      keyfilePassword: null,
      expectsTls: false,
      verifyNames: false,
    },
    stateDirectory: '/var/lib/postgresql/data.hactl',
    file: path,
  })
})

test('an address of etcd is enough', async () => {
  const path = await fileWith('etcd3: {host: e1}\n')
  expect(configOf(await readCtlConfig({ path, env: NOBODY }))).toMatchObject({
    scope: null,
    name: null,
    stateDirectory: null,
  })
})

test('nothing else in the file can stop a command', async () => {
  const path = await fileWith(
    'etcd3: {host: e1}\npostgresql: {listen: "a:b:c"}\nlog: {level: LOUD}\nunknown: 1\nbootstrap: {dcs: {ttl: x}}\n',
  )
  const result = await readCtlConfig({ path, env: NOBODY })
  expect(configOf(result).etcd.endpoints).toEqual([{ host: 'e1', port: 2379 }])
  expect(warningsOf(result)).toEqual([])
})

describe('where the file is looked for', () => {
  test('-c, then PATRONICTL_CONFIG_FILE, then the home directory', async () => {
    const [flag, variable] = [
      await fileWith('etcd3: {host: flag}\n'),
      await fileWith('etcd3: {host: variable}\n'),
    ]
    const home = await directory()
    await mkdir(join(home, '.config', 'patroni'), { recursive: true })
    await writeFile(join(home, '.config', 'patroni', 'patronictl.yaml'), 'etcd3: {host: home}\n')
    const env = { HOME: home, PATRONICTL_CONFIG_FILE: variable }
    const hostOf = async (path: string | null, environment: NodeJS.ProcessEnv) =>
      configOf(await readCtlConfig({ path, env: environment })).etcd.endpoints[0]?.host
    expect(await hostOf(flag, env)).toBe('flag')
    expect(await hostOf(null, env)).toBe('variable')
    expect(await hostOf(null, { HOME: home })).toBe('home')
  })

  test('the usual places, in order', () => {
    expect(usualFiles({ HOME: '/h' })).toEqual([
      '/h/.config/patroni/patronictl.yaml',
      '/etc/patroni/patroni.yml',
      '/etc/hactl/hactl.yml',
    ])
    expect(usualFiles({ HOME: '/h', XDG_CONFIG_HOME: '/x' })[0]).toBe('/x/patroni/patronictl.yaml')
  })

  test('a file that may not be read is named, unless something else says where etcd is', async () => {
    const home = await directory()
    const file = join(home, '.config', 'patroni', 'patronictl.yaml')
    await mkdir(join(home, '.config', 'patroni'), { recursive: true })
    // For root every mode can be read; a link to itself cannot.
    await symlink(file, file)
    const unreadable = await readCtlConfig({ path: null, env: { HOME: home } })
    expect(unreadable.ok ? [] : unreadable.errors.map(formatProblem)).toEqual([
      `${file}: cannot be read (ELOOP)`,
    ])
    expect((await readCtlConfig({ path: null, env: { HOME: home }, dcsUrl: 'e1:2379' })).ok).toBe(true)
    const variables = { HOME: home, PATRONI_ETCD3_HOST: 'e1:2379' }
    expect((await readCtlConfig({ path: null, env: variables })).ok).toBe(true)
  })

  test('a file that was named must be there', async () => {
    expect(errorsOf(await readCtlConfig({ path: '/nowhere.yml', env: NOBODY }))).toEqual(['does not exist'])
    const env = { ...NOBODY, PATRONICTL_CONFIG_FILE: '/nowhere.yml' }
    expect(errorsOf(await readCtlConfig({ path: null, env }))).toEqual(['does not exist'])
  })

  test('a directory will do', async () => {
    const path = await directory()
    await writeFile(join(path, 'a.yml'), 'scope: s\n')
    await writeFile(join(path, 'b.yml'), 'etcd3: {host: e}\n')
    expect(configOf(await readCtlConfig({ path, env: NOBODY }))).toMatchObject({
      scope: 's',
      etcd: { endpoints: [{ host: 'e' }] },
    })
  })

  test('variables alone', async () => {
    const env = {
      ...NOBODY,
      PATRONI_ETCD3_HOST: 'e:1',
      PATRONI_SCOPE: 's',
      PATRONI_RESTAPI_USERNAME: 'u',
      PATRONI_RESTAPI_PASSWORD: 'p',
    }
    expect(configOf(await readCtlConfig({ path: null, env }))).toMatchObject({
      scope: 's',
      etcd: { endpoints: [{ host: 'e', port: 1 }] },
      ctl: { credentials: { username: 'u', password: 'p' } },
    })
  })
})

describe('-d and -k', () => {
  test.each<[string, object]>([
    ['e1', { endpoints: ['e1:2379'], namespace: 'service' }],
    ['e1:2380', { endpoints: ['e1:2380'], namespace: 'service' }],
    ['etcd3://e1:2380', { endpoints: ['e1:2380'], namespace: 'service' }],
    ['etcd3://e1/db/', { endpoints: ['e1:2379'], namespace: 'db' }],
    ['e1,e2:1/db', { endpoints: ['e1:2379', 'e2:1'], namespace: 'db' }],
    ['[::1]:2380', { endpoints: ['::1:2380'], namespace: 'service' }],
    [':2380', { endpoints: ['localhost:2380'], namespace: 'service' }],
    ['etcd3://', { endpoints: ['localhost:2379'], namespace: 'service' }],
  ])('-d %s', async (dcsUrl, { endpoints, namespace }: { endpoints?: string[]; namespace?: string }) => {
    const config = configOf(await readCtlConfig({ path: null, env: NOBODY, dcsUrl }))
    expect(config.etcd.endpoints.map(({ host, port }) => `${host}:${port}`)).toEqual(endpoints)
    expect(config.namespace).toBe(namespace)
  })

  test.each<[string, string]>([
    [
      'consul://h',
      'the address of etcd has the scheme consul, which is not supported: hactl works with etcd3 only',
    ],
    [
      'zookeeper://h',
      'the address of etcd has the scheme zookeeper, which is not supported: hactl works with etcd3 only',
    ],
    [
      'foo://h',
      'the address of etcd has the scheme foo, which is not supported: hactl works with etcd3 only',
    ],
    // A password in an argument list is everybody's: there is no form for one, and it is not repeated.
    ['etcd3://u:geheim@h:2379', 'the address of etcd has a host that is not host:port'],
    ['h:port', 'the address of etcd has a host that has a port that is not a number from 1 to 65535'],
  ])('-d %s is refused', async (dcsUrl, error) => {
    expect(errorsOf(await readCtlConfig({ path: null, env: NOBODY, dcsUrl }))).toEqual([error])
  })

  test('-d replaces the stores of the file, DCS_URL does the same, -d wins', async () => {
    const path = await fileWith('scope: s\nconsul: {host: c}\netcd3: {host: e, password: x}\n')
    const env = { ...NOBODY, DCS_URL: 'etcd3://variable' }
    const fromVariable = configOf(await readCtlConfig({ path, env }))
    expect(fromVariable).toMatchObject({
      scope: 's',
      etcd: { endpoints: [{ host: 'variable' }], credentials: null },
    })
    expect(configOf(await readCtlConfig({ path, env, dcsUrl: 'flag' })).etcd.endpoints[0]?.host).toBe('flag')
  })

  test('-d helps when the stores of the file are unusable', async () => {
    const path = await fileWith('etcd3: {host: [a], srv: x}\nscope: s\n')
    expect(configOf(await readCtlConfig({ path, env: NOBODY, dcsUrl: 'e1' })).etcd.endpoints[0]?.host).toBe(
      'e1',
    )
  })

  test('the scheme etcd is read as etcd3, with a warning', async () => {
    const result = await readCtlConfig({ path: null, env: NOBODY, dcsUrl: 'etcd://e1' })
    expect(configOf(result).etcd.endpoints).toEqual([{ host: 'e1', port: 2379 }])
    expect(warningsOf(result)).toEqual([
      'the scheme etcd is read as etcd3: hactl speaks only version 3 of the etcd API',
    ])
  })

  test('-k', async () => {
    const read = async (insecure: boolean) =>
      configOf(await readCtlConfig({ path: null, env: NOBODY, dcsUrl: 'e', insecure })).ctl.insecure
    expect([await read(false), await read(true)]).toEqual([false, true])
  })
})

test.each<[string, string[]]>([
  ['scope: s\n', ['etcd3: is missing: hactl needs to know where etcd is']],
  ['consul: {host: c}\n', ['consul: is not supported: hactl works with etcd, not with consul']],
  [
    'etcd3: {host: [a]}\n',
    ['1: etcd3.host: is not text but a list or a mapping; if text is meant, put it in quotes'],
  ],
  ['etcd3: [a]\n', ['1: etcd3: is not a mapping (key: value)']],
  [
    'x: [1\n',
    [
      '2: is not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ],
  ['', ['is empty']],
])('%j is refused', async (text, errors) => {
  expect(errorsOf(await readCtlConfig({ path: await fileWith(text), env: NOBODY }))).toEqual(errors)
})

describe('the YAML package, which takes 25 ms to load', () => {
  /** Runs readCtlConfig in a process of its own and says whether that package was loaded. */
  async function loadsYaml(source: object): Promise<string> {
    const module = new URL('../../src/config/ctl.ts', import.meta.url).href
    const script = `
      import { createRequire } from 'node:module'
      import { readCtlConfig } from ${JSON.stringify(module)}
      await readCtlConfig(${JSON.stringify(source)})
      const loaded = Object.keys(createRequire(${JSON.stringify(module)}).cache)
      process.stdout.write(String(loaded.some(file => file.includes('/node_modules/yaml/'))))
    `
    const { promise, resolve } = Promise.withResolvers<string>()
    const args = ['--input-type=module', '-e', script]
    execFile(process.execPath, args, { timeout: 20_000 }, (error, stdout) =>
      resolve(error?.message ?? stdout),
    )
    return promise
  }

  test('is not loaded when the command line says where etcd is', async () => {
    expect(await loadsYaml({ path: null, env: NOBODY, dcsUrl: 'e1' })).toBe('false')
  })

  test('is loaded for a file', async () => {
    expect(await loadsYaml({ path: await fileWith('etcd3: {host: e}\n'), env: NOBODY })).toBe('true')
  })
})
