// Readers and writers of the keys in etcd: exact to the byte for what we write, and unshakeable by what others wrote.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keySpace } from '../../src/dcs/etcd/key-space.ts'
import { revision } from '../../src/model/revision.ts'
import type { LeaseId } from '../../src/model/units.ts'
import { clusterView, type Entry } from '../../src/wire/cluster-view.ts'
import { parseExact, stringifyExact } from '../../src/wire/exact-json.ts'
import { parseFailsafe, serialiseFailsafe } from '../../src/wire/failsafe/key.ts'
import {
  parseConfig,
  parseFailover,
  parseHistory,
  parseInitialize,
  parseLeader,
  parseMember,
  parseStatus,
  parseSync,
  serialiseConfig,
  serialiseFailover,
  serialiseHistory,
  serialiseMember,
  serialiseStatus,
} from '../../src/wire/records.ts'

/** Beyond 2^53, where a double is wrong by some bytes. */
const HUGE = 18_446_744_073_709_551_557n

describe('member', () => {
  // Captured from Patroni 4.1.4 (spec/interfaces.md, Appendix C).
  const captured =
    '{"conn_url":"postgres://127.0.0.1:5433/postgres","api_url":"http://127.0.0.1:8009/patroni","state":"running",' +
    '"role":"replica","version":"4.1.4","xlog_location":67381760,"replay_lsn":67381760,"receive_lsn":67381760,' +
    '"replication_state":"streaming","timeline":1}'

  test('what Patroni wrote is written back byte for byte', () => {
    expect(serialiseMember(parseMember(captured))).toBe(captured)
  })

  test('all fields, in order, with positions beyond 2^53 and unknown fields at the end', () => {
    const text =
      '{"conn_url":"postgres://h:1/db","api_url":"https://h:2/patroni","state":"running","role":"primary",' +
      '"version":"4.1.4","proxy_url":"postgres://p:1/db","checkpoint_after_promote":false,' +
      '"tags":{"clonefrom":true,"failover_priority":"1"},"pending_restart":true,' +
      '"pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"200"}},' +
      `"xlog_location":${HUGE},"timeline":4294967295,` +
      '"scheduled_restart":{"schedule":"2030-01-01T10:00:00+00:00"},"pause":true,"hactl":{"version":"0.1.0"}}'
    const record = parseMember(text)
    expect(record.xlogLocation).toBe(HUGE)
    expect(record.extra).toEqual({ hactl: { version: '0.1.0' } })
    expect(serialiseMember(record)).toBe(text)
  })

  test('empty fields are left out, and extra cannot replace a known field', () => {
    const record = {
      ...parseMember(captured),
      receiveLsn: 0n,
      replayLsn: 0n,
      extra: { state: 'crashed', x: 1 },
    }
    expect(serialiseMember(record)).toBe(
      '{"conn_url":"postgres://127.0.0.1:5433/postgres","api_url":"http://127.0.0.1:8009/patroni","state":"running",' +
        '"role":"replica","version":"4.1.4","xlog_location":67381760,"replication_state":"streaming","timeline":1,"x":1}',
    )
  })

  test('the old role name master reads as primary', () => {
    expect(parseMember('{"role":"master"}').role).toBe('primary')
  })

  test('the legacy form before JSON', () => {
    const url = 'postgres://h:5432/postgres?application_name=http://h:8008/patroni'
    expect(parseMember(url)).toMatchObject({
      connUrl: 'postgres://h:5432/postgres',
      apiUrl: 'http://h:8008/patroni',
    })
  })

  test.each([
    ['null'],
    ['[]'],
    ['"x"'],
    ['{"state":'],
    ['12'],
    [''],
    ['{"state":7,"role":[],"tags":"x","timeline":-1}'],
  ])('broken value %s is a member of which nothing is known', text => {
    const nothing = { connUrl: null, apiUrl: null, state: 'unknown', role: 'unknown', version: null }
    expect(parseMember(text)).toEqual({ ...nothing, tags: {}, extra: {} })
  })
})

