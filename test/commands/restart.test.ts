// `hactl restart` and `hactl flush`: order, end state, what stops the rest, and each way in which a member can fail to do it.

import { expect, test } from 'vitest'
import { LIMIT_MS, until } from '../adapters/etcd/etcd-harness.ts'
import { duoForEachTest } from './stage/duo.ts'
import { copiesFrom, doesNotStart, restarts, setMore, tellStarts } from './stage/operated-members.ts'
import { openTerminal } from './stage/terminal.ts'

const duo = duoForEachTest(async ({ stage, cluster }) => {
  await tellStarts(stage, cluster)
  for (const member of cluster.members) restarts(member)
})

const member = (name: string) => duo.cluster.member(name)
const asked = () =>
  duo.cluster.members.flatMap(({ name, requests }) =>
    requests.filter(({ line }) => !line.startsWith('GET')).map(({ line, body }) => [name, line, body]),
  )

async function rows(...args: string[]): Promise<readonly unknown[]> {
  const ran = await duo.stage.hactl(['restart', 'duo', '--force', '--json', ...args])
  const { members } = JSON.parse(ran.stdout)
  return [
    ran.code,
    ...members.map((row: { member: string; outcome: string }) => `${row.member} ${row.outcome}`),
  ]
}

test('standbys first, the leader last; each is followed until it serves again', async () => {
  const text = await duo.stage.transcript([
    ['restart', 'duo', '--dry-run'],
    ['restart', 'duo', '--force'],
  ])
  await expect(text.replace(/after \d+\.\d s/g, 'after N s')).toMatchFileSnapshot('transcripts/restart.txt')
  expect(
    asked()
      .map(([name, line]) => `${name} ${line}`)
      .toSorted(),
  ).toEqual(['pg0 POST /restart', 'pg1 POST /restart', 'pg2 POST /restart'])
})

test('only what needs it: --pending, --pg-version, by role, any one', async () => {
  await setMore(duo.stage, member('pg2'), { pending_restart: true, pending_restart_reason: {} })
  expect(await rows('--pending')).toEqual([0, 'pg0 already', 'pg1 already', 'pg2 done'])
  expect(asked()).toEqual([['pg2', 'POST /restart', '{"restart_pending":true}']])
  member('pg1').onLine = async line =>
    line === 'POST /restart' ? [503, 'restart conditions are not satisfied'] : null
  const ran = await duo.stage.hactl(['restart', 'duo', 'pg1', '--force', '--pg-version', '15.4'])
  expect([ran.code, ran.stdout]).toEqual([
    0,
    expect.stringContaining(
      'Nothing to do: restart for member pg1: its PostgreSQL 15.20 is not older than 15.4',
    ),
  ])
  const one = await rows('--any', '-r', 'replica')
  expect(one).toHaveLength(2)
})

test('one that does not come back stops the rest: exit code 7 and what is left', async () => {
  doesNotStart(member('pg1'))
  const text = await duo.stage.transcript([['restart', 'duo', '--force']])
  await expect(text).toMatchFileSnapshot('transcripts/restart-stopped.txt')
  expect(asked().map(([name]) => name)).toEqual(['pg1'])
})

test('dead and frozen members are rows; the others are restarted', async () => {
  await member('pg1').close()
  member('pg2').hung = true
  expect(await rows()).toEqual([7, 'pg1 unreachable', 'pg2 unreachable', 'pg0 done'])
  expect(await rows('pg1')).toEqual([9, 'pg1 unreachable'])
})

test('a member whose key is gone is a row, and nothing rolls without it', async () => {
  await duo.stage.delete('duo/members/pg2')
  await duo.stage.put('duo/status', { optime: 50_000_000, retain_slots: ['pg2'] })
  expect(await rows()).toEqual([7, 'pg2 unreachable', 'pg1 done', 'pg0 done'])
  expect(await rows('pg2')).toEqual([9, 'pg2 unreachable'])
  const rolling = await duo.stage.hactl(['rolling', 'restart', 'duo', '--force'])
  expect([rolling.code, rolling.stderr]).toEqual([
    3,
    expect.stringContaining('rolling restart refused: pg2 is gone'),
  ])
})

