// A row for each error of spec/ha.md 1.9 and of the catalogue 8.1 that etcd's gRPC interface can answer with.

import { describe, expect, test } from 'vitest'
import {
  failureText,
  mayHaveBeenApplied,
  type Treatment,
  treatmentOf,
} from '../../src/dcs/etcd/call-errors.ts'
import { connectionFault } from '../../src/dcs/etcd/connection-fault.ts'

const rows: readonly (readonly [string, number | null, string, Treatment])[] = [
  ['1.9 unavailable, 8.A7 not the same node again', 14, 'No connection established', 'other-endpoint'],
  ['1.9 8.A1 lessor lost its leader', 2, 'etcdserver: not a primary lessor', 'other-endpoint'],
  ['8.A1 the spelling of etcd', 2, 'not primary lessor', 'other-endpoint'],
  ['1.9 deadline', 4, 'Deadline exceeded after 0.333s', 'other-endpoint'],
  ['1.9 failed precondition', 9, 'etcdserver: re-configuration failed', 'retry-here'],
  ['1.9 lease not found', 5, 'etcdserver: requested lease not found', 'lease-gone'],
  ['1.9 user name is empty', 3, 'etcdserver: user name is empty', 're-authenticate'],
  ['1.9 permission denied', 7, 'etcdserver: permission denied', 're-authenticate'],
  ['1.9 8.A9 8.A13 invalid token', 16, 'etcdserver: invalid auth token', 're-authenticate'],
  [
    '1.9 8.A10 JWT and a changed auth store',
    3,
    'etcdserver: revision of auth store is old',
    're-authenticate',
  ],
  ['8.A2 newer etcd wants a token for keep-alives', 16, 'anything', 're-authenticate'],
  ['1.9 wrong password', 3, 'etcdserver: authentication failed, invalid user ID or password', 'fatal'],
  ['1.9 authentication off', 9, 'etcdserver: authentication is not enabled', 'without-token'],
  ['1.9 other', 3, 'etcdserver: key is not provided', 'give-up'],
  ['8.A3 odd error without code', null, '', 'other-endpoint'],
  ['8.A4 8.A19 endpoints exhausted are not refused', 14, 'etcdserver: no leader', 'other-endpoint'],
  ['8.A20 server shuts down', 14, 'etcdserver: server stopped', 'other-endpoint'],
  ['8.A20 call cancelled by a stopping server', 1, 'context canceled', 'other-endpoint'],
  ['etcd without quorum answers UNKNOWN', 2, 'context deadline exceeded', 'other-endpoint'],
  ['leader election', 14, 'etcdserver: leader changed', 'other-endpoint'],
  [
    'raft too slow',
    14,
    'etcdserver: request timed out, possibly due to previous leader failure',
    'other-endpoint',
  ],
  ['8.A18 name does not resolve', 14, 'Name resolution failed for target dns:x:1', 'other-endpoint'],
  ['overload', 8, 'etcdserver: too many requests', 'retry-here'],
  ['disk quota of etcd', 8, 'etcdserver: mvcc: database space exceeded', 'give-up'],
  ['compacted', 11, 'etcdserver: mvcc: required revision has been compacted', 'compacted'],
  ['member behind', 11, 'etcdserver: mvcc: required revision is a future revision', 'other-endpoint'],
  [
    '8.A5 watch cancelled by a text only',
    null,
    'watch cancelled: etcdserver: permission denied',
    're-authenticate',
  ],
  ['corrupt member', 15, 'etcdserver: corrupt cluster', 'other-endpoint'],
  ['not a gRPC server', 12, 'Received HTTP status code 404', 'give-up'],
]

describe('treatment', () => {
  test.each(rows)('%s', (_name, code, details, treatment) => {
    expect(treatmentOf({ code, details })).toBe(treatment)
  })

  test('every gRPC code has a treatment', () => {
    for (let code = 1; code <= 16; code++) expect(treatmentOf({ code, details: 'x' })).toBeTypeOf('string')
  })
})

test('only a call that may have reached etcd leaves a write unclear', () => {
  expect(mayHaveBeenApplied({ code: 4, details: 'no answer within 300 ms' })).toBe(true)
  expect(mayHaveBeenApplied({ code: 2, details: 'context deadline exceeded' })).toBe(true)
  expect(mayHaveBeenApplied({ code: 14, details: 'Connection dropped' })).toBe(true)
  expect(
    mayHaveBeenApplied({ code: 14, details: 'No connection established. Last error: ECONNREFUSED' }),
  ).toBe(false)
  expect(mayHaveBeenApplied({ code: 16, details: 'etcdserver: invalid auth token' })).toBe(false)
  expect(mayHaveBeenApplied({ code: 5, details: 'etcdserver: requested lease not found' })).toBe(false)
})

test("gRPC's frame around a reason is taken off", () => {
  const text = (reason: string) =>
    failureText({ code: 14, details: `No connection established. Last error: ${reason}. Resolution note: ` })
  expect(text('Error: read ECONNRESET')).toBe('no connection: read ECONNRESET')
  expect(text('Failed to connect (2026-11-29T19:57:54.349Z)')).toBe('no connection: Failed to connect')
})

test('the text for people is one bounded line', () => {
  expect(failureText({ code: 14, details: `a\nb${'x'.repeat(1000)}` })).toMatch(/^a bx{10,200} \(code 14\)$/)
})

describe('what a connection meets', () => {
  const tls = { ca: '/pki/ca.crt', cert: '/pki/own.crt', key: '/pki/own.key' }
  // As gRPC, Node 24 and etcd 3.4 say it.
  const alert = '40DD:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../rec.c:918:'
  test.each([
    ['connect ECONNREFUSED 127.0.0.1:2379', 'e:2379 refuses connections'],
    ['Name resolution failed for target dns:e:2379', 'the name of e:2379 cannot be resolved'],
    ['getaddrinfo ENOTFOUND e', 'the name of e:2379 cannot be resolved'],
    [alert, 'e:2379 does not accept the client certificate etcd3.cert (/pki/own.crt)'],
    ['certificate has expired', 'the certificate of e:2379 has expired'],
    [
      "Hostname/IP does not match certificate's altnames: IP: 10.0.0.1 is not in the cert's list",
      'the certificate of e:2379 is for other names than the one in etcd3.hosts',
    ],
    [
      "EACCES: permission denied, open '/pki/own.key'",
      'etcd3.key (/pki/own.key) cannot be read: permission denied',
    ],
    ['no answer within 300 ms', null],
    ['read ECONNRESET', null],
    ["ENOENT: no such file or directory, open '/elsewhere'", null],
  ])('%s', (details, text) => {
    expect(connectionFault(details, 'e:2379', tls)).toBe(text)
  })
})
