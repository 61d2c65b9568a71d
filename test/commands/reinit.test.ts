// `hactl reinit`: followed until the copy streams; what ends in another way is a row with its reason.

import { expect, test } from 'vitest'
import { duoForEachTest } from './stage/duo.ts'
import { copies, setMore, tellStarts } from './stage/operated-members.ts'
import { openTerminal } from './stage/terminal.ts'

const duo = duoForEachTest(({ stage, cluster }) => tellStarts(stage, cluster))

const member = (name: string) => duo.cluster.member(name)
const posts = (name: string) =>
  member(name)
    .requests.filter(({ line }) => line === 'POST /reinitialize')
    .map(({ body }) => body)

test('a copy is followed to its end: bytes, rate, source, then streaming', async () => {
  copies(member('pg1'), 'streams')
  const terminal = openTerminal(['reinit', 'duo', 'pg1'], { DCS_URL: duo.stage.url })
  await terminal.until('Are you sure you want to reinitialize members pg1?')
  terminal.type('y\r')
  await terminal.until('pg1: copies from pg0, 1.0 GiB of 4.0 GiB (25 %)')
  await terminal.until('Success: reinitialize for member pg1: streaming after')
  await terminal.until('2.0 GiB copied from pg0')
  expect(await terminal.end()).toBe(0)
  expect(posts('pg1')).toEqual(['{"force":false,"from_leader":false}'])
})

test('a copy whose server does not start is a failure; so is one that nothing comes of', async () => {
  copies(member('pg1'), 'does not start')
  const text = await duo.stage.transcript([
    ['reinit', 'duo', 'pg1', '--force'],
    ['reinit', 'duo', 'pg1', 'pg2', '--force', '--no-wait', '--json'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/reinit-failed.txt')
})

test('one that runs Patroni shows only its state, and is followed all the same', async () => {
  copies(member('pg2'), 'streams', 'Patroni')
  const ran = await duo.stage.hactl(['reinit', 'duo', 'pg2', '--force', '--from-leader', '--json'])
  expect([ran.code, JSON.parse(ran.stdout).members]).toMatchObject([0, [{ member: 'pg2', outcome: 'done' }]])
  expect(posts('pg2')).toEqual(['{"force":true,"from_leader":true}'])
})

test('never the leader, nobody unnamed, nobody unknown; dead and frozen are rows', async () => {
  await member('pg1').close()
  member('pg2').hung = true
  const text = await duo.stage.transcript([
    ['reinit', 'duo', 'pg0', '--force'],
    ['reinit', 'duo', '--force'],
    ['reinit', 'duo', 'pg9', '--force'],
    ['reinit', 'duo', 'pg1', 'pg2', '--force'],
  ])
  await expect(text.replace(/within \d+ ms/g, 'within N ms')).toMatchFileSnapshot(
    'transcripts/reinit-refused.txt',
  )
})

test('something in progress: asked on a terminal, a conflict without one', async () => {
  member('pg1').onLine = async (line, body) => {
    if (line !== 'POST /reinitialize') return null
    return body.includes('"force":true')
      ? [200, 'reinitialize started']
      : [503, 'restart already in progress']
  }
  const terminal = openTerminal(['reinit', 'duo', '--no-wait'], { DCS_URL: duo.stage.url })
  await terminal.until('Which member do you want to reinitialize [pg1, pg2]?')
  terminal.type('pg1\r')
  await terminal.until('Are you sure')
  terminal.type('y\r')
  await terminal.until('restart already in progress. Do you want to cancel it')
  terminal.type('y\r')
  expect(await terminal.end()).toBe(0)
  expect(posts('pg1')).toEqual(['{"force":false,"from_leader":false}', '{"force":true,"from_leader":false}'])
})

test('a time limit, and an agent that falls silent: it goes on, or nobody knows', async () => {
  copies(member('pg1'), 'goes on')
  const late = await duo.stage.hactl(['reinit', 'duo', 'pg1', '--force', '--timeout', '3'])
  expect([late.code, late.stderr]).toEqual([
    6,
    expect.stringContaining('not within 3 s, it goes on: creating replica'),
  ])
  await setMore(duo.stage, member('pg2'), {})
  copies(member('pg2'), 'falls silent')
  const silent = await duo.stage.hactl(['reinit', 'duo', 'pg2', '--force', '--timeout', '6'])
  expect([silent.code, silent.stderr]).toEqual([6, expect.stringContaining('its agent fell silent')])
})
