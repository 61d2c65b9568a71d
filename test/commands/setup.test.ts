// bin/setup on trees that are not as a fresh clone is.

import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
let home = ''
let tree = ''

beforeEach(async () => {
  home = await mkdtemp('/tmp/hactl-setup-')
  tree = join(home, 'tree')
  await cp(join(ROOT, 'bin/setup'), join(tree, 'bin/setup'))
  for (const file of ['package.json', 'package-lock.json']) await cp(join(ROOT, file), join(tree, file))
})
afterEach(() => rm(home, { recursive: true, force: true }))

test('node_modules that is a link: refused, and what it points to is left as it is', async () => {
  const target = join(home, 'shared')
  await mkdir(target)
  await writeFile(join(target, 'precious'), '')
  await symlink(target, join(tree, 'node_modules'))
  const { status, stderr, stdout } = spawnSync('sh', [join(tree, 'bin/setup')], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toBe(
    `bin/setup: node_modules is a symbolic link to ${target}, and the packages there are not those of package-lock.json. npm would empty that folder. Remove the link (rm node_modules) and run bin/setup again.\n`,
  )
  expect(await readdir(target)).toEqual(['precious'])
  expect(await readlink(join(tree, 'node_modules'))).toBe(target)
})
