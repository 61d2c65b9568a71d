// `drain` and `undrain`: what they note, what they wait for, and what they refuse. That an agent follows the note, see
// test/cluster/drain.test.ts.

import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { LIMIT_MS, until } from '../adapters/etcd/etcd-harness.ts'
import { type FakeCluster, openCluster } from './stage/members.ts'
import { copiesFrom } from './stage/operated-members.ts'
import { violations } from './stage/schema.ts'
import { openStage, type Stage } from './stage/stage.ts'
import { openTerminal } from './stage/terminal.ts'

let stage: Stage
let cluster: FakeCluster

beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())
beforeEach(async () => {
  cluster = await openCluster(stage)
  for (const { name } of cluster.members) await says(name, false)
})
afterEach(() => cluster.close())

/** The member key of an agent that has taken the note over, or its end. */
async function says(name: string, drained: boolean): Promise<void> {
  const member = cluster.member(name)
  const hactl = { version: '1.0.0', ...(drained && { drained: true }) }
  await stage.put(`duo/members/${name}`, { ...member.record(member.now), hactl })
}

const note = async (name: string) => JSON.parse((await stage.get(`duo/hactl/drain/${name}`)) || 'null')

async function transcript(runs: readonly (readonly string[])[]): Promise<string> {
  return stage.transcript(runs, { limitMs: 40_000 })
}

test('a standby is noted as drained, with who, when and why; and again is well', async () => {
  await says('pg1', true)
  const drained = await transcript([
    ['drain', 'duo', 'pg1', '--dry-run'],
    ['drain', 'duo', 'pg1', '--reason', 'kernel update'],
    ['drain', 'duo', 'pg1', '--json'],
  ])
  expect(await note('pg1')).toEqual({
    by: expect.stringMatching(/^\S+@\S+$/),
    at: expect.stringMatching(/Z$/),
    reason: 'kernel update',
  })
  await says('pg1', false)
  const undrained = await transcript([
    ['undrain', 'duo', 'pg1', '--json'],
    ['undrain', 'duo', 'pg1'],
  ])
  expect(await note('pg1')).toBe(null)
  await expect(`${drained}\n${undrained}`).toMatchFileSnapshot('transcripts/drain.txt')
})

