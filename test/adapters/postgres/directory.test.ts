// The data directory as files: its states, removal and setting aside, the cached configuration, broken control data.

import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Postgres } from '../../../src/ports/postgres.ts'
import { createPostgres } from '../../../src/postgres/postgres.ts'
import { chownToServerUser } from '../../../src/postgres/server/run-as.ts'
import { clock, type Lab, type Node, ok, openLab, runAs, signalIdle } from './postgres-harness.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

/** The same node with something in its configuration changed. */
function altered(node: Node, changes: Partial<Node['config']>): Postgres {
  return createPostgres({
    ...{
      config: { ...node.config, ...changes },
      effective: node.effective,
      scope: 'lab',
      name: node.name,
      clock,
    },
    ...{ bootstrap: null, log: () => {} },
    ...(runAs === undefined ? {} : { runAs }),
  })
}

test('a file that cannot be given to the server is an error, nothing that is passed over', async () => {
  await expect(chownToServerUser(join(lab.directory, 'nothing'), { uid: 1, gid: 1 })).rejects.toThrow(
    'ENOENT',
  )
})

describe('states', () => {
  test('missing: empty', async () => {
    const node = await lab.node('missing')
    expect(await node.see()).toMatchObject({
      dataDirectory: { kind: 'empty' },
      process: { kind: 'stopped' },
      server: { known: false },
    })
  })

  test('(P36) lost+found and dot files only: empty', async () => {
    const node = await lab.node('mounted')
    await mkdir(join(node.directory, 'lost+found'), { recursive: true })
    await writeFile(join(node.directory, '.snapshot'), '')
    expect((await node.see()).dataDirectory).toEqual({
      kind: 'empty',
      obstacle: `${node.directory} holds lost+found`,
    })
    await rm(join(node.directory, 'lost+found'), { recursive: true })
    expect((await node.see()).dataDirectory).toEqual({ kind: 'empty' })
  })

  test('a base backup that died with its agent: a part of a copy, if it was ours and has no control file', async () => {
    const node = await lab.node('cut-short')
    await mkdir(join(node.directory, 'global'), { recursive: true })
    await writeFile(join(node.directory, 'PG_VERSION'), '15\n')
    expect((await node.see()).dataDirectory).toMatchObject({ kind: 'present', control: { known: false } })
    await mkdir(`${node.directory}.hactl`, { recursive: true })
    await writeFile(join(`${node.directory}.hactl`, 'copy-unfinished'), '')
    expect((await node.see()).dataDirectory).toMatchObject({ unfinished: 'copy', control: { known: false } })
    await writeFile(join(node.directory, 'global', 'pg_control'), 'whatever it holds')
    expect((await node.see()).dataDirectory).toMatchObject({ kind: 'present', unfinished: null })
  })

  test.each(['copy-unfinished', 'rewind-unfinished', 'bootstrap-unfinished'])(
    'whether there is a mark %s cannot be looked at: inaccessible, never without',
    async mark => {
      const node = await lab.node(`unmarked-${mark.split('-')[0]}`)
      await mkdir(join(node.directory, 'global'), { recursive: true })
      await writeFile(join(node.directory, 'global', 'pg_control'), 'whatever it holds')
      await mkdir(`${node.directory}.hactl`, { recursive: true })
      // To itself: the kernel gives up.
      await symlink(mark, join(`${node.directory}.hactl`, mark))
      expect((await node.see()).dataDirectory).toMatchObject({
        kind: 'inaccessible',
        why: expect.stringContaining('cannot be looked at'),
      })
    },
  )

  test('a rewind that died with its agent is seen', async () => {
    const node = await lab.node('mixed')
    await mkdir(join(node.directory, 'global'), { recursive: true })
    await writeFile(join(node.directory, 'global', 'pg_control'), 'whatever it holds')
    await mkdir(`${node.directory}.hactl`, { recursive: true })
    await writeFile(join(`${node.directory}.hactl`, 'rewind-unfinished'), '')
    expect((await node.see()).dataDirectory).toMatchObject({ unfinished: 'rewind' })
  })

  test('(P19) not listable: inaccessible with the reason, never empty', async () => {
    const node = await lab.node('inaccessible')
    await writeFile(node.directory, 'a file')
    const below = altered(node, {
      dataDir: join(node.directory, 'below'),
      configDir: join(node.directory, 'below'),
    })
    expect((await below.look(5000)).dataDirectory).toMatchObject({
      kind: 'inaccessible',
      why: expect.stringContaining('ENOTDIR'),
    })
    await below.close()
  })

  test.each(['standby.signal', 'backup_label'])(
    'a %s that cannot be looked at: inaccessible, never without',
    async name => {
      const node = await lab.node(`unseen-${name.split(/[._]/)[0]}`)
      await mkdir(join(node.directory, 'global'), { recursive: true })
      await writeFile(join(node.directory, 'PG_VERSION'), '15\n')
      await writeFile(join(node.directory, 'global', 'pg_control'), 'whatever it holds')
      expect((await node.see()).dataDirectory).toMatchObject({ kind: 'present', recoveryConfigured: false })
      // To itself: the kernel gives up.
      await symlink(name, join(node.directory, name))
      expect((await node.see()).dataDirectory).toMatchObject({
        kind: 'inaccessible',
        why: expect.stringContaining('cannot be looked at'),
      })
    },
  )

  test('a link to a disk that is not mounted: inaccessible', async () => {
    const node = await lab.node('dangling')
    await symlink(join(lab.directory, 'not-mounted'), node.directory)
    expect((await node.see()).dataDirectory).toMatchObject({ kind: 'inaccessible' })
  })

  test('(P45, P34, P09) files but no usable control file: present, unknown, with the reason', async () => {
    const node = await lab.node('garbage')
    await mkdir(join(node.directory, 'global'), { recursive: true })
    await writeFile(join(node.directory, 'global', 'pg_control'), 'garbage')
    await writeFile(join(node.directory, 'PG_VERSION'), 'fifteen\n')
    expect((await node.see()).dataDirectory).toMatchObject({
      kind: 'present',
      majorVersion: null,
      control: { known: false, why: expect.stringContaining('pg_controldata') },
      history: { known: false },
    })
  })
})

