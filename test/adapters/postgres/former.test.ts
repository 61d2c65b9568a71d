// What earlier servers of a node have left is found by more than the data directory, and nothing is taken for the node's own
// server only because a file says so.

import { execFileSync } from 'node:child_process'
import { cp, readFile, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FormerView } from '../../../src/model/server/postgres.ts'
import type { ShutdownPosition } from '../../../src/model/server/progress.ts'
import type { Postgres } from '../../../src/ports/postgres.ts'
import { FormerServers } from '../../../src/postgres/server/former.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { listProcesses } from '../../../src/system/proc.ts'
import {
  BIN_DIR,
  type Lab,
  type Node,
  ok,
  openLab,
  runAs,
  sessionAt,
  signalIdle,
  until,
} from './postgres-harness.ts'

/** A checkpoint or the next segment of WAL may put a file where one has just gone. */
const whileItsChildrenWrite = { recursive: true, maxRetries: 10 } as const

let lab: Lab
let count = 0

beforeAll(async () => {
  lab = await openLab()
})

afterAll(() => lab.close())

/** As a former agent leaves it: no child of this process. */
async function leftRunning(): Promise<Node> {
  const node = await lab.primary(`left${++count}`)
  await node.stop()
  const user = runAs === undefined ? [] : [`--reuid=${runAs.uid}`, `--regid=${runAs.gid}`, '--clear-groups']
  const start = [`${BIN_DIR}/pg_ctl`, '-D', node.directory, '-l', `${node.directory}.log`, '-w', 'start']
  execFileSync('setpriv', [...user, ...start], { cwd: '/', stdio: 'ignore', timeout: 40_000 })
  // Its agent saw it, which notes it for the next one.
  await until('it is noted', async () => (await former(node.again())).sameData.known)
  await node.server()
  return node
}

const former = async (postgres: Postgres): Promise<FormerView> => (await postgres.look(5000)).former

async function orphansOf(postgres: Postgres): Promise<readonly number[] | string> {
  const { orphans } = await former(postgres)
  return orphans.known ? orphans.value.map(({ pid }) => pid) : orphans.why
}

const FAST = { mode: 'fast', checkpoint: false, timeoutMs: 20_000 } as const