describe('status', () => {
  test('positions beyond 2^53 survive', () => {
    const text = `{"optime":${HUGE},"slots":{"pg1":${HUGE},"pg2":5},"retain_slots":["pg1","pg2"]}`
    const status = parseStatus(text)
    expect(status).toEqual({ optime: HUGE, slots: { pg1: HUGE, pg2: 5n }, retainSlots: ['pg1', 'pg2'] })
    expect(serialiseStatus(status)).toBe(text)
  })

  test('empty parts are not written', () => {
    expect(serialiseStatus({ optime: 1n, slots: {}, retainSlots: [] })).toBe('{"optime":1}')
    expect(serialiseStatus({ optime: null, slots: null, retainSlots: null })).toBe('{}')
  })

  test.each([
    ['123', { optime: 123n, slots: null, retainSlots: null }],
    ['{"optime":"123"}', { optime: 123n, slots: null, retainSlots: null }],
    [
      '{"slots":"{\\"a\\":7}","retain_slots":"[\\"a\\"]"}',
      { optime: null, slots: { a: 7n }, retainSlots: ['a'] },
    ],
    ['{"optime":-1,"slots":[],"retain_slots":{}}', { optime: null, slots: null, retainSlots: null }],
    ['{"optime":1.5,"slots":{"a":"x","b":1e400}}', { optime: null, slots: {}, retainSlots: null }],
    ['null', { optime: null, slots: null, retainSlots: null }],
    ['{{', { optime: null, slots: null, retainSlots: null }],
  ])('%s is read leniently', (text, status) => {
    expect(parseStatus(text)).toEqual(status)
  })

  test('any slot name may be looked up: the table has no prototype', () => {
    expect(parseStatus('{"slots":{"a":1}}').slots?.constructor).toBeUndefined()
  })
})

describe('sync', () => {
  test.each([
    ['{"leader":"a","quorum":0,"sync_standby":"b,c"}', { leader: 'a', quorum: 0, standbys: ['b', 'c'] }],
    ['{"leader":"a","quorum":1,"sync_standby":null}', { leader: 'a', quorum: 1, standbys: [] }],
  ])('%s is read', (text, state) => expect(parseSync(text)).toEqual(state))

  test.each(['null', '{}', '{"leader":""}', '{"leader":["a"]}', 'x', '[]'])('%s is the empty state', text => {
    expect(parseSync(text)).toEqual({ leader: null, quorum: 0, standbys: [] })
  })

  test('standbys are trimmed', () => {
    expect(parseSync('{"leader":"a","quorum":"1","sync_standby":"c, b,"}').standbys).toEqual(['c', 'b'])
  })
})

describe('failover', () => {
  test.each([
    '{"leader":"a","member":"b"}',
    '{"member":"b"}',
    '{"leader":"a","scheduled_at":"2030-01-01T10:00:00+00:00"}',
    '{"leader":"a","hactl":{"id":"x","requested_by":"hactl on h","requested_at":"2030-01-01T10:00:00.000Z","valid_until":"2030-01-01T10:01:00.000Z","begun_by":"a"}}',
    '{}',
  ])('%s is written back', text => expect(serialiseFailover(parseFailover(text))).toBe(text))

  test('the scheduled instant is understood only with its zone', () => {
    const at = (text: string) => parseFailover(`{"leader":"a","scheduled_at":"${text}"}`)?.scheduledAt?.wallMs
    expect(at('2030-01-01T10:00:00+01:00')).toBe(Date.UTC(2030, 0, 1, 9))
    expect(at('2030-01-01T10:00:00.123456+00:00')).toBe(Date.UTC(2030, 0, 1, 10, 0, 0, 123))
    expect(at('2030-01-01T10:00:00')).toBeNull()
    expect(at('tomorrow')).toBeNull()
  })

  test('etcd and the REST API read the same instant in the same text, and none in a day that does not exist', () => {
    const at = (text: string) => parseFailover(`{"leader":"a","scheduled_at":"${text}"}`)?.scheduledAt?.wallMs
    expect(at('2030-01-01 10:00:00+01:00')).toBe(Date.UTC(2030, 0, 1, 9))
    expect(at('20300101T1000Z')).toBe(Date.UTC(2030, 0, 1, 10))
    expect(at('2030-02-31T10:00:00Z')).toBeNull()
    expect(at('2030-01-01T24:00:00Z')).toBeNull()
  })

  test('the legacy form leader:member', () => {
    expect(parseFailover('a:b')).toEqual({ leader: 'a', candidate: 'b', scheduledAt: null })
    expect(parseFailover(':b')).toEqual({ leader: null, candidate: 'b', scheduledAt: null })
    expect(parseFailover('a:')).toEqual({ leader: 'a', candidate: null, scheduledAt: null })
  })

  test.each([
    '',
    ':',
    'null',
    '[]',
    '{"leader":null}',
    '{"scheduled_at":"2030-01-01T10:00:00Z"}',
    '{"leader":{}}',
    '{"a":',
  ])('%s is no request', text => expect(parseFailover(text)).toBeNull())
})