describe('a cluster with a tablespace and WAL elsewhere', () => {
  let node: Node
  let space: string
  let wal: string

  async function build(): Promise<void> {
    space = join(lab.directory, 'space')
    wal = join(lab.directory, 'wal')
    await mkdir(space, { recursive: true })
    if (runAs !== undefined) await chown(space, runAs.uid, runAs.gid)
    ok(await node.postgres.initdb(signalIdle(), () => {}))
    await node.start()
    await node.query(`CREATE TABLESPACE s LOCATION '${space}'`)
    await node.query('CREATE TABLE t (n int) TABLESPACE s')
    await node.stop()
    await rename(join(node.directory, 'pg_wal'), wal)
    await symlink(wal, join(node.directory, 'pg_wal'))
    await node.start()
  }

  beforeAll(async () => {
    node = await lab.node('full')
    await build()
  })

  test('a running server is neither removed nor moved', async () => {
    for (const outcome of [
      await node.postgres.removeDataDirectory(),
      await node.postgres.setDataDirectoryAside(),
    ]) {
      expect(outcome).toMatchObject({ ok: false, why: expect.stringContaining('PostgreSQL runs') })
    }
    expect(await node.query('SELECT 1 AS alive')).toEqual([{ alive: 1 }])
  })

  test('(P09) pg_controldata missing or printing garbage: the look survives; running, it is not even needed twice', async () => {
    await node.see()
    const script = join(lab.directory, 'pg_controldata_garbage')
    await writeFile(script, '#!/bin/sh\necho a line without meaning\necho key: value\n')
    await chmod(script, 0o755)
    for (const [name, why] of [
      [script, 'no usable control data'],
      ['not_there', 'could not be started'],
    ] as const) {
      const broken = altered(node, { binNames: { pg_controldata: name } })
      const view = await broken.look(5000)
      expect(view.server.known).toBe(true)
      expect(view.dataDirectory).toMatchObject({
        control: { known: false, why: expect.stringContaining(why) },
      })
      await broken.close()
    }
  })

  test('cacheDynamicConfig writes the file whole, readable for its owner only', async () => {
    ok(await node.postgres.cacheDynamicConfig('{"ttl":30}'))
    const path = join(node.directory, 'patroni.dynamic.json')
    expect(await readFile(path, 'utf8')).toBe('{"ttl":30}')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await readdir(node.directory)).filter(name => name.endsWith('.tmp'))).toEqual([])
  })

  test('(B11, B04) set aside: all three renamed, the links lead to the renamed targets, it still starts there', async () => {
    await node.stop()
    const slashed = altered(node, { dataDir: `${node.directory}/`, configDir: `${node.directory}/` })
    ok(await slashed.setDataDirectoryAside())
    await slashed.close()
    const aside = `${node.directory}.failed`
    expect(await isThere(node.directory)).toBe(false)
    expect(await readlink(join(aside, 'pg_wal'))).toBe(`${wal}.failed`)
    const [oid = ''] = await readdir(join(aside, 'pg_tblspc'))
    expect(await readlink(join(aside, 'pg_tblspc', oid))).toBe(`${space}.failed`)
    expect(await isThere(join(aside, 'pg_wal', 'archive_status'))).toBe(true)
    expect(await readdir(join(aside, 'pg_tblspc', oid))).not.toEqual([])
    expect((await node.see()).dataDirectory).toEqual({ kind: 'empty' })
  })

  test('(B08) only one copy is kept', async () => {
    await build()
    await node.stop()
    await writeFile(join(`${node.directory}.failed`, 'from-the-first'), '')
    ok(await node.postgres.setDataDirectoryAside())
    expect(await isThere(join(`${node.directory}.failed`, 'from-the-first'))).toBe(false)
    expect(await isThere(join(`${node.directory}.failed`, 'global', 'pg_control'))).toBe(true)
    expect((await readdir(lab.directory)).filter(name => name.endsWith('.failed')).sort()).toEqual([
      'full.failed',
      'space.failed',
      'wal.failed',
    ])
  })

  test('(B15, B16) removed: data, tablespace and WAL are gone, what is not theirs and the places stay; removing nothing is fine', async () => {
    await build()
    await node.stop()
    for (const place of [space, wal]) await writeFile(join(place, 'of-somebody-else'), '')
    await mkdir(join(space, 'PG_14_202107181'))
    ok(await node.postgres.removeDataDirectory())
    expect(await isThere(node.directory)).toBe(false)
    expect((await readdir(space)).sort()).toEqual(['PG_14_202107181', 'of-somebody-else'])
    expect(await readdir(wal)).toEqual(['of-somebody-else'])
    for (const place of [space, wal]) await rm(place, { recursive: true })
    ok(await node.postgres.removeDataDirectory())
    expect((await node.see()).dataDirectory).toEqual({ kind: 'empty' })
  })

  test('(P49) the data directory vanishes under a running server: it is still seen, and stopped', async () => {
    ok(await node.postgres.initdb(signalIdle(), () => {}))
    await node.start()
    const pid = await node.pid()
    await rename(node.directory, `${node.directory}.elsewhere`)
    const view = await node.postgres.look(5000)
    expect(view.dataDirectory).toEqual({ kind: 'empty' })
    expect(view.process).toMatchObject({ kind: 'running', identity: { pid } })
    ok(await node.postgres.stop({ mode: 'immediate', checkpoint: false, timeoutMs: 10_000 }, signalIdle()))
    expect((await node.see()).process.kind).toBe('stopped')
  })
})
