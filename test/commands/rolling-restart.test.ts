// `hactl rolling restart`: its order, by which setting it changes, when it does not begin, where it stops, how it goes on.

import { expect, test } from 'vitest'
import { LIMIT_MS, until } from '../adapters/etcd/etcd-harness.ts'
import { duoForEachTest } from './stage/duo.ts'
import {
  copiesFrom,
  doesNotStart,
  handsOver,
  restarts,
  setMore,
  startAnew,
  tellStarts,
} from './stage/operated-members.ts'
import { openTerminal } from './stage/terminal.ts'

const duo = duoForEachTest(async ({ stage, cluster }) => {
  await tellStarts(stage, cluster)
  for (const member of cluster.members) restarts(member)
})

const member = (name: string) => duo.cluster.member(name)
let order: string[] = []
const ROLLING = ['rolling', 'restart', 'duo', '--force'] as const

/** Notes who does what, in the order of time. */
function noteOrder(): void {
  order = []
  for (const each of duo.cluster.members) {
    const answers = each.onLine
    each.onLine = async (line, body) => {
      if (line.startsWith('POST')) order.push(`${each.name} ${line}`)
      return answers(line, body)
    }
  }
}

async function pending(from: string, to: string, ...names: string[]): Promise<void> {
  const reason = { max_connections: { old_value: from, new_value: to } }
  for (const name of names)
    await setMore(duo.stage, member(name), { pending_restart: true, pending_restart_reason: reason })
}

test('standbys first, then the leader hands over and is restarted by that', async () => {
  member('pg2').now = { ...member('pg2').now, location: 50_000_000 }
  handsOver(duo.stage, duo.cluster, 'pg0', 'pg1')
  noteOrder()
  const text = await duo.stage.transcript([[...ROLLING.slice(0, 3), '--dry-run'], ROLLING])
  await expect(text.replace(/after \d+\.\d s/g, 'after N s')).toMatchFileSnapshot(
    'transcripts/rolling-restart.txt',
  )
  expect(order).toEqual(['pg1 POST /restart', 'pg2 POST /restart', 'pg0 POST /switchover'])
})

test('a setting that becomes lower: the leader first, where it is, and the standbys after it', async () => {
  await pending('150', '100', 'pg0', 'pg1', 'pg2')
  member('pg2').now = { ...member('pg2').now, location: 50_000_000 }
  noteOrder()
  const ran = await duo.stage.hactl([...ROLLING, '--pending', '--json'])
  expect([ran.code, JSON.parse(ran.stdout).members]).toMatchObject([
    0,
    [{ member: 'pg0' }, { member: 'pg1' }, { member: 'pg2' }],
  ])
  expect(order).toEqual(['pg0 POST /restart', 'pg1 POST /restart', 'pg2 POST /restart'])
})

test('it does not begin on a cluster that is not healthy', async () => {
  member('pg2').now = { ...member('pg2').now, streaming: false }
  const text = await duo.stage.transcript([ROLLING])
  member('pg2').now = { ...member('pg2').now, streaming: true }
  await duo.stage.put('duo/config', { ttl: 30, pause: true })
  const paused = await duo.stage.hactl(ROLLING)
  await expect(text).toMatchFileSnapshot('transcripts/rolling-restart-refused.txt')
  expect([paused.code, paused.stderr]).toEqual([3, expect.stringContaining('it is in maintenance mode')])
  noteOrder()
  expect(order).toEqual([])
})

test('a copy that a restart or the switchover would end keeps it from beginning', async () => {
  await copiesFrom(duo.stage, member('pg2'), 'pg0')
  const ran = await duo.stage.hactl(ROLLING)
  expect([ran.code, ran.stderr]).toEqual([
    3,
    expect.stringContaining('rolling restart refused: the copy of pg2 from pg0 (54 %) is not done\n'),
  ])
})

test('a copy from the leader that has begun meanwhile keeps the switchover from ending it', async () => {
  member('pg2').now = { ...member('pg2').now, location: 50_000_000 }
  const { stage } = duo
  member('pg2').onLine = async line => {
    if (line !== 'POST /restart') return null
    startAnew(member('pg2'))
    const { now } = member('pg2')
    await copiesFrom(stage, member('pg2'), 'pg0')
    // Its key says that it copies, while the server that it will stop for that still streams.
    member('pg2').now = { ...now, more: { ...now.more, ...member('pg2').now.more } }
    return [200, 'restarted successfully']
  }
  noteOrder()
  const ran = await stage.hactl([...ROLLING, '--json'])
  expect(order).toEqual(['pg1 POST /restart', 'pg2 POST /restart'])
  const { error, members } = JSON.parse(ran.stdout)
  const why = 'the copy of pg2 from pg0 (54 %) would end and begin anew'
  expect([ran.code, error.message, members[2]]).toEqual([
    7,
    `rolling restart: 2 of 3 members done, but pg0: ${why}`,
    { member: 'pg0', outcome: 'refused', why },
  ])
})

test('Ctrl-C: exit code 130, what goes on, what is left, and how to go on', async () => {
  member('pg1').onLine = async line => (line === 'POST /restart' ? new Promise(() => {}) : null)
  const terminal = openTerminal(ROLLING, { DCS_URL: duo.stage.url })
  const isAsked = async () => member('pg1').requests.some(({ line }) => line === 'POST /restart')
  await until('the request', LIMIT_MS, isAsked)
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(terminal.shown()).toMatch(
    /interrupted: pg1 has begun it, and it goes on; pg2, pg0 not begun\s+HINT: .* hactl rolling restart duo --since/,
  )
})

test('it stops at the first failure, exit code 7, and goes on where it stopped', async () => {
  doesNotStart(member('pg2'))
  handsOver(duo.stage, duo.cluster, 'pg0', 'pg1')
  noteOrder()
  const stopped = await duo.stage.hactl(ROLLING)
  expect(stopped.code).toBe(7)
  expect(order).toEqual(['pg1 POST /restart', 'pg2 POST /restart'])
  expect(stopped.stdout).toContain('Not begun: restart for member pg0: pg2 did not come back')
  const again = /then go on with: hactl (rolling restart duo --since \S+)/.exec(stopped.stderr)?.[1]
  startAnew(member('pg2'))
  member('pg2').now = { ...member('pg2').now, location: 50_000_000 }
  order = []
  const ran = await duo.stage.hactl([...(again ?? '').split(' '), '--force', '--json'])
  expect([ran.code, order]).toEqual([0, ['pg0 POST /switchover']])
})

test('--pending: only those that say so; nothing to do is well', async () => {
  await pending('100', '150', 'pg1')
  noteOrder()
  const ran = await duo.stage.hactl([...ROLLING, '--pending'])
  expect([ran.code, order]).toEqual([0, ['pg1 POST /restart']])
  const none = await duo.stage.hactl([...ROLLING, '--pending', '--json'])
  const { members } = JSON.parse(none.stdout)
  expect([none.code, members.map(({ outcome }: { outcome: string }) => outcome)]).toEqual([
    0,
    ['already', 'already', 'already'],
  ])
})
