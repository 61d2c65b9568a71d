// `pause` and `resume`: they end when every member says that it knows, and name those that do not.

import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeCluster, openCluster } from './stage/members.ts'
import { publishPause, storesPause } from './stage/operated-members.ts'
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
  for (const member of cluster.members) storesPause(stage, cluster, member)
})
afterEach(() => cluster.close())

const config = async () => JSON.parse(await stage.get('duo/config'))

test('it waits until every member knows; what is so already is well', async () => {
  const text = await stage.transcript([
    ['pause', 'duo'],
    ['pause', 'duo'],
    ['resume', 'duo'],
    ['resume', 'duo'],
    ['pause', 'duo', '--json'],
    ['resume', 'duo', '--no-wait'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/pause.txt')
  expect(await config()).toEqual({ ttl: 30, loop_wait: 10, maximum_lag_on_failover: 1048576 })
})

test('a frozen member and one that is gone are named; through another member when the leader is silent', async () => {
  cluster.member('pg0').hung = true
  await stage.delete('duo/members/pg2')
  const options = { limitMs: 20_000 }
  const text = await stage.transcript([['pause', 'duo', '--timeout', '6', '--json']], options)
  await expect(text).toMatchFileSnapshot('transcripts/pause-frozen.txt')
  expect(await config()).toMatchObject({ pause: true })
})

test('Ctrl-C while members are waited for: what was stored stays, and is said', async () => {
  cluster.member('pg2').hung = true
  const pg2 = cluster.member('pg2')
  await stage.put('duo/members/pg2', pg2.record(pg2.now))
  const terminal = openTerminal(['pause', 'duo'], { DCS_URL: stage.url })
  await terminal.until('stored; waiting for ')
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(terminal.shown()).toMatch(
    /interrupted: cluster duo is paused all the same; not recognised yet by .*pg2/,
  )
  expect(await config()).toMatchObject({ pause: true })
})

test('a member that is dead has not recognised the end of a pause that it never saw', async () => {
  await stage.put('duo/config', { ttl: 30, pause: true })
  await publishPause(stage, cluster, true)
  const pg2 = cluster.member('pg2')
  await stage.put('duo/members/pg2', pg2.record(pg2.now))
  await pg2.close()
  const ran = await stage.hactl(['resume', 'duo', '--timeout', '6'])
  expect(ran.code).toBe(7)
  expect(ran.stderr).toMatch(
    /cluster duo is resumed, but not recognised within 6 s by pg2 \(its agent does not answer/,
  )
})

test('the key of a member that ends meanwhile says so', async () => {
  cluster.member('pg0').onLine = async line => {
    if (line !== 'PATCH /config') return null
    await stage.delete('duo/members/pg2')
    await publishPause(stage, cluster, true)
    await stage.delete('duo/members/pg2')
    await stage.put('duo/config', { ...(await config()), pause: true })
    return [200, '{}']
  }
  const ran = await stage.hactl(['pause', 'duo'])
  expect([ran.code, ran.stdout]).toEqual([7, ''])
  expect(ran.stderr).toContain('pg2 (its member key is gone: its agent does not run)')
})

test('straight into etcd when no member answers', async () => {
  await cluster.close()
  const text = await stage.transcript([
    ['pause', 'duo', '--timeout', '6'],
    ['resume', 'duo', '--no-wait', '--json'],
    ['pause', 'duo', '--timeout', '6', '--json'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/pause-dead.txt')
})

test('unknown names, a cluster without configuration, no etcd', async () => {
  await stage.put('bare/initialize', '7710955613899059418')
  const text = await stage.transcript([
    ['pause', 'dou'],
    ['pause', 'bare'],
    ['pause'],
    ['resume', 'dou', '--json'],
    ['pause', 'duo', '--dcs-url', 'etcd3://127.0.0.1:1', '--timeout', '3'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/pause-refused.txt')
})

test('called as patronictl it says and answers what patronictl does', async () => {
  const env = { HACTL_CALLED_AS: 'patronictl' }
  const paused = await stage.hactl(['pause', 'duo', '--wait'], { env })
  expect([paused.code, paused.stdout]).toEqual([
    0,
    "'pause' request sent, waiting until it is recognized by all nodes\nSuccess: cluster management is paused\n",
  ])
  const again = await stage.hactl(['pause', 'duo'], { env })
  expect(again.code).not.toBe(0)
  expect(again.stderr).toContain('Cluster is already paused')
  const resumed = await stage.hactl(['resume', 'duo'], { env })
  expect([resumed.code, resumed.stdout]).toEqual([0, 'Success: cluster management is resumed\n'])
})

test('its JSON has the pinned shape', async () => {
  const schema = JSON.parse(await readFile(new URL('schemas/pause.json', import.meta.url), 'utf8'))
  for (const args of [
    ['pause', 'duo'],
    ['pause', 'duo'],
    ['resume', 'duo', '--no-wait'],
  ]) {
    const ran = await stage.hactl([...args, '--json'])
    expect([ran.code, ran.stderr]).toEqual([0, ''])
    expect(violations(JSON.parse(ran.stdout), schema)).toEqual([])
  }
})
