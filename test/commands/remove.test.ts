// `remove`: deletes the keys of one cluster and of no other, after three answers, and not those of a cluster that lives.

import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { writeDemo } from './stage/clusters.ts'
import { type FakeCluster, openCluster } from './stage/members.ts'
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
  await writeDemo(stage)
  await stage.put('demo/hactl/drain/pg1', { by: 'kim@db1' })
  await stage.put('demo/of_somebody_else', 'x')
  await stage.put('demo2/initialize', '7710955613899059417')
})
afterEach(() => cluster.close())

test('a cluster without living members goes with all of its keys, and no other does', async () => {
  const text = await stage.transcript([
    ['remove', 'demo', '--confirm', 'demo', '--leader', 'pg1'],
    ['remove', 'demo', '--confirm', 'demo2'],
    ['remove', 'demo', '--confirm', 'demo', '--leader', 'pg0'],
    ['remove', 'demo', '--confirm', 'demo'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/remove.txt')
  expect(await stage.get('demo/of_somebody_else')).toBe('')
  expect(await stage.get('demo2/initialize')).toBe('7710955613899059417')
  expect(await stage.get('duo/leader')).toBe('pg0')
})

test('a cluster with living members is refused unless its leader is named', async () => {
  await cluster.member('pg1').close()
  const refused = await stage.transcript([
    ['remove', 'duo', '--confirm', 'duo'],
    ['remove', 'duo', '--confirm', 'duo', '--json'],
    ['remove', 'duo'],
    ['remove', 'dou', '--confirm', 'dou'],
    ['remove'],
    ['remove', 'duo', '--confirm', 'duo', '--dcs-url', 'etcd3://127.0.0.1:1'],
  ])
  expect(await stage.get('duo/leader')).toBe('pg0')
  await stage.delete('duo/leader')
  const leaderless = await stage.transcript([
    ['remove', 'duo', '--confirm', 'duo', '--leader', 'pg0'],
    ['remove', 'duo', '--confirm', 'duo'],
  ])
  expect(await stage.get('duo/initialize')).not.toBe('')
  await stage.put('duo/leader', 'pg0')
  const named = await stage.hactl(['remove', 'duo', '--confirm', 'duo', '--leader', 'pg0', '--json'])
  expect([named.code, named.stderr]).toEqual([0, ''])
  const schema = JSON.parse(await readFile(new URL('schemas/remove.json', import.meta.url), 'utf8'))
  expect(violations(JSON.parse(named.stdout), schema)).toEqual([])
  expect(JSON.parse(named.stdout)).toMatchObject({ removed: true, living: ['pg0', 'pg2'] })
  expect(await stage.get('duo/initialize')).toBe('')
  await expect(`${refused}\n${leaderless}`).toMatchFileSnapshot('transcripts/remove-refused.txt')
})

test('on a terminal it asks three times, and one wrong answer ends it', async () => {
  const env = { DCS_URL: stage.url }
  const wrong = openTerminal(['remove', 'demo'], env)
  await wrong.until('confirm the cluster name')
  wrong.type('demo\r')
  await wrong.until('please type')
  wrong.type('yes\r')
  expect(await wrong.end()).toBe(2)
  const right = openTerminal(['remove', 'demo'], env)
  await right.until('confirm the cluster name')
  right.type('demo\r')
  await right.until('please type')
  right.type('Yes I am aware\r')
  await right.until('specify the leader name')
  expect(await stage.get('demo/leader')).toBe('pg0')
  right.type('pg0\r')
  expect(await right.end()).toBe(0)
  expect(right.shown()).toContain('Cluster demo is removed')
  expect(await stage.get('demo/leader')).toBe('')
})
