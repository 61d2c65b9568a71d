// `check` and `wait`: what they call healthy, what they name, and the exit codes that scripts go by.

import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeCluster, openCluster } from './stage/members.ts'
import { violations } from './stage/schema.ts'
import { openStage, type Stage } from './stage/stage.ts'

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

const schema = async (name: string) =>
  JSON.parse(await readFile(new URL(`schemas/${name}.json`, import.meta.url), 'utf8'))

test('a healthy cluster is one line and exit code 0', async () => {
  const text = await stage.transcript([
    ['check', 'duo', '--expect', '3'],
    ['check', 'duo', '--json'],
    ['wait', 'duo', '--for', 'leader', '--for', 'streaming', '--for', 'healthy'],
    ['wait', 'duo', '--for', 'pg1=streaming', '--for', 'pg0=leader', '--for', 'timeline=1', '--json'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/check.txt')
})

test('what is not as it should be is named, and the exit code says whether writes go on', async () => {
  cluster.member('pg2').hung = true
  cluster.member('pg1').now = { ...cluster.member('pg1').now, timeline: 2 }
  await stage.put('duo/config', { ttl: 30, pause: true })
  const degraded = await stage.transcript([['check', 'duo', '--expect', '4', '--max-lag', '1000']])
  cluster.member('pg1').now = { ...cluster.member('pg1').now, streaming: false, state: 'starting' }
  await stage.put('duo/config', { ttl: 30 })
  await cluster.member('pg0').close()
  const down = await stage.transcript([
    ['check', 'duo'],
    ['check', 'duo', '--json'],
  ])
  await expect(`${degraded}\n${down}`).toMatchFileSnapshot('transcripts/check-unhealthy.txt')
})

test('whether a leader whose agent is silent accepts writes is not known, and not said', async () => {
  cluster.member('pg0').hung = true
  const text = await stage.transcript([
    ['check', 'duo', '--timeout', '3'],
    ['wait', 'duo', '--for', 'leader', '--timeout', '2'],
  ])
  expect(text).toContain(
    'pg0: not-writable: leads, but whether it accepts writes is not known: its agent does not answer (no answer within N ms)',
  )
  expect(text).toContain('error: cluster duo is not known to accept writes: 1 finding')
  expect(text).toMatch(/not reached within N s: pg0 leads, but whether it accepts writes is not known/)
  expect(text).not.toContain('does not accept writes')
})

test('a leader whose PostgreSQL does not answer accepts no writes, whatever its health check says', async () => {
  const pg0 = cluster.member('pg0')
  pg0.now = { ...pg0.now, state: 'unknown' }
  const ran = await stage.hactl(['check', 'duo'])
  expect(ran.code).toBe(3)
  expect(ran.stdout).toContain(
    'pg0: not-writable: leads, but does not accept writes: its PostgreSQL does not answer (state unknown)',
  )
})

test('a leader that nothing guards is a finding outside of maintenance mode, and in list', async () => {
  const pg0 = cluster.member('pg0')
  await stage.put('duo/members/pg0', { ...pg0.record(pg0.now), hactl: { version: '1.0.0' } })
  const look = async () => {
    const [checked, listed] = await Promise.all(
      [
        ['check', 'duo', '--json'],
        ['list', 'duo', '--json'],
      ].map(args => stage.hactl(args)),
    )
    const { findings } = JSON.parse(checked?.stdout ?? '')
    const { problemId } = JSON.parse(listed?.stdout ?? '').clusters[0].members[0]
    return [checked?.code, findings.map(({ kind }: { kind: string }) => kind), problemId]
  }
  await stage.put('duo/hactl/guard', { leader: 'pg0', guarded: true })
  expect(await look()).toEqual([0, [], null])
  await stage.put('duo/hactl/guard', { leader: 'pg0', guarded: false })
  expect(await look()).toEqual([7, ['problem'], 'unguarded'])
  const { stdout } = await stage.hactl(['check', 'duo'])
  expect(stdout).toContain(
    '  pg0: problem: it notes in etcd that nothing stops its server when its lease ends, though the cluster is not in maintenance mode\n',
  )
  await stage.put('duo/config', { ttl: 30, pause: true })
  expect(await look()).toEqual([7, ['paused'], null])
  await stage.put('duo/config', { ttl: 30 })
  await stage.put('duo/hactl/guard', { leader: 'pg1', guarded: false })
  expect(await look()).toEqual([0, [], null])
})

test('what members leave open is told, by list too, and is no reason to call a cluster unhealthy', async () => {
  for (const name of ['pg0', 'pg1']) {
    const member = cluster.member(name)
    const warnings = name === 'pg1' ? ['open-api', 'later', 1] : ['open-api']
    await stage.put(`duo/members/${name}`, {
      ...member.record(member.now),
      hactl: { version: '1.0.0', warnings },
    })
  }
  const asked = ['check', 'list'].map(command => [command, 'duo', '--json'])
  const text = await stage.transcript([['check', 'duo'], ['list', 'duo', '--no-ask'], ...asked])
  await expect(text).toMatchFileSnapshot('transcripts/check-warnings.txt')
  const called = { HACTL_CALLED_AS: 'patronictl' }
  expect((await stage.hactl(['list', 'duo'], { env: called })).stdout).not.toContain('Warning')
})

test('a member that is gone is a finding for as long as its slot is kept, unless it is gone for good', async () => {
  const gone = [{ slot: 'pg_9', name: 'pg-9', since: '2026-11-29T17:13:50Z', until: '2026-11-29T17:43:50Z' }]
  const pg0 = cluster.member('pg0')
  await stage.put('duo/members/pg0', { ...pg0.record(pg0.now), hactl: { version: '0.1.0', gone } })
  await stage.put('duo/status', { optime: 67109888, retain_slots: ['pg0', 'pg1', 'pg2', 'pg_9'] })
  const text = await stage.transcript([
    ['check', 'duo'],
    ['check', 'duo', '--without', 'pg-9'],
    ['check', 'duo', '--without', 'pg_8'],
    ['wait', 'duo', '--for', 'healthy', '--timeout', '1'],
    ['version', 'duo'],
    ['version', 'duo', 'pg-9', '--json'],
    ['drain', 'duo', 'pg-9', '--timeout', '1'],
    ['undrain', 'duo', 'pg-9'],
    ['undrain', 'duo', 'pg-9'],
    ['switchover', 'duo', '--candidate', 'pg-9', '--force'],
    ['switchover', 'duo', '--leader', 'pg-9', '--force'],
    ['dsn', 'duo', '--member', 'pg-9'],
  ])
  await stage.delete('duo/status')
  const masked = text.replace(/by \S+@\S+ at \d{4}-[\dT:.-]+Z/g, 'by WHO at WHEN')
  await expect(masked).toMatchFileSnapshot('transcripts/gone.txt')
})

test('a standby that is too far behind is a finding', async () => {
  const ran = await stage.hactl(['check', 'duo', '--max-lag', '1048576'])
  expect(ran.code).toBe(7)
  expect(ran.stdout).toContain('pg2: lag: it is 2097152 bytes behind, more than 1048576')
})

test('in a synchronous mode: who is not there, and when every commit waits', async () => {
  const mode = { ttl: 30, synchronous_mode: true, synchronous_node_count: 2 }
  await stage.put('duo/config', mode)
  await stage.put('duo/sync', { leader: 'pg0', quorum: 0, sync_standby: 'pg1' })
  const few = await stage.transcript([['check', 'duo']])
  await stage.put('duo/sync', { leader: 'pg0', quorum: 0, sync_standby: null })
  const none = await stage.transcript([['check', 'duo']])
  await stage.put('duo/config', { ...mode, synchronous_mode_strict: true })
  const waits = await stage.transcript([
    ['check', 'duo'],
    ['list', 'duo', '--no-ask'],
  ])
  await stage.put('duo/config', { ...mode, synchronous_mode: 'quorum' })
  await stage.put('duo/sync', { leader: 'pg0', quorum: 0, sync_standby: 'pg1,pg2' })
  const well = await stage.transcript([
    ['check', 'duo'],
    ['list', 'duo', '--no-ask'],
  ])
  await expect([few, none, waits, well].join('\n')).toMatchFileSnapshot('transcripts/check-synchronous.txt')
  await stage.delete('duo/sync')
})

test('what hactl does not support yet is a finding where hactl runs, and only there', async () => {
  await stage.put('duo/config', { ttl: 30, failsafe_mode: true })
  expect((await stage.hactl(['check', 'duo'])).code).toBe(0)
  const pg1 = cluster.member('pg1')
  await stage.put('duo/members/pg1', {
    ...pg1.record(pg1.now),
    hactl: { version: '1', problem: 'a full disk' },
  })
  const { code, stdout } = await stage.hactl(['check', 'duo'])
  expect(code).toBe(7)
  expect(stdout).toContain('pg1: problem: a full disk')
  expect(stdout).toContain('cluster: mode: failsafe_mode is on')
})

test('check --wait ends when all is well', async () => {
  const { now } = cluster.member('pg2')
  cluster.member('pg2').now = { ...now, streaming: false }
  const running = stage.hactl(['check', 'duo', '--wait', '25', '--json'])
  await expect.poll(() => cluster.member('pg2').requests.length, { timeout: 20_000 }).toBeGreaterThan(1)
  cluster.member('pg2').now = now
  expect(await running).toMatchObject({ code: 0, stderr: '' })
})

test('what is not reached is said, with exit code 6; names that are not there are waited for and then named', async () => {
  cluster.member('pg1').hung = true
  const text = await stage.transcript([
    ['wait', 'duo', '--for', 'timeline=2', '--for', 'streaming', '--timeout', '1'],
    ['wait', 'duo', '--for', 'pg1=running', '--timeout', '1', '--json'],
    ['wait', 'duo', '--for', 'pg11=running', '--timeout', '1'],
    ['wait', 'nowhere', '--for', 'leader', '--timeout', '1'],
    ['wait', 'duo', '--for', 'leader', '--dcs-url', 'etcd3://127.0.0.1:1'],
    ['wait', 'duo'],
    ['wait', 'duo', '--for', 'pg1=streming'],
    ['check', 'nowhere'],
    ['check', 'duo', '--dcs-url', 'etcd3://127.0.0.1:1'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/wait-in-vain.txt')
})

test('wait ends as soon as it is so', async () => {
  cluster.member('pg1').now = { ...cluster.member('pg1').now, state: 'stopped', streaming: false }
  const running = stage.hactl(['wait', 'duo', '--for', 'pg1=streaming', '--timeout', '25'])
  await expect.poll(() => cluster.member('pg1').requests.length, { timeout: 20_000 }).toBeGreaterThan(1)
  cluster.member('pg1').now = { ...cluster.member('pg1').now, state: 'running', streaming: true }
  expect(await running).toMatchObject({ code: 0, stdout: 'Reached: pg1=streaming\n' })
})

test.each([
  ['check', ['check', 'duo']],
  ['check', ['check', 'duo', '--max-lag', '0']],
  ['wait', ['wait', 'duo', '--for', 'leader']],
])('the JSON of %s has the pinned shape: %j', async (name, args) => {
  const ran = await stage.hactl([...args, '--json'])
  expect(violations(JSON.parse(ran.stdout), await schema(name))).toEqual([])
})
