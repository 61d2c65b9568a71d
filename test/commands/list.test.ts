// `list`, `topology`, `history` and `show-config` against a real etcd: what is printed, byte for byte as patronictl
// prints it, and what happens when etcd or the cluster is not there.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEtcd } from '../adapters/etcd/etcd-harness.ts'
import { freePort } from '../adapters/free-port.ts'
import { writeDemo, writeLost, writeNew, writeSick, writeTwo } from './stage/clusters.ts'
import { openCluster } from './stage/members.ts'
import { openStage, runHactl, type Stage } from './stage/stage.ts'
import { openTerminal } from './stage/terminal.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage()
  await Promise.all([writeDemo(stage), writeTwo(stage), writeNew(stage), writeSick(stage), writeLost(stage)])
})
afterAll(() => stage.stop())

test('list shows members as patronictl does', async () => {
  const text = await stage.transcript([
    ['list', 'demo', '--no-ask'],
    ['list', 'two', '--no-ask'],
    ['list', 'new', '--no-ask'],
    ['list', 'demo', '--extended', '--no-ask'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/list.txt')
})

test('list in the formats for programs', async () => {
  const formats = ['tsv', 'json', 'yaml']
  const text = await stage.transcript(
    formats.flatMap(format => [
      ['list', 'demo', 'two', '-f', format],
      ['list', 'new', '-f', format],
    ]),
  )
  await expect(text).toMatchFileSnapshot('transcripts/list-formats.txt')
})

test('topology shows who replicates from whom', async () => {
  const text = await stage.transcript([
    ['topology', 'demo', '--no-ask'],
    ['topology', 'two', '--no-ask'],
    ['topology', 'new', '--no-ask'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/topology.txt')
})

test('history and show-config', async () => {
  const formats = ['pretty', 'tsv', 'json', 'yaml'].map(format => ['history', 'demo', '-f', format])
  const text = await stage.transcript([
    ...formats,
    ['history', 'two'],
    ['history', 'demo', '--json'],
    ['show-config', 'demo'],
    ['show-config', 'new'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/history-and-config.txt')
  const dropIn = await stage.hactl(['history', 'demo'], { env: { HACTL_CALLED_AS: 'patronictl' } })
  expect(
    dropIn.stdout
      .split('\n')[1]
      ?.split('|')
      .map(title => title.trim()),
  ).toEqual(['', 'TL', 'LSN', 'Reason', 'Timestamp', 'New Leader', ''])
})

test('what is wrong with a member is a last column, in each format', async () => {
  const text = await stage.transcript([
    ['list', 'sick', '--no-ask'],
    ['topology', 'sick', '--no-ask'],
    ['list', 'sick', '-f', 'tsv'],
    ['list', 'sick', '-f', 'json'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/list-problems.txt')
  const { stdout } = await stage.hactl(['list', 'sick', '--json', '--no-ask'])
  const { members } = JSON.parse(stdout).clusters[0]
  expect(members.map(({ problemId }: { problemId: string | null }) => problemId)).toEqual([
    'no-answer',
    'no-access',
    'work-failed',
    null,
  ])
})

test('a member that is gone stays for as long as its slot', async () => {
  const text = await stage.transcript([
    ['list', 'lost', '--no-ask'],
    ['topology', 'lost', '--no-ask'],
    ['list', 'lost', '-f', 'tsv'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/list-lost.txt')
  const { stdout } = await stage.hactl(['list', 'lost', '--json', '--no-ask'])
  expect(JSON.parse(stdout).clusters[0].lostMembers).toEqual([
    { name: 'd-2', slot: 'd_2', since: '2026-11-29T17:13:50Z', slotUntil: '2026-11-29T17:43:50Z' },
    { name: null, slot: 'd3', since: null, slotUntil: null },
  ])
})

test('names for the completion of a shell: clusters, then members, and silence when etcd is not there', async () => {
  const { host, port } = stage.etcd.member(0).endpoint
  const complete = async (kind: string, line: string, env = {}) => {
    const { stdout, stderr, code } = await stage.hactl(['complete', kind, line], { env })
    return [code, stderr, ...stdout.split('\n').filter(name => name !== '')]
  }
  const nowhere = { DCS_URL: '' }
  const clusters = [0, '', 'demo', 'lost', 'new', 'sick', 'two']
  // Its budget is a third of a second, which a busy machine may need for something else.
  const told = (kind: string, line: string, env = {}) =>
    expect.poll(() => complete(kind, line, env), { timeout: 30_000 })
  await told('arguments', 'hactl list d').toEqual(clusters)
  await told('arguments', 'hactl list demo ').toEqual(clusters)
  await told('arguments', 'hactl history --format json ').toEqual(clusters)
  const typed = `hactl -d etcd3://${host}:${port} reload demo pg0 `
  await told('arguments', typed, nowhere).toEqual([0, '', 'pg0', 'pg1', 'pg2'])
  await told('members', 'hactl switchover two --candidate ').toEqual([0, '', 'b1', 'b2', 'b3', 'b4'])
  expect(await complete('arguments', 'hactl list ', nowhere)).toEqual([0, ''])
  const refused = { DCS_URL: `etcd3://127.0.0.1:${await freePort()}` }
  expect(await complete('arguments', 'hactl list ', refused)).toEqual([0, ''])
  expect(await complete('members', 'hactl list x --leader ', refused)).toEqual([0, ''])
}, 60_000)

test("hactl's own JSON of a listing", async () => {
  const text = await stage.transcript([['list', 'two', '--json', '--no-ask']])
  await expect(text).toMatchFileSnapshot('transcripts/list-json.txt')
})

test('a member that answers, one that hangs and one that is gone', async () => {
  const cluster = await openCluster(stage)
  try {
    cluster.member('pg1').hung = true
    await cluster.member('pg2').close()
    const text = await stage.transcript([
      ['list', 'duo', '--ask'],
      ['topology', 'duo', '--ask'],
      ['list', 'duo', '-f', 'tsv'],
      ['list', 'duo', '-f', 'tsv', '--ask'],
    ])
    await expect(text).toMatchFileSnapshot('transcripts/list-asks.txt')
    const { stdout } = await stage.hactl(['list', 'duo', '--json'])
    const { members } = JSON.parse(stdout).clusters[0]
    expect(members.map(({ answers }: { answers: boolean }) => answers)).toEqual([true, false, false])
    // Unasked for it is a glance: who does not answer costs half a second, however many there are.
    expect((await stage.hactl(['list', 'duo'])).stdout).toContain('streaming (no answer)')
    const dropIn = { env: { HACTL_CALLED_AS: 'patronictl' } }
    expect((await stage.hactl(['list', 'duo'], dropIn)).stdout).not.toContain('no answer')
  } finally {
    await cluster.close()
    await stage.delete('duo/')
  }
}, 60_000)

test('wrong names and wrong flags', async () => {
  const text = await stage.transcript([
    ['list', 'dmo'],
    ['list', 'demo', 'nowhere', '-f', 'tsv'],
    ['list'],
    ['history', 'dmo', '--json'],
    ['list', 'demo', '--no-such-flag'],
    ['list', 'demo', '--format', 'xml'],
    ['list', 'demo', '--timeout', 'soon'],
    ['show-config', 'demo', 'more'],
    ['lst', 'demo'],
    ['lst', '--json'],
    ['frobnicate'],
    ['manual', 'list'],
    ['list', 'demo', '--watchh'],
    ['agent', '--ruels'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/wrong-usage.txt')
  // Fourteen processes one after the other.
}, 120_000)

test('global options before the command, and the configuration from the environment', async () => {
  const expected = (await stage.hactl(['list', 'demo'])).stdout
  const bare = { DCS_URL: '' }
  const { host, port } = stage.etcd.member(0).endpoint
  const before = await stage.hactl(['-d', stage.url, 'list', 'demo'], { env: bare })
  expect([before.stdout, before.code]).toEqual([expected, 0])
  const variables = { ...bare, PATRONI_SCOPE: 'demo', PATRONI_ETCD3_HOSTS: `${host}:${port}` }
  expect((await stage.hactl(['list'], { env: variables })).stdout).toBe(expected)
})

test("old scripts may have patronictl's exit codes", async () => {
  const env = { HACTL_EXIT_CODES: 'patronictl' }
  expect((await stage.hactl(['list', 'dmo'], { env })).code).toBe(1)
  expect((await stage.hactl(['list', '--bad'], { env })).code).toBe(2)
  expect((await stage.hactl(['list', 'demo'], { env })).code).toBe(0)
})

test('etcd that refuses or hangs: exit code 8 within the time-out', async () => {
  const list = (atPort: number, timeout: string) =>
    runHactl(['list', 'demo', '--timeout', timeout], {
      env: { DCS_URL: `etcd3://127.0.0.1:${atPort}` },
    })
  const hung = createServer(() => {}).listen(0, '127.0.0.1')
  await once(hung, 'listening')
  const { port } = hung.address() as AddressInfo
  const [refused, silent] = await Promise.all([list(await freePort(), '30'), list(port, '2')])
  hung.close()
  expect(refused.code).toBe(8)
  expect(refused.stderr).toMatch(
    /^error: etcd cannot be reached: 127\.0\.0\.1:\d+ refuses connections\nHINT: start etcd there, /,
  )
  // A second; the rest is what a machine under load needs to start a process.
  expect(refused.ms).toBeLessThan(20_000)
  expect(silent.code).toBe(8)
  // Two seconds of waiting; the rest is what a machine under load needs to start a process.
  expect(silent.ms).toBeLessThan(20_000)
})

test('etcd without its JSON gateway is read over gRPC', async () => {
  const bare = await startEtcd({ members: 1, flags: ['--enable-grpc-gateway=false'] })
  try {
    const { host, port } = bare.member(0).endpoint
    await bare.ctl(['put', '/service/demo/initialize', '77'])
    // The gateway has half of the time; what is left must do for gRPC to be loaded and answered.
    const ran = await runHactl(['list', 'demo', '--timeout', '20'], {
      env: { DCS_URL: `etcd3://${host}:${port}` },
    })
    expect([ran.code, ran.stdout.split('\n')[0]?.startsWith('+ Cluster: demo (77) ')]).toEqual([0, true])
  } finally {
    await bare.stop()
  }
})

test('a reader that goes away is no error', async () => {
  const piped = async (command: string) => {
    const line = `'${process.execPath}' bin/dev.js ${command}`
    return promisify(execFile)('bash', ['--norc', '-o', 'pipefail', '-c', line], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { PATH: process.env.PATH ?? '', DCS_URL: stage.url },
    })
  }
  // Rejects unless both ends of the pipe end with 0.
  const list = await piped('list demo two demo two demo two --no-ask | head -1')
  expect([list.stdout.startsWith('+ Cluster: demo'), list.stderr]).toEqual([true, ''])
  for (const command of [
    'list demo --no-ask',
    'list demo --no-ask --watch 0.1',
    'manual',
    '--help',
    'list -h',
  ]) {
    expect([command, await piped(`${command} | true`)]).toEqual([command, { stdout: '', stderr: '' }])
  }
}, 60_000)

test('a disk that is full is said in one sentence, and is no success', async () => {
  const line = `'${process.execPath}' bin/run.js list demo --no-ask >/dev/full; echo "exit code $?"`
  const ran = await promisify(execFile)('bash', ['--norc', '-c', line], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH: process.env.PATH ?? '', DCS_URL: stage.url },
  })
  expect([ran.stdout, ran.stderr.split('\n')]).toEqual([
    'exit code 7\n',
    [
      'error: the result cannot be written to stdout: no space left on device (ENOSPC)',
      'HINT: what was asked for may have been done; see hactl list.',
      '',
    ],
  ])
})

test('--watch 0 is once, as patronictl has it', async () => {
  const ran = await stage.hactl(['list', 'demo', '--no-ask', '--watch', '0'])
  expect([ran.code, ran.stdout.match(/Cluster: demo/g)?.length]).toEqual([0, 1])
})

test('etcd that falls silent: the last table stays on the terminal, with its age', async () => {
  const own = await openStage()
  try {
    await writeDemo(own)
    const terminal = openTerminal(['list', 'demo', '--no-ask', '--watch', '0.2'], { DCS_URL: own.url })
    await terminal.until('Cluster: demo')
    await own.etcd.member(0).freeze()
    await terminal.until(' No answer from etcd: this table is ')
    const lastFrame = terminal.shown().slice(terminal.shown().lastIndexOf('+ Cluster: demo'))
    expect(lastFrame).toContain('| pg2 ')
    terminal.type('\u0003')
    await terminal.end()
  } finally {
    await own.stop()
  }
}, 60_000)

test('--timestamp prints the time first', async () => {
  const { stdout, code } = await stage.hactl(['list', 'demo', '--timestamp'])
  expect(code).toBe(0)
  expect(stdout.split('\n')[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
})