const pidIn = async (directory: string): Promise<number> =>
  Number((await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n')[0])

function checkpointIn(directory: string): string {
  const text = execFileSync(join(BIN_DIR, 'pg_controldata'), [directory], { encoding: 'utf8' })
  return /Latest checkpoint location: +(\S+)/.exec(text)?.[1] ?? 'none'
}

test('a server whose data directory was renamed is found with its backends, and stopped', async () => {
  const node = await leftRunning()
  const postmaster = await node.pid()
  const session = await sessionAt(node.config.port)
  const backend = (await session.query('select pg_backend_pid() as pid')).rows[0].pid
  await rename(node.directory, `${node.directory}.old`)
  const next = node.again()
  const view = await next.look(5000)
  expect(view).toMatchObject({ dataDirectory: { kind: 'empty' }, process: { kind: 'stopped' } })
  expect(view.former.sameData).toMatchObject({ known: true, value: false })
  expect(await orphansOf(next)).toEqual(expect.arrayContaining([postmaster, backend]))
  const places = view.former.orphans.known ? view.former.orphans.value.map(({ directory }) => directory) : []
  expect([...new Set(places)]).toEqual([`${node.directory}.old`])
  ok(await next.stopOrphans(signalIdle()))
  expect(await orphansOf(next)).toEqual([])
  await session.end().catch(() => {})
})

test('a server that this agent has just started is no former one, also before it is known which one it is', async () => {
  const node = await lab.primary(`left${++count}`)
  const places = { dataDir: node.directory, stateDirectory: `${node.directory}.hactl` }
  const early = new FormerServers(places, 'postgres', systemClock(), () => {})
  expect((await early.view(null)).orphans).toMatchObject({
    known: false,
    why: 'a server is just starting in the data directory',
  })
  expect(await early.find(null)).toEqual([])
  await node.stop()
  expect((await early.view(null)).orphans).toMatchObject({ known: true, value: [] })
})

test('one of its own whose directory was put aside is a former one, with its children', async () => {
  const node = await lab.primary(`left${++count}`)
  const postmaster = await node.pid()
  const places = { dataDir: node.directory, stateDirectory: `${node.directory}.hactl` }
  await rename(node.directory, `${node.directory}.old`)
  const { orphans } = await new FormerServers(places, 'postgres', systemClock(), () => {}).view(null)
  expect(orphans.known && orphans.value.map(({ pid }) => pid)).toContain(postmaster)
  await rename(`${node.directory}.old`, node.directory)
  await node.stop()
})

test('also without the state directory; when it has gone by itself, nothing proves that none runs', async () => {
  const node = await leftRunning()
  const postmaster = await node.pid()
  await rename(node.directory, `${node.directory}.old`)
  await rename(`${node.directory}.hactl`, `${node.directory}.hactl.old`)
  const next = node.again()
  expect(await orphansOf(next)).toContain(postmaster)
  process.kill(postmaster, 'SIGQUIT')
  const gone = async () => !(await listProcesses()).some(({ pid }) => pid === postmaster)
  await until('it has gone', gone)
  expect(await orphansOf(next)).toEqual([])
  expect(await orphansOf(node.again())).toBe('none is recorded in the state directory')
})

test('a deleted directory, and a postmaster that is stopped: its command line and its record tell, SIGKILL ends it', async () => {
  const node = await leftRunning()
  const postmaster = await node.pid()
  process.kill(postmaster, 'SIGSTOP')
  await rm(node.directory, whileItsChildrenWrite)
  const next = node.again()
  expect(await orphansOf(next)).toContain(postmaster)
  ok(await next.stopOrphans(signalIdle()))
  expect(await orphansOf(next)).toEqual([])
})

test('a backend that outlived its postmaster in the directory itself is one of them', async () => {
  const node = await leftRunning()
  const session = await sessionAt(node.config.port)
  const backend = (await session.query('select pg_backend_pid() as pid')).rows[0].pid
  process.kill(backend, 'SIGSTOP')
  process.kill(await node.pid(), 'SIGKILL')
  const next = node.again()
  await until('only it is left', async () => `${await orphansOf(next)}` === `${backend}`)
  expect((await former(next)).sameData).toMatchObject({ value: true })
  ok(await next.stopOrphans(signalIdle()))
  expect(await orphansOf(next)).toEqual([])
  await session.end().catch(() => {})
})

test('a directory that cannot be looked into is not other data: whose it is is not known', async () => {
  const node = await leftRunning()
  const inner = join(node.directory, 'global')
  await rename(inner, `${inner}.away`)
  try {
    // Root may read everything; a link to itself nobody can follow.
    await symlink(inner, inner)
    const { sameData } = await former(node.again())
    expect(sameData).toMatchObject({ known: false, why: expect.stringContaining('ELOOP') })
  } finally {
    await rm(inner)
    await rename(`${inner}.away`, inner)
  }
  expect((await former(node.again())).sameData).toMatchObject({ known: true, value: true })
})

test('a copy of the files in the same place is other data, also with the pid file of the server that runs', async () => {
  const node = await leftRunning()
  const postmaster = await node.pid()
  await cp(node.directory, `${node.directory}.copy`, { recursive: true, preserveTimestamps: true })
  await rename(node.directory, `${node.directory}.led`)
  await rename(`${node.directory}.copy`, node.directory)
  const next = node.again()
  const view = await next.look(5000)
  expect(view).toMatchObject({ dataDirectory: { kind: 'present' }, process: { kind: 'stopped' } })
  expect(view.former.sameData).toMatchObject({ known: true, value: false })
  expect(await orphansOf(next)).toContain(postmaster)
  ok(await next.stopOrphans(signalIdle()))
})

test('another server, named with its start time in postmaster.pid, is not our own', async () => {
  const [node, other] = [await lab.primary('named'), await leftRunning()]
  await node.stop()
  await cp(join(other.directory, 'postmaster.pid'), join(node.directory, 'postmaster.pid'))
  const next = node.again()
  expect((await next.look(5000)).process).toEqual({ kind: 'stopped' })
  expect(await orphansOf(next)).toEqual([])
  expect(await other.pid()).toBeGreaterThan(0)
})

test('without its pid file, a server that works in the directory is the directory’s own', async () => {
  const node = await leftRunning()
  const postmaster = await node.pid()
  await rm(join(node.directory, 'postmaster.pid'))
  const view = await node.again().look(5000)
  expect(view.process).toMatchObject({ kind: 'running', identity: { pid: postmaster } })
  expect(view.former.orphans).toMatchObject({ known: true, value: [] })
})

test('a port that is taken: who holds it is said', async () => {
  const holder = await leftRunning()
  const node = await lab.node('late', { port: holder.config.port })
  ok(await node.postgres.initdb(signalIdle(), () => {}))
  const started = node.start().catch((error: Error) => error.message)
  expect(await started).toContain(
    `port ${node.config.port} is held by postgres (pid ${await holder.pid()}, in ${holder.directory})`,
  )
})

/** An older backup of a server that was shut down lies where the server, which goes on, has its directory by name. */
async function replacedUnderIt(): Promise<Node> {
  const node = await lab.primary(`left${++count}`)
  await node.stop()
  execFileSync('cp', ['-a', node.directory, `${node.directory}.copy`])
  await node.start()
  const session = await sessionAt(node.config.port)
  await session.query('create table written_since (n int)')
  await session.end()
  await node.server()
  await rename(node.directory, `${node.directory}.led`)
  await rename(`${node.directory}.copy`, node.directory)
  return node
}

test('a server whose directory was replaced says where it works, and nobody takes an old position for its last one', async () => {
  const node = await replacedUnderIt()
  const view = await node.postgres.look(5000)
  expect(view.process).toMatchObject({
    kind: 'running',
    identity: { pid: await pidIn(`${node.directory}.led`) },
  })
  expect(view.former).toMatchObject({
    orphans: { known: true, value: [] },
    sameData: { known: true, value: false },
    runsOutside: { known: true, value: `${node.directory}.led` },
  })
  const told: ShutdownPosition[] = []
  const onShutDown = (position: ShutdownPosition) => told.push(position)
  const stopped = await node.postgres.stop({ ...FAST, onShutDown }, signalIdle())
  expect(stopped).toEqual({ ok: true, position: null })
  expect(told).toEqual([])
  expect((await former(node.postgres)).runsOutside).toMatchObject({ known: true, value: null })
})

test('a backup over whose control file such a server has written is not started', async () => {
  const node = await replacedUnderIt()
  const before = checkpointIn(node.directory)
  await node.query('checkpoint')
  expect(checkpointIn(node.directory)).not.toBe(before)
  expect(checkpointIn(`${node.directory}.led`)).toBe(before)
  ok(await node.postgres.stop({ ...FAST, mode: 'immediate' }, signalIdle()))
  const options = { as: 'standby', upstream: null, timeoutMs: 20_000 } as const
  expect(await node.postgres.start(options, signalIdle())).toMatchObject({
    ok: false,
    why: expect.stringContaining('that the WAL in this directory does not have'),
    remedy: expect.stringContaining('hactl reinit'),
  })
})

test('one that it left alone is', async () => {
  const node = await replacedUnderIt()
  ok(await node.postgres.stop({ ...FAST, mode: 'immediate' }, signalIdle()))
  ok(await node.postgres.start({ as: 'standby', upstream: null, timeoutMs: 20_000 }, signalIdle()))
})

test('of a server whose directory was replaced and deleted nothing says where it ended', async () => {
  const node = await lab.primary(`left${++count}`)
  await node.stop()
  execFileSync('cp', ['-a', node.directory, `${node.directory}.copy`])
  await node.start()
  await node.server()
  await rm(node.directory, whileItsChildrenWrite)
  await rename(`${node.directory}.copy`, node.directory)
  // It may have ended by itself.
  const told: ShutdownPosition[] = []
  const stopped = await node.postgres.stop(
    { ...FAST, timeoutMs: 2000, onShutDown: position => told.push(position) },
    signalIdle(),
  )
  expect(stopped).toMatchObject({ ok: true, position: null })
  expect(told).toEqual([])
  // When none runs any more, either.
  expect(await node.postgres.stop(FAST, signalIdle())).toMatchObject({ ok: true, position: null })
})