test('a leader hands over after it has taken the note over', async () => {
  await says('pg0', true)
  cluster.member('pg0').now = { ...cluster.member('pg0').now, sendsTo: ['pg1'] }
  cluster.member('pg0').onRequest = async () => {
    expect(await note('pg0')).not.toBe(null)
    await cluster.changeLeader('pg0', 'pg1', 'rejoins')
    return [200, 'Successfully switched over to "pg1"']
  }
  const text = await transcript([
    ['drain', 'duo', 'pg0', '--dry-run'],
    ['drain', 'duo', 'pg0'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/drain-leader.txt')
  expect(JSON.parse(await stage.get('duo/failover'))).toEqual({})
})

test('a leader that nobody can take over from is refused, or goes on leading by force', async () => {
  cluster.member('pg0').now = { ...cluster.member('pg0').now, sendsTo: [] }
  const refused = await transcript([
    ['drain', 'duo', 'pg0'],
    ['drain', 'duo', 'pg0', '--json'],
  ])
  expect(await note('pg0')).toBe(null)
  await says('pg0', true)
  const forced = await transcript([['drain', 'duo', 'pg0', '--force']])
  await expect(`${refused}\n${forced}`).toMatchFileSnapshot('transcripts/drain-refused.txt')
  expect(await note('pg0')).not.toBe(null)
})

test('a copy from the leader that the handover would end is said, and --force alone does not end it', async () => {
  await says('pg0', true)
  cluster.member('pg0').now = { ...cluster.member('pg0').now, sendsTo: ['pg1'] }
  await copiesFrom(stage, cluster.member('pg2'), 'pg0')
  const refused = await transcript([
    ['drain', 'duo', 'pg0', '--dry-run'],
    ['drain', 'duo', 'pg0', '--force'],
    ['drain', 'duo', 'pg0', '--json'],
  ])
  expect(await note('pg0')).toBe(null)
  cluster.member('pg0').onRequest = async () => {
    await cluster.changeLeader('pg0', 'pg1', 'rejoins')
    return [200, 'Successfully switched over to "pg1"']
  }
  const accepted = await transcript([['drain', 'duo', 'pg0', '--accept-broken-copy']])
  await expect(`${refused}\n${accepted}`).toMatchFileSnapshot('transcripts/drain-copy.txt')
})

test('a handover that fails leaves the note, and it is said', async () => {
  await says('pg0', true)
  cluster.member('pg0').now = { ...cluster.member('pg0').now, sendsTo: ['pg1'] }
  cluster.member('pg0').onRequest = async () => [412, 'cluster does not like it']
  const ran = await stage.hactl(['drain', 'duo', 'pg0'])
  expect(ran.code).toBe(7)
  expect(ran.stderr).toMatch(
    /pg0 is drained, but still leads: switchover refused: .*HINT: hactl switchover duo/s,
  )
})

test('a frozen member and a dead one are noted and named; what is not waited for is said', async () => {
  cluster.member('pg1').hung = true
  await cluster.member('pg2').close()
  const text = await transcript([
    ['drain', 'duo', 'pg1', '--timeout', '2'],
    ['drain', 'duo', 'pg2', '--timeout', '2', '--json'],
    ['undrain', 'duo', 'pg2', '--no-wait'],
    ['drain', 'duo', 'pg2', '--no-wait'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/drain-silent.txt')
})

test('undrain of a frozen member that never took the drain over does not say that it took anything back', async () => {
  await stage.put('duo/hactl/drain/pg1', { by: 'kim@db9', at: '2026-11-29T23:00:00Z', reason: null })
  cluster.member('pg1').hung = true
  const ran = await stage.hactl(['undrain', 'duo', 'pg1', '--timeout', '2'])
  expect([ran.code, ran.stdout]).toEqual([7, ''])
  expect(ran.stderr).toContain(
    'it is noted in etcd that pg1 is no longer drained, but pg1 has not taken it over: its agent does not answer',
  )
  expect(await note('pg1')).toBe(null)
})

test('Ctrl-C while a member is waited for: exit code 130, and what was noted stays and is said', async () => {
  const env = { DCS_URL: stage.url }
  cluster.member('pg2').hung = true
  const drain = openTerminal(['drain', 'duo', 'pg2'], env)
  await drain.until('drain of pg2: noted; waiting until pg2 has taken it over')
  drain.type('\u0003')
  expect(await drain.end()).toBe(130)
  expect(drain.shown()).toContain(
    'interrupted: it is noted in etcd that pg2 is drained all the same; pg2 has not taken it over yet',
  )
  expect(await note('pg2')).not.toBe(null)
  await says('pg2', true)
  const undrain = openTerminal(['undrain', 'duo', 'pg2', '--json'], env)
  await until('the note is gone', LIMIT_MS, async () => (await note('pg2')) === null)
  undrain.type('\u0003')
  expect(await undrain.end()).toBe(130)
  expect(undrain.shown()).toMatch(
    /"kind": "interrupted",\s+"message": "interrupted: .* no longer drained all the same; pg2 has not .*"exitCode": 130\s/s,
  )
})

test('Ctrl-C while the leader hands over: exit code 130, and what became of the request', async () => {
  await says('pg0', true)
  cluster.member('pg0').now = { ...cluster.member('pg0').now, sendsTo: ['pg1'] }
  cluster.member('pg0').onRequest = async (_action, body) => {
    await stage.put('duo/failover', { leader: body.leader, member: body.candidate })
    return new Promise(() => {})
  }
  const terminal = openTerminal(['drain', 'duo', 'pg0', '--force'], { DCS_URL: stage.url })
  await until('the request', LIMIT_MS, async () => (await stage.get('duo/failover')).includes('pg0'))
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(terminal.shown()).toContain(
    'interrupted: nobody had begun it, and the request was withdrawn; pg0 is drained all the same',
  )
  expect([await stage.get('duo/failover'), await note('pg0')]).toEqual(['{}', expect.anything()])
})

test('unknown names, Patroni, no etcd; the note of a member that is gone can be taken away', async () => {
  const pg2 = cluster.member('pg2')
  await stage.put('duo/members/pg2', pg2.record(pg2.now))
  const reason = 'kernel update'
  await stage.put('duo/hactl/drain/pg1', { by: 'kim@db9', at: '2026-11-29T23:00:00Z', reason })
  await stage.put('duo/hactl/drain/gone', { by: 'kim@db9', at: '2026-11-29T23:00:00Z', reason: null })
  const text = await transcript([
    ['drain', 'duo', 'pg3'],
    ['undrain', 'duo', 'pg3', '--json'],
    ['drain', 'nowhere', 'pg1'],
    ['drain', 'duo', 'pg2'],
    ['drain', 'pg1'],
    ['drain', 'a', 'b', 'c'],
    ['drain'],
    ['list', 'duo', '--no-ask'],
    ['undrain', 'duo', 'gone'],
    ['drain', 'duo', 'pg1', '--dcs-url', 'etcd3://127.0.0.1:1'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/drain-names.txt')
})

test('their JSON has the pinned shape', async () => {
  const schema = JSON.parse(await readFile(new URL('schemas/drain.json', import.meta.url), 'utf8'))
  await says('pg1', true)
  for (const args of [
    ['drain', 'duo', 'pg1'],
    ['drain', 'duo', 'pg0', '--dry-run'],
    ['undrain', 'duo', 'pg1', '--no-wait'],
  ]) {
    const ran = await stage.hactl([...args, '--json'])
    expect([ran.code, ran.stderr]).toEqual([0, ''])
    expect(violations(JSON.parse(ran.stdout), schema)).toEqual([])
  }
})
