// Where the data lies: on a mount point, behind a link, beside lost+found. What a failed bootstrap left there makes room for
// the next one, on the same disk.

import { execFile } from 'node:child_process'
import { chown, mkdir, readdir, readlink, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { configure } from './configure.ts'
import { type Lab, type Node, ok, openLab, runAs, signalIdle } from './postgres-harness.ts'

const run = promisify(execFile)
let lab: Lab
const mounts: string[] = []
beforeAll(async () => {
  lab = await openLab()
})
afterAll(async () => {
  for (const path of mounts) await run('umount', ['-l', path])
  await lab.close()
})

/** Not finished by finishBootstrap: what it leaves is a failed bootstrap's. */
const initdb = async (node: Node) => ok(await node.postgres.initdb(signalIdle(), () => {}))

async function ownDirectory(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  if (runAs !== undefined) await chown(path, runAs.uid, runAs.gid)
  return path
}

/** A file system of its own at `path`. */
async function mount(path: string, context: TestContext): Promise<void> {
  await ownDirectory(path)
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=200m,mode=0700', 'tmpfs', path]).catch(
    () => null,
  )
  if (mounted === null) return context.skip('no file system may be mounted here')
  mounts.push(path)
  await ownDirectory(path)
  if (runAs !== undefined) await chown(path, runAs.uid, runAs.gid)
}

describe('set aside after a failed bootstrap', () => {
  test('a mount point cannot be renamed: what it holds goes, and the next bootstrap works', async context => {
    const node = await lab.node('mounted')
    await mount(node.directory, context)
    await initdb(node)
    ok(await node.postgres.setDataDirectoryAside())
    expect(await readdir(node.directory)).toEqual([])
    expect(node.messages.join('\n')).toContain('what the bootstrap left in it was removed')
    await initdb(node)
  })

  test('a link stays a link, and the target is what is moved', async () => {
    const node = await lab.node('linked')
    const disk = await ownDirectory(join(lab.directory, 'disk'))
    const target = await ownDirectory(join(disk, 'data'))
    await symlink(target, node.directory)
    for (let time = 0; time < 2; time += 1) {
      await initdb(node)
      ok(await node.postgres.setDataDirectoryAside())
      expect(await readlink(node.directory)).toBe(target)
      expect(await readdir(target)).toEqual([])
      expect(await readdir(`${target}.failed`)).toContain('PG_VERSION')
      expect((await node.see()).dataDirectory).toEqual({ kind: 'empty' })
    }
    await initdb(node)
    expect(await readlink(node.directory)).toBe(target)
    expect(await readdir(target)).toContain('PG_VERSION')
    expect((await readdir(disk)).sort()).toEqual(['data', 'data.failed'])
  })

  test('settings that change meanwhile write nothing into the directory that was emptied', async () => {
    const node = await lab.node('reconfigured')
    const target = await ownDirectory(join(lab.directory, 'reconfigured-data'))
    await symlink(target, node.directory)
    for (let time = 0; time < 5; time += 1) {
      await initdb(node)
      const aside = node.postgres.setDataDirectoryAside()
      const written = configure(node.postgres, node.effective, { rewriteAlways: true })
      ok(await aside)
      await written
      expect(await readdir(target)).toEqual([])
      expect(await readdir(`${target}.failed`)).toContain('PG_VERSION')
    }
  })

  test('a link to a mount point: link and mount point stay', async context => {
    const node = await lab.node('linked-mount')
    const target = join(lab.directory, 'disk-mount')
    await mount(target, context)
    await symlink(target, node.directory)
    await initdb(node)
    ok(await node.postgres.setDataDirectoryAside())
    expect(await readlink(node.directory)).toBe(target)
    expect(await readdir(target)).toEqual([])
    expect(await readdir(lab.directory)).not.toContain('disk-mount.failed')
    await initdb(node)
  })

  test('WAL on a mount point: the copy that is kept does not lead to what is used again', async context => {
    const wal = join(lab.directory, 'wal-mount')
    const node = await lab.node('wal', { bootstrap: { initdb: [{ name: 'waldir', value: wal }] } })
    await mount(wal, context)
    for (let time = 0; time < 2; time += 1) {
      await initdb(node)
      ok(await node.postgres.setDataDirectoryAside())
      expect(await readdir(wal)).toEqual([])
      expect(await readdir(`${node.directory}.failed`)).not.toContain('pg_wal')
    }
    await initdb(node)
    expect(await readlink(join(node.directory, 'pg_wal'))).toBe(wal)
  })

  test('a copy kept by an older version as a link is not followed', async () => {
    const node = await lab.node('older')
    const elsewhere = await ownDirectory(join(lab.directory, 'elsewhere'))
    await writeFile(join(elsewhere, 'precious'), '')
    await symlink(elsewhere, `${node.directory}.failed`)
    await initdb(node)
    ok(await node.postgres.setDataDirectoryAside())
    expect(await readdir(elsewhere)).toEqual(['precious'])
    expect(await readdir(`${node.directory}.failed`)).toContain('PG_VERSION')
  })
})

describe('a whole cluster on a mount point', () => {
  test('is not set aside, but can be removed, and made again', async context => {
    const node = await lab.node('whole')
    await mount(node.directory, context)
    await initdb(node)
    await node.start()
    ok(await node.postgres.finishBootstrap(signalIdle(), () => {}))
    await node.stop()
    expect(await node.postgres.setDataDirectoryAside()).toMatchObject({ ok: false })
    expect(await readdir(node.directory)).toContain('PG_VERSION')
    ok(await node.postgres.removeDataDirectory())
    expect(await readdir(node.directory)).toEqual([])
    await initdb(node)
  })
})

describe('a mount point within the data directory', () => {
  test('is not moved away with the rest: a removal stops there, in something that no server starts in', async context => {
    const node = await lab.node('nested')
    await initdb(node)
    const nested = join(node.directory, 'base', 'nested')
    await mount(nested, context)
    expect(await node.postgres.removeDataDirectory()).toMatchObject({
      ok: false,
      why: expect.stringContaining(`${node.directory}/base is, or holds, a mount point`),
      remedy: expect.stringContaining('unmount'),
    })
    expect((await readdir(lab.directory)).filter(name => name.startsWith('nested'))).toEqual([
      'nested',
      'nested.hactl',
    ])
    expect((await node.see()).dataDirectory).not.toMatchObject({ control: { known: true } })
    await run('umount', [nested])
    mounts.splice(mounts.indexOf(nested), 1)
    ok(await node.postgres.removeDataDirectory())
    expect((await node.see()).dataDirectory).toEqual({ kind: 'empty' })
    await initdb(node)
  })
})