describe('history, failsafe, config, initialize, leader', () => {
  test('history keeps what another writer put behind the five columns', () => {
    const text =
      '[[1,25000000,"why","2026-11-22T11:26:35+00:00","pg1",{"site":"dc1"}],[2,25000100,"why","","",7]]'
    expect(serialiseHistory(parseHistory(text) ?? [])).toBe(text)
  })

  test('history', () => {
    const text = `[[1,25000000,"no recovery target specified"],[2,${HUGE},"x","2026-11-22T12:00:00+00:00","a"]]`
    const lines = parseHistory(text)
    expect(lines?.[1]).toEqual({
      timeline: 2,
      lsn: HUGE,
      reason: 'x',
      timestamp: '2026-11-22T12:00:00+00:00',
      leader: 'a',
    })
    expect(serialiseHistory(lines ?? [])).toBe(text)
    expect(parseHistory('[]')).toEqual([])
    expect(parseHistory('[1,null,["a"],[0,1,"x"],[1,"2","y"]]')).toEqual([
      { timeline: 1, lsn: 2n, reason: 'y' },
    ])
    expect(parseHistory('{}')).toBeNull()
    expect(parseHistory('null')).toBeNull()
  })

  test('failsafe', () => {
    const text = '{"a":"http://a:8008/patroni","b":"http://b:8008/patroni"}'
    expect({ ...parseFailsafe(text) }).toEqual(JSON.parse(text))
    expect(serialiseFailsafe(parseFailsafe(text) ?? {})).toBe(text)
    expect(parseFailsafe('{"a":7}')).toBeNull()
    expect(parseFailsafe('[]')).toBeNull()
    expect(parseFailsafe('{}')?.toString).toBeUndefined()
  })

  test('config', () => {
    const text = '{"ttl":30,"postgresql":{"parameters":{"max_connections":100}},"x":[1,2.5,null,true,"é"]}'
    const config = parseConfig(text)
    expect(config.valid && serialiseConfig(config.document)).toBe(text)
    for (const broken of ['', 'null', '[]', '{"a"', '7']) expect(parseConfig(broken).valid).toBe(false)
  })

  test('initialize and leader', () => {
    expect(parseInitialize('')).toBe('')
    expect(parseInitialize('7710955613899059416\n')).toBe('7710955613899059416')
    expect(parseLeader('pg1')).toBe('pg1')
    expect(parseLeader('')).toBeNull()
    expect(parseLeader('a/b')).toBeNull()
    expect(parseLeader('x'.repeat(300))).toBeNull()
  })
})

