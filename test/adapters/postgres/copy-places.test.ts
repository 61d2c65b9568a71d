// Where copies put what lies outside the data directory, and what the next copy does with what they left there: a replica
// with its WAL and a tablespace on other disks.

import { mkdir, readdir, readlink, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chownToServerUser } from '../../../src/postgres/server/run-as.ts'
import { configure } from './configure.ts'
import { type Lab, type Node, ok, openLab, runAs, signalIdle, until } from './postgres-harness.ts'

let lab: Lab
let a: Node
let b: Node
let wal: string
let space: string
let oid: string

beforeAll(async () => {
  lab = await openLab()
  const ofA = join(lab.directory, 'space-a')
  wal = join(lab.directory, 'wal-b')
  space = join(lab.directory, 'space-b=1')
  await mkdir(ofA)
  await chownToServerUser(ofA, runAs ?? null)
  a = await lab.primary('a')
  await a.query(`CREATE TABLESPACE s LOCATION '${ofA}'`)
  await a.query(
    'CREATE TABLE t TABLESPACE s AS SELECT g, repeat(md5(g::text), 30) AS x FROM generate_series(1, 30000) g',
  )
  oid = String((await a.query(`SELECT oid FROM pg_tablespace WHERE spcname = 's'`))[0]?.oid)
  b = await lab.node('b', {
    basebackup: [
      { name: 'waldir', value: wal },
      { name: 'tablespace-mapping', value: `${ofA}=${space.replace('=', '\\=')}` },
      { name: 'max-rate', value: '20M' },
    ],
  })
}, 60_000)
afterAll(() => lab.close())

const copy = () => b.postgres.basebackup(a.upstream, signalIdle(), () => {})
const target = (name: string) => readlink(join(b.directory, name)).catch(() => null)

async function expectWhole(): Promise<void> {
  expect(await target('pg_wal')).toBe(wal)
  expect(await target(`pg_tblspc/${oid}`)).toBe(space)
  await b.start({ as: 'standby', upstream: a.upstream })
  expect(await b.query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 30000 }])
  await b.stop({ checkpoint: false })
}

test('one that breaks off in a tablespace: the next attempt removes what it left there', async () => {
  const copying = copy()
  await until('the tablespace to be filled', async () => (await readdir(space)).length > 0)
  await a.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'`)
  ok(await copying)
  expect(b.messages.filter(text => text.includes('attempt'))).toHaveLength(1)
  await expectWhole()
})

test('the data directory was removed by hand: the next copy empties what this copy had filled', async () => {
  await rm(b.directory, { recursive: true })
  ok(await copy())
  await expectWhole()
})

test('what somebody else put there stays, and one sentence says what to do', async () => {
  await rm(b.directory, { recursive: true })
  await writeFile(join(wal, 'of-somebody-else'), '')
  expect(await copy()).toMatchObject({
    ok: false,
    why: expect.stringContaining(`"${wal}" exists but is not empty`),
    remedy: expect.stringContaining('empty it'),
  })
  expect(await readdir(wal)).toEqual(['of-somebody-else'])
  await unlink(join(wal, 'of-somebody-else'))
  ok(await copy())
  await expectWhole()
})

test('links that nobody configured stay links in the copy that takes the place of the data', async () => {
  const { basebackup: _, ...rest } = b.effective
  ok(await configure(b.postgres, { ...rest, basebackup: [] }, { rewriteAlways: false }))
  ok(await b.postgres.removeDataDirectory())
  expect(await readdir(wal)).toEqual([])
  ok(await copy())
  await expectWhole()
})

test('what it wrote as a primary is removed by nobody but the removal of its data', async () => {
  await b.start({ as: 'standby', upstream: null })
  ok(await b.postgres.promote(20_000, signalIdle()))
  await b.query('CREATE TABLE mine (n int)')
  await b.stop()
  await rm(b.directory, { recursive: true })
  expect(await copy()).toMatchObject({ ok: false, why: expect.stringContaining('not empty') })
  expect((await readdir(space)).length).toBe(1)
  expect((await readdir(wal)).length).toBeGreaterThan(1)
})

test('a tablespace that cannot be emptied is said', async () => {
  const c = await lab.node('c')
  await mkdir(join(c.directory, 'pg_tblspc'), { recursive: true })
  await writeFile(join(c.directory, 'PG_VERSION'), '15\n')
  await writeFile(join(lab.directory, 'no-directory'), '')
  await symlink(join(lab.directory, 'no-directory'), join(c.directory, 'pg_tblspc', '4711'))
  ok(await c.postgres.removeDataDirectory())
  expect(c.messages.some(text => text.includes(`${join(lab.directory, 'no-directory')} belongs to`))).toBe(
    true,
  )
})
