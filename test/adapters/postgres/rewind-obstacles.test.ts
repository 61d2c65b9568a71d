// What would spoil a rewind half way is found before anything is touched, with what to do about it; nothing of it keeps
// the next one from succeeding.

import { chmod, mkdir, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chownToServerUser } from '../../../src/postgres/server/run-as.ts'
import { type Lab, type Node, ok, openLab, runAs, signalIdle, until } from './postgres-harness.ts'

let lab: Lab
/** Wrote on after `source` had left its history. */
let target: Node
let source: Node

beforeAll(async () => {
  lab = await openLab()
  target = await lab.primary('target')
  await target.query('CREATE TABLE t AS SELECT 1 AS n')
  await target.query("CREATE ROLE rewinder LOGIN PASSWORD 'rew'")
  source = await lab.standby('source', target)
  await until(
    'the standby has all',
    async () => (await source.server()).replayLsn === (await target.server()).position,
  )
  ok(await source.postgres.promote(20_000, signalIdle()))
  source.postgres.checkpointSoon()
  await until('the checkpoint', async () => (await source.server()).controlTimeline === 2)
  await target.query('INSERT INTO t VALUES (2)')
  await target.stop()
}, 60_000)
afterAll(() => lab.close())

const rewind = (postgres = target.postgres) => postgres.rewind(source.upstream, signalIdle(), () => {})
const marks = async () => (await readdir(`${target.directory}.hactl`)).filter(name => name.includes('rewind'))

async function expectRefused(outcome: Promise<unknown>, why: string, remedy: string): Promise<void> {
  expect(await outcome).toMatchObject({
    ok: false,
    damaged: false,
    why: expect.stringContaining(why),
    remedy: expect.stringContaining(remedy),
  })
  expect(await marks()).toEqual([])
}

/** In both: pg_rewind copies over it. */
async function inBoth(name: string, mode: number, ofServer: boolean): Promise<void> {
  for (const { directory } of [source, target]) {
    await writeFile(join(directory, name), `of ${directory}`)
    if (ofServer) await chownToServerUser(join(directory, name), runAs ?? null)
    await chmod(join(directory, name), mode)
  }
}

test('a socket in the data directory of the source', async () => {
  const path = join(source.directory, '.s.PGSQL.9')
  const server = createServer()
  await new Promise<void>(resolve => void server.listen(path, resolve))
  await expectRefused(rewind(), '.s.PGSQL.9', 'unix_socket_directories')
  await new Promise(resolve => void server.close(resolve))
})

test('a user without the grants', async () => {
  const rewinder = { username: 'rewinder', password: 'rew', options: {} }
  const poor = target.again({ authentication: { ...target.config.authentication, rewind: rewinder } })
  await expectRefused(rewind(poor), 'permission denied for function', 'GRANT EXECUTE ON FUNCTION')
  await source.query('GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean) TO rewinder')
  await source.query('GRANT EXECUTE ON FUNCTION pg_stat_file(text, boolean) TO rewinder')
  await expectRefused(rewind(poor), 'pg_read_binary_file', 'GRANT EXECUTE ON FUNCTION')
  await poor.close()
})

test.runIf(runAs !== undefined)('files that PostgreSQL may not read there, or not write here', async () => {
  await inBoth('of-root', 0o600, false)
  await expectRefused(rewind(), 'of-root', 'let PostgreSQL on source read that file')
  await chownToServerUser(join(source.directory, 'of-root'), runAs ?? null)
  await expectRefused(rewind(), join(target.directory, 'of-root'), 'give that file to this user')
  for (const { directory } of [source, target]) await unlink(join(directory, 'of-root'))
})

test('what waits for the archive cannot be seen', async () => {
  const status = join(target.directory, 'pg_wal', 'archive_status')
  await rename(status, `${status}.away`)
  await writeFile(status, 'no directory')
  await expectRefused(rewind(), 'which WAL waits for the archive is not known', 'let the agent read')
  await rm(status)
  await rename(`${status}.away`, status)
  await writeFile(join(status, '000000010000000000000001.ready'), '')
  const conf = join(target.directory, 'postgresql.conf')
  await rename(conf, `${conf}.away`)
  await writeFile(conf, 'no_such_parameter = 1\n')
  await expectRefused(
    rewind(),
    'unrecognized configuration parameter "no_such_parameter"',
    'correct the configuration',
  )
  await rename(`${conf}.away`, conf)
})

test('a file that is only protected against mistakes is no obstacle, and is protected afterwards', async () => {
  await inBoth('read-only', 0o400, true)
  await mkdir(join(target.directory, 'only-here'))
  await chownToServerUser(join(target.directory, 'only-here'), runAs ?? null)
  ok(await rewind())
  expect((await stat(join(target.directory, 'read-only'))).mode & 0o777).toBe(0o400)
  await target.start({ as: 'standby', upstream: source.upstream })
  expect(await target.query('SELECT n FROM t')).toEqual([{ n: 1 }])
})