test('an agent that freezes meanwhile: it is not waited for without end, and nothing is claimed', async () => {
  member('pg1').onLine = async line => {
    if (line !== 'POST /restart') return null
    member('pg1').hung = true
    return new Promise(() => {})
  }
  const ran = await duo.stage.hactl(['restart', 'duo', 'pg1', '--force'])
  expect(ran.code).toBe(6)
  expect(ran.stderr).toContain('whether it was restarted is not known')
})

test('busy, and an agent that says restarted of the same server', async () => {
  member('pg1').onLine = async line =>
    line === 'POST /restart' ? [503, 'reinitialize already in progress'] : null
  expect(await rows('pg1')).toEqual([5, 'pg1 conflict'])
  member('pg1').onLine = async line => (line === 'POST /restart' ? [200, 'restarted successfully'] : null)
  expect(await rows('pg1')).toEqual([7, 'pg1 failed'])
})

test('scheduled: taken, in the way of another, in the paused state, in the past', async () => {
  const later = ['--scheduled', '2090-01-01T03:00+01:00']
  member('pg1').onLine = async line => (line === 'POST /restart' ? [202, 'Restart scheduled'] : null)
  member('pg2').onLine = async line =>
    line === 'POST /restart' ? [409, 'Another restart is already scheduled'] : null
  const text = await duo.stage.transcript([['restart', 'duo', '-r', 'replica', '--force', ...later]])
  await expect(text).toMatchFileSnapshot('transcripts/restart-scheduled.txt')
  expect(asked()).toContainEqual(['pg1', 'POST /restart', '{"schedule":"2090-01-01T02:00:00+00:00"}'])
  await setMore(duo.stage, member('pg1'), { scheduled_restart: { schedule: '2090-01-01T01:00:00+00:00' } })
  const replaced = await duo.stage.hactl(['restart', 'duo', 'pg1', '--force', '--json', ...later])
  expect([replaced.code, JSON.parse(replaced.stdout).members]).toEqual([
    0,
    [
      {
        ...{ member: 'pg1', outcome: 'scheduled' },
        why: 'scheduled at 2090-01-01T02:00:00+00:00, in place of the restart at 2090-01-01T01:00:00+00:00',
      },
    ],
  ])
  expect(asked().map(([name, line]) => `${name} ${line}`)).toContain('pg1 DELETE /restart')
  member('pg1').onLine = async line => (line === 'POST /restart' ? [503, 'no'] : null)
  const lost = await duo.stage.hactl(['restart', 'duo', 'pg1', '--force', ...later])
  expect([lost.code, lost.stderr]).toEqual([
    3,
    expect.stringContaining('; the restart that was scheduled at 2090-01-01T01:00:00+00:00 is cancelled\n'),
  ])
  await duo.stage.put('duo/config', { ttl: 30, pause: true })
  const paused = await duo.stage.hactl(['restart', 'duo', '--force', ...later])
  expect([paused.code, paused.stderr]).toEqual([
    3,
    expect.stringContaining("can't schedule restart in the paused state"),
  ])
})

