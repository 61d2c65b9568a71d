// What a failed command says and advises when etcd did answer, but serves nobody. The texts are etcd's own, as
// test/adapters/etcd-auth.test.ts and etcd-faults.test.ts see them.

import { expect, test } from 'vitest'
import { describeFailure } from '../../src/terminal/errors.ts'

const shown = (why: string) => {
  const { message, hint, exit } = describeFailure({ kind: 'etcd-unreachable', why })
  return [exit, message, hint]
}

test('nobody answers', () => {
  expect(shown('etcd did not answer within 3000 ms: connect ECONNREFUSED 127.0.0.1:2379')).toEqual([
    8,
    'etcd cannot be reached: etcd did not answer within 3000 ms: connect ECONNREFUSED 127.0.0.1:2379',
    'check the etcd3 section or --dcs-url, and etcd itself: etcdctl endpoint status.',
  ])
})

test('somebody may have carried it out', () => {
  const mayBeDone = { what: 'the switchover may have been asked for all the same', look: 'hactl list demo' }
  const { message, hint, exit } = describeFailure({ kind: 'etcd-unreachable', why: 'no answer', mayBeDone })
  expect([exit, message, hint]).toEqual([
    8,
    'the switchover may have been asked for all the same: no answer',
    'look at it with hactl list demo before you try again.',
  ])
})

test.each([
  ['etcd at 127.0.0.1:2379: etcdserver: user name is empty'],
  ['etcd at 127.0.0.1:2379: etcdserver: authentication failed, invalid user ID or password'],
  ['etcdserver: permission denied (code 7)'],
])('credentials: %s', why => {
  expect(shown(why)).toEqual([
    8,
    `etcd answers, but refuses: ${why}`,
    'authentication is on in etcd: set etcd3.username and etcd3.password in the file (--config-file) to a user with rights on the keys.',
  ])
})

test('no space left', () => {
  const why = 'etcdserver: mvcc: database space exceeded (code 8)'
  expect(shown(why)).toEqual([
    8,
    `etcd answers, but refuses: ${why}`,
    'etcd takes no writes until there is space: etcdctl alarm list; then etcdctl compact, etcdctl defrag, and etcdctl alarm disarm.',
  ])
})
