// The addresses of members: the agent, the REST API and the commands take the same host and port out of them, and it is what
// Patroni's urlparse takes. The expected values are Python's, except that an address which nobody can have is none.

import { expect, test } from 'vitest'
import { reportCluster } from '../../src/admin/look/cluster-report.ts'
import { clusterDocument } from '../../src/rest/documents/cluster-document.ts'
import { apiUrlOf, connUrlOf, hostOfApiUrl, parseConnUrl } from '../../src/wire/member-urls.ts'
import { asUpstream } from '../../src/wire/upstream.ts'
import { member, self, settings, view } from '../exhaustive/parts.ts'

test.each([
  ['postgres://10.0.0.1:5433/postgres', '10.0.0.1', 5433],
  ['postgresql://pg1/postgres', 'pg1', 5432],
  ['POSTGRES://h/d', 'h', 5432],
  ['postgres://PG1.Example:5432/x', 'pg1.example', 5432],
  ['postgres://a_b:1/d', 'a_b', 1],
  ['postgres://1.2:5/d', '1.2', 5],
  ['postgres://h:80/x', 'h', 80],
  ['postgres://h:5432?sslmode=x', 'h', 5432],
  ['postgres://h?a=b', 'h', 5432],
  ['postgres://h', 'h', 5432],
  ['postgres://h:/d', 'h', 5432],
  ['postgres://h:0/d', 'h', 5432],
  ['postgres://u:p@h:5433/d', 'h', 5433],
  ['postgres://u:p@ss@h:1/d', 'h', 1],
  ['postgres://[fe80::1]:5433/postgres', 'fe80::1', 5433],
  ['postgres://[::0001]/postgres', '::0001', 5432],
  ['postgres://[FE80::1%Eth0]:1/postgres', 'fe80::1%Eth0', 1],
])('%s', (connUrl, host, port) => {
  expect(parseConnUrl(connUrl)).toEqual({ host, port })
  expect(everywhere(connUrl)).toEqual([`${host} ${port}`])
})

test.each([
  ...[null, '', 'h:5432', 'postgres:///d', 'postgres://:5432/d', 'postgres://h:x/d', 'postgres://h:65536/d'],
  ...['postgres://a b:1/d', 'postgres://::1:5432/d', 'postgres://[h]:1/d', 'http://h:1/patroni'],
])('%s is no address of a PostgreSQL', connUrl => {
  expect(parseConnUrl(connUrl)).toBeNull()
  expect(everywhere(connUrl)).toEqual(['none'])
})

/** What the rules, `hactl list` and `GET /cluster` make of it: one answer, when they agree. */
function everywhere(connUrl: string | null): readonly string[] {
  const published = member('pg2', 'replica', { connUrl })
  const seen = view({ members: [published] })
  if (!seen.known) throw new Error('a view that was made is known')
  const [row] = reportCluster('demo', '/service', seen.value).members
  const [document] = JSON.parse(clusterDocument(seen.value, settings, 'demo')).members
  const places = [asUpstream(published, self, settings), row, document]
  return [...new Set(places.map(place => (place?.host ? `${place.host} ${place.port}` : 'none')))]
}

test.each([
  ['http://10.0.0.1:8008/patroni', '10.0.0.1'],
  ['https://u:p@PG1:8008/patroni', 'pg1'],
  ['http://[::1]:8008/patroni', '::1'],
  ['http://pg1', 'pg1'],
  ['ftp://pg1/patroni', null],
  ['', null],
  [null, null],
])('the host of %s', (apiUrl, host) => expect(hostOfApiUrl(apiUrl)).toBe(host))

test.each([
  { host: '10.0.0.1', port: 5433 },
  { host: 'fe80::1', port: 5432 },
])('%j is read as it was written', place => {
  expect(parseConnUrl(connUrlOf(place, 'postgres'))).toEqual(place)
  expect(hostOfApiUrl(apiUrlOf(place, 'https'))).toBe(place.host)
})
