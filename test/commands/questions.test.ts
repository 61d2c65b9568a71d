// The questions of `switchover` and `failover` on a real terminal: their order, their defaults, and Ctrl-C.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeCluster, openCluster } from './stage/members.ts'
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
})
afterEach(() => cluster.close())

const posts = () =>
  cluster.members.flatMap(member => member.requests).filter(({ line }) => line.startsWith('POST'))

test('leader, candidate, time, and only then: sure?', async () => {
  cluster.member('pg0').onRequest = async () => {
    await cluster.changeLeader('pg0', 'pg1', 'rejoins')
    return [200, 'Successfully switched over to "pg1"']
  }
  const terminal = openTerminal(['switchover', 'duo'], { DCS_URL: stage.url })
  await terminal.until('Current cluster topology')
  await terminal.until('Primary')
  terminal.type('\r')
  await terminal.until("Candidate ['pg1', 'pg2']")
  terminal.type('pg1\r')
  await terminal.until('When should the switchover take place')
  terminal.type('\r')
  await terminal.until('Are you sure you want to switchover cluster duo, demoting current leader pg0?')
  expect(posts()).toEqual([])
  terminal.type('y\r')
  await terminal.until('waiting until another member leads')
  await terminal.until('pg1 accepts writes after ')
  await terminal.until('Successfully switched over to "pg1"')
  await terminal.until('pg0 streams from it after ')
  expect(await terminal.end()).toBe(0)
})

test('each answer is judged where it is given, and the ones before it are kept', async () => {
  const terminal = openTerminal(['switchover', 'duo'], { DCS_URL: stage.url })
  await terminal.until('Primary')
  terminal.type('\r')
  await terminal.until("Candidate ['pg1', 'pg2']")
  terminal.type('pg9\r')
  await terminal.until('pg9 cannot take over: did you mean pg1 or pg2?')
  terminal.type('pg1\r')
  await terminal.until('When should the switchover take place')
  terminal.type('tomorrow 3am at noon\r')
  await terminal.until('unable to parse')
  terminal.type('now\r')
  await terminal.until('Are you sure')
  terminal.type('n\r')
  expect(await terminal.end()).toBe(3)
  expect(posts()).toEqual([])
})

test('Ctrl-C at a question: exit code 130, nothing requested', async () => {
  const terminal = openTerminal(['switchover', 'duo'], { DCS_URL: stage.url })
  await terminal.until('Primary')
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(posts()).toEqual([])
})

test('what the parser colours on a terminal is said in the same words', async () => {
  const terminal = openTerminal(['wait', 'duo'], { DCS_URL: stage.url })
  expect(await terminal.end()).toBe(2)
  expect(terminal.shown()).toContain('error: missing required flag --for')
})

test('Ctrl-D at a question is as Ctrl-C', async () => {
  const terminal = openTerminal(['failover', 'duo'], { DCS_URL: stage.url })
  await terminal.until('Candidate')
  terminal.type('\u0004')
  expect(await terminal.end()).toBe(130)
  expect(terminal.shown()).toContain('error: interrupted')
  expect(terminal.shown()).not.toContain('Warning')
})

test('a time and a version that are none are said where restart asks for them', async () => {
  const terminal = openTerminal(['restart', 'duo', 'pg1'], { DCS_URL: stage.url })
  await terminal.until('When should the restart take place')
  terminal.type('25:99\r')
  await terminal.until('unable to parse')
  terminal.type('now\r')
  await terminal.until('Are you sure')
  terminal.type('y\r')
  await terminal.until('less than provided')
  terminal.type('16\r')
  await terminal.until('16 is no version such as 15.4 or 9.6.24')
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(posts()).toEqual([])
})

test('no is the default', async () => {
  const terminal = openTerminal(['failover', 'duo', '--candidate', 'pg1'], { DCS_URL: stage.url })
  await terminal.until('Are you sure you want to failover cluster duo, demoting current leader pg0?')
  terminal.type('\r')
  expect(await terminal.end()).toBe(3)
  expect(terminal.shown()).toContain('error: aborted failover')
  expect(posts()).toEqual([])
})

test('a loss of data can be accepted by answering', async () => {
  await stage.delete('duo/leader')
  await stage.delete('duo/members/pg0')
  cluster.member('pg2').onRequest = async () => {
    await cluster.changeLeader(null, 'pg2', 'stays away')
    return [200, 'Successfully failed over to "pg2"']
  }
  const terminal = openTerminal(['failover', 'duo', '--candidate', 'pg2'], { DCS_URL: stage.url })
  await terminal.until('2097152 bytes of WAL would be lost')
  terminal.type('y\r')
  await terminal.until('Are you sure you want to failover cluster duo?')
  terminal.type('y\r')
  expect(await terminal.end()).toBe(0)
})

test('--watch prints again and again until Ctrl-C', async () => {
  const terminal = openTerminal(['list', 'duo', '--watch', '0.2'], { DCS_URL: stage.url })
  for (let frame = 0; frame < 3; frame += 1) await terminal.until('Cluster: duo')
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
})
