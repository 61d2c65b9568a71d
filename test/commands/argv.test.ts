// Patroni's global options before the command, and meanings that must not be mixed up.

import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands.ts'
import { normaliseArgv } from '../../src/terminal/argv.ts'

test.each([
  ['list', 'list'],
  ['-c a.yml list demo', 'list --config-file=a.yml demo'],
  ['-ca.yml -k list', 'list --config-file=a.yml --insecure'],
  ['--config-file=a.yml --dcs etcd3://h:1/ns list', 'list --config-file=a.yml --dcs-url=etcd3://h:1/ns'],
  ['-d h:2379 query -c select -d postgres', 'query --dcs-url=h:2379 -c select -d postgres'],
  ['list -f json -c a.yml -d h', 'list -f json -c a.yml -d h'],
  ['--timeout 5 --json list demo', 'list --timeout=5 --json demo'],
  ['--timeout=5 list', 'list --timeout=5'],
  ['-c a.yml --help', '--help'],
  ['-c a.yml help list', 'list --help'],
  ['-kc a.yml list', 'list --insecure --config-file=a.yml'],
  ['-kca.yml list', 'list --insecure --config-file=a.yml'],
  ['-c a.yml rolling restart demo', 'rolling restart --config-file=a.yml demo'],
  ['rolling -c a.yml restart demo', 'rolling restart --config-file=a.yml demo'],
  ['-k rolling --json restart', 'rolling restart --insecure --json'],
  ['rolling -c restart restart restart', 'rolling restart --config-file=restart restart'],
  ['rolling --pending --since now restart demo', 'rolling restart --pending --since now demo'],
  ['rolling restart -c a.yml', 'rolling restart -c a.yml'],
  ['rolling -c a.yml restrat', 'rolling restrat --config-file=a.yml'],
  ['help rolling restart', 'rolling restart --help'],
  ['rolling --help', 'rolling --help'],
  ['rolling', 'rolling'],
  ['--version', '--version'],
  ['', ''],
  ['-c', '-c'],
  ['--unknown list', '--unknown list'],
])('%s', (given, expected) => {
  const words = (line: string) => (line === '' ? [] : line.split(' '))
  expect(normaliseArgv(words(given))).toEqual(words(expected))
})

test.each(Object.keys(COMMANDS))('global options before, between and behind the words of %s', id => {
  const [first = '', ...second] = id.split(':')
  const words = [first, ...second]
  expect(normaliseArgv(['-k', '-c', 'a.yml', ...words, 'x'])).toEqual([
    ...words,
    '--insecure',
    '--config-file=a.yml',
    'x',
  ])
  expect(normaliseArgv([...words, '-c', 'a.yml'])).toEqual([...words, '-c', 'a.yml'])
  if (second.length === 0) return
  expect(normaliseArgv(['-k', first, '-c', 'a.yml', ...second, 'x'])).toEqual([
    ...words,
    '--insecure',
    '--config-file=a.yml',
    'x',
  ])
})