test('a copy that the restart of its source would end: said, and --force alone does not end it', async () => {
  await copiesFrom(duo.stage, member('pg2'), 'pg1')
  const text = await duo.stage.transcript([
    ['restart', 'duo', 'pg1', '--force'],
    ['reinit', 'duo', 'pg1', '--force'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/restart-copy.txt')
  expect(asked()).toEqual([])
  const asking = openTerminal(['restart', 'duo', 'pg1', '--scheduled', 'now'], { DCS_URL: duo.stage.url })
  await asking.until('Are you sure')
  expect(asking.shown()).toContain('Note: the copy of pg2 from pg1 (54 %) would end and begin anew')
  asking.type('n\r')
  expect(await asking.end()).toBe(3)
  expect(await rows('pg0')).toEqual([0, 'pg0 done'])
  expect(await rows('pg1', '--accept-broken-copy')).toEqual([0, 'pg1 done'])
})

test('wrong words end before anything is asked', async () => {
  for (const [words, code] of [
    [['restart', 'duo', 'pg9', '--force'], 4],
    [['restart', 'duo', 'pg0', '-r', 'replica', '--force'], 3],
    [['restart', 'duo', '--pg-version', 'abc', '--force'], 2],
    [['restart', 'duo', '--timeout', '0', '--force'], 2],
    [['restart', 'duo'], 2],
  ] as const)
    expect([words, (await duo.stage.hactl(words)).code]).toEqual([words, code])
  expect(asked()).toEqual([])
})

test('on a terminal: when, sure, and which version', async () => {
  const terminal = openTerminal(['restart', 'duo', 'pg1'], { DCS_URL: duo.stage.url })
  await terminal.until('When should the restart take place')
  terminal.type('\r')
  await terminal.until('Are you sure you want to restart members pg1?')
  terminal.type('y\r')
  await terminal.until('Restart if the PostgreSQL version is less than provided')
  terminal.type('\r')
  await terminal.until('Success: restart on member pg1')
  expect(await terminal.end()).toBe(0)
})

test('Ctrl-C while a member restarts: said, and the rest is left', async () => {
  member('pg1').onLine = async line => (line === 'POST /restart' ? new Promise(() => {}) : null)
  const terminal = openTerminal(['restart', 'duo', '-r', 'replica', '--force'], { DCS_URL: duo.stage.url })
  await until('the request', LIMIT_MS, async () => asked().length > 0)
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(terminal.shown()).toContain('pg1: interrupted; its restart may go on')
  expect(asked().map(([name]) => name)).toEqual(['pg1'])
})

test('flush: scheduled restarts, of those that have one', async () => {
  await setMore(duo.stage, member('pg1'), { scheduled_restart: { schedule: '2090-01-01T01:00:00+00:00' } })
  member('pg1').onLine = async line =>
    line === 'DELETE /restart' ? [200, 'scheduled restart deleted'] : null
  const text = await duo.stage.transcript([
    ['flush', 'duo', 'restart', '--force'],
    ['flush', 'duo', 'pg1', 'restart'],
    ['flush', 'duo', 'pg1'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/flush.txt')
})

test('flush: the scheduled switchover, through a member, or in etcd when none answers', async () => {
  const scheduled = { leader: 'pg0', member: 'pg1', scheduled_at: '2090-01-01T03:00:00+00:00' }
  const none = await duo.stage.hactl(['flush', 'duo', 'switchover', '--json'])
  expect([none.code, JSON.parse(none.stdout)]).toMatchObject([0, { outcome: 'already', withdrawn: null }])
  await duo.stage.put('duo/failover', scheduled)
  member('pg0').onLine = async line =>
    line === 'DELETE /switchover' ? [200, 'scheduled switchover deleted'] : null
  const rest = await duo.stage.hactl(['flush', 'duo', 'switchover', '--json'])
  expect([rest.code, JSON.parse(rest.stdout)]).toMatchObject([0, { outcome: 'done', through: 'rest:pg0' }])
  for (const each of duo.cluster.members) each.hung = true
  const etcd = await duo.stage.hactl(['flush', 'duo', 'switchover', '--timeout', '20'])
  expect([etcd.code, etcd.stdout]).toEqual([
    0,
    expect.stringContaining(
      'Success: scheduled switchover deleted: pg0 to pg1 at 2090-01-01T03:00:00+00:00, in etcd itself',
    ),
  ])
  expect(await duo.stage.get('duo/failover')).toBe('{}')
})