describe('hostile texts', () => {
  test('__proto__ changes no prototype and is dropped', () => {
    const text = '{"__proto__":{"polluted":true},"tags":{"__proto__":{"polluted":true},"a":1}}'
    const record = parseMember(text)
    expect(Object.keys(record.tags)).toEqual(['a'])
    expect((record.tags as { polluted?: unknown }).polluted).toBeUndefined()
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    const config = parseConfig(text)
    expect(config.valid && Object.getPrototypeOf(config.document)).toBe(Object.prototype)
  })

  test('deep and long texts are refused in little time', () => {
    const startedMs = performance.now()
    expect(parseExact('['.repeat(900_000))).toBeUndefined()
    expect(parseExact(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`)).toBeUndefined()
    expect(parseExact(`"${'x'.repeat(2_000_000)}"`)).toBeUndefined()
    expect(parseExact(`[${'9'.repeat(500_000)}]`)).toBeDefined()
    // Some milliseconds; with work that grows as the square of the length it would be minutes.
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    expect(parseExact('["[[[","\\"[",{"a":"}"}]')).toEqual(['[[[', '"[', { a: '}' }])
  })

  test('any text in any key yields a view', () => {
    const names = [
      'leader',
      'status',
      'failover',
      'history',
      'sync',
      'failsafe',
      'config',
      'initialize',
      'optime/leader',
    ]
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map(json => json.slice(0, -1)),
      fc.bigInt().map(String),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...names, 'members/a', 'members/b/c', 'members/'), text)),
        pairs => {
          const entries = new Map<string, Entry>()
          for (const [key, value] of pairs)
            entries.set(key, { text: value, leaseId: null, modRevision: revision(1) })
          const view = clusterView(entries, revision(1), 'read')
          expect(view.members.length).toBeLessThanOrEqual(1)
          for (const { record } of view.members) expect(parseMember(serialiseMember(record))).toEqual(record)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('integers of any size go through unchanged', () => {
    fc.assert(fc.property(fc.bigInt(), n => stringifyExact(parseExact(`{"n":${n}}`)) === `{"n":${n}}`))
  })
})

describe('view', () => {
  const entry = (text: string, written = 1): Entry => ({
    text,
    leaseId: null,
    modRevision: revision(written),
  })

  test('status wins over optime/leader, which stands in for it', () => {
    const old = clusterView(new Map([['optime/leader', entry('5')]]), revision(1), 'read')
    expect(old.status?.value.optime).toBe(5n)
    const both = new Map([
      ['optime/leader', entry('5')],
      ['status', entry('{"optime":7}')],
    ])
    expect(clusterView(both, revision(1), 'read').status?.value.optime).toBe(7n)
  })

  test('members are sorted; keys of other groups and odd names are not members', () => {
    const keys = [
      'members/b',
      'members/a',
      'members/',
      'members/a/b',
      '0/members/c',
      `members/${'x'.repeat(256)}`,
    ]
    const view = clusterView(new Map(keys.map(key => [key, entry('{}')])), revision(1), 'read')
    expect(view.members.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  describe('of more members than a view shows', () => {
    const ghosts = Array.from({ length: 2000 }, (_, i) => `a${String(i).padStart(4, '0')}`)
    const keys = new Map([
      ...ghosts.map(name => [`members/${name}`, entry('{}')] as const),
      ...['lead', 'own', 'sync', 'from', 'to'].map(name => [`members/${name}`, entry('{}')] as const),
      ['members/zleased', { ...entry('{}'), leaseId: '7' as LeaseId }] as const,
      ['leader', entry('lead')] as const,
      ['sync', entry('{"leader":"lead","sync_standby":"sync"}')] as const,
      ['failover', entry('{"leader":"from","member":"to"}')] as const,
    ])
    const names = (self: string | null) =>
      clusterView(keys, revision(1), 'watch', self).members.map(({ name }) => name)

    test('leader, this node, sync, the names of a request and those on a lease are kept, then by name', () => {
      expect(names('own').slice(994)).toEqual(['from', 'lead', 'own', 'sync', 'to', 'zleased'])
      expect(names('own').slice(0, 994)).toEqual(ghosts.slice(0, 994))
      expect(names(null)).not.toContain('own')
    })

    test('their order of arrival does not matter', () => {
      const reversed = new Map([...keys].reverse())
      expect(clusterView(reversed, revision(1), 'read', 'own').members.map(({ name }) => name)).toEqual(
        names('own'),
      )
    })

    test('what is left out is counted', () => {
      expect(clusterView(keys, revision(1), 'read').leftOutMembers).toBe(1006)
      expect(clusterView(new Map(), revision(1), 'read').leftOutMembers).toBeUndefined()
    })

    test('with more members on a lease than fit, those that are spoken of are kept all the same', () => {
      const leased = new Map(
        [...keys].map(([key, value]) => [
          key,
          key.startsWith('members/a') ? { ...value, leaseId: '8' as LeaseId } : value,
        ]),
      )
      const kept = clusterView(leased, revision(1), 'watch', 'own').members.map(({ name }) => name)
      expect(kept).toHaveLength(1000)
      expect(kept.slice(-5)).toEqual(['from', 'lead', 'own', 'sync', 'to'])
    })
  })

  test('a name with a control character is no member, no drained one and no candidate, and is counted', () => {
    const keys = [
      'members/a',
      'members/a\nb',
      'members/\u001b[31m',
      'members/\u202e',
      'members/',
      'hactl/drain/a\n',
    ]
    const view = clusterView(new Map(keys.map(key => [key, entry('{}')])), revision(1), 'watch')
    expect(view.members.map(({ name }) => name)).toEqual(['a'])
    expect(view.refusedMembers).toBe(4)
    expect(view.drains).toEqual([])
    expect(
      clusterView(new Map([['members/a', entry('{}')]]), revision(1), 'read').refusedMembers,
    ).toBeUndefined()
    const asked = clusterView(
      new Map([['failover', entry('{"leader":"a","member":"b\\u001b[2J"}')]]),
      revision(1),
      'read',
    )
    expect(asked.failover).toBeNull()
    expect(asked.unreadable).toEqual([expect.objectContaining({ why: expect.stringMatching(/member/) })])
  })

  test('an empty leader key is no leader; an empty failover is no request', () => {
    const view = clusterView(
      new Map([
        ['leader', entry('')],
        ['failover', entry('{}')],
      ]),
      revision(1),
      'read',
    )
    expect([view.leader, view.failover]).toEqual([null, null])
  })

  test.each([
    ['{"leader":"a"', 'not JSON, or too large'],
    ['pg2', 'not JSON, or too large'],
    ['["pg2"]', 'not a JSON object'],
    ['{"leader":{}}', 'its leader is not a name'],
    ['{"leader":"a","member":5}', 'its member is not a name'],
    ['{"leader":"a","member":"b/c"}', 'its member is not a name'],
    ['{"member":"b","leader":["a"]}', 'its leader is not a name'],
    ['{"leader":"a","scheduled_at":1900000000}', 'its scheduled_at is not a text'],
    ['{"candidate":"pg2"}', 'it has a field candidate, which this version of hactl does not know'],
    ['{"leader":"a","site":"dc1"}', 'it has a field site, which this version of hactl does not know'],
    ['{"member":"b","hactl":[]}', 'its hactl is not an object'],
    ['{"member":"b","hactl":{"valid_until":"soon"}}', 'its hactl.valid_until is not a time with its zone'],
    [
      '{"member":"b","hactl":{"dry":true}}',
      'it has a field hactl.dry, which this version of hactl does not know',
    ],
    ['{"scheduled_at":"2030-01-01T10:00:00Z"}', 'it names neither a leader nor a member'],
  ])('a failover key that nobody can read is known as such: %s', (text, why) => {
    const view = clusterView(new Map([['failover', entry(text, 17)]]), revision(20), 'watch')
    expect([view.failover, view.unreadable]).toEqual([
      null,
      [{ key: 'failover', modRevision: revision(17), why }],
    ])
  })

  test.each(['', '{}', 'null', ':', '{"leader":null,"member":"","site":null}', '{"member":"b"}', 'a:b'])(
    'a failover key that says nothing, or is understood, is not: %s',
    text =>
      expect(clusterView(new Map([['failover', entry(text)]]), revision(1), 'read').unreadable).toEqual([]),
  )

  test('key names', () => {
    const keys = keySpace('/service/', 'batman')
    expect(keys.prefix).toBe('/service/batman/')
    expect(keys.range.range_end.toString()).toBe('/service/batman0')
    expect(keySpace('a//b', 's').prefix).toBe('/a/b/s/')
    expect(keys.relative(Buffer.from('/service/batman/members/x'))).toBe('members/x')
    expect(keys.relative(Buffer.from('/service/batmanx/leader'))).toBeNull()
  })
})
