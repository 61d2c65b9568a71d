// What a failed command says and advises when etcd did answer, but serves nobody. The texts are etcd's own, as
// test/adapters/etcd/auth.test.ts and faults.test.ts see them.

import { expect, test } from 'vitest'
import { describeFailure } from '../../src/terminal/error-table.ts'

const shown = (why: string) => {
  const { message, hint, exit } = describeFailure({ kind: 'store-unreachable', why })
  return [exit, message, hint]
}

test('nobody answers', () => {
  const each = '10.0.0.1:2379 does not answer, 10.0.0.2:2379 refuses connections'
  expect(shown(`etcd did not answer within 3000 ms: ${each}`)).toEqual([
    8,
    `etcd cannot be reached: ${each}`,
    'check the etcd3 section or --dcs-url, and etcd itself: etcdctl endpoint status.',
  ])
})

test('nobody listens', () => {
  expect(shown('127.0.0.1:2379 refuses connections')).toEqual([
    8,
    'etcd cannot be reached: 127.0.0.1:2379 refuses connections',
    'start etcd there, or correct etcd3.hosts or --dcs-url.',
  ])
})

test('a fault of the configuration is one, also when only etcd shows it', () => {
  expect(shown('etcd3.cacert (/etc/ca.crt) cannot be read: there is no such file')).toEqual([
    2,
    'cannot use the configuration: etcd3.cacert (/etc/ca.crt) cannot be read: there is no such file',
    'correct that key, or the file that it names.',
  ])
})

test('somebody may have carried it out', () => {
  const mayBeDone = { what: 'the switchover may have been asked for all the same', look: 'hactl list demo' }
  const { message, hint, exit } = describeFailure({ kind: 'store-unreachable', why: 'no answer', mayBeDone })
  expect([exit, message, hint]).toEqual([
    8,
    'the switchover may have been asked for all the same: no answer',
    'look at it with hactl list demo before you try again.',
  ])
})

test.each([
  [
    'etcd at 127.0.0.1:2379: etcdserver: user name is empty',
    'authentication is on in etcd: set etcd3.username and etcd3.password to a user with rights on the keys.',
  ],
  [
    'etcd at 127.0.0.1:2379: etcdserver: authentication failed, invalid user ID or password',
    'correct etcd3.username and etcd3.password, or PATRONI_ETCD3_USERNAME and PATRONI_ETCD3_PASSWORD.',
  ],
  [
    'etcdserver: permission denied (code 7)',
    'give a role of the user etcd3.username the rights: etcdctl role grant-permission ROLE --prefix=true readwrite /NAMESPACE/SCOPE/',
  ],
])('credentials: %s', (why, hint) => {
  expect(shown(why)).toEqual([8, `etcd answers, but refuses: ${why}`, hint])
})

test('no space left', () => {
  const why = 'etcdserver: mvcc: database space exceeded (code 8)'
  expect(shown(why)).toEqual([
    8,
    `etcd answers, but refuses: ${why}`,
    'etcd takes no writes until there is space: etcdctl alarm list; then etcdctl compact, etcdctl defrag, and etcdctl alarm disarm.',
  ])
})

test('a member where the cluster is to be', () => {
  const { message, hint, exit } = describeFailure({
    ...{ kind: 'cluster-not-found', cluster: 'pg1', similar: [], memberOf: 'demo' },
  })
  expect([exit, message, hint]).toEqual([
    4,
    'pg1 is a member of cluster demo, not a cluster',
    'name the cluster: demo.',
  ])
})
