// Patroni's global options before the command, and meanings that must not be mixed up.

import { expect, test } from 'vitest'
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
  ['--version', '--version'],
  ['', ''],
  ['-c', '-c'],
  ['--unknown list', '--unknown list'],
])('%s', (given, expected) => {
  const words = (line: string) => (line === '' ? [] : line.split(' '))
  expect(normaliseArgv(words(given))).toEqual(words(expected))
})
