// What the probe of a disk says, and what it leaves behind.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { probeDisk, readAnswer } from '../../src/system/disk-probe.ts'

test.each([
  ["dd: error writing '/d/f': No space left on device", 'full'],
  ["dd: closing output file '/d/f': Disk quota exceeded", 'full'],
  ["dd: failed to open '/d/f': Read-only file system", 'broken'],
  ["dd: fsync failed for '/d/f': Input/output error", 'broken'],
  ["dd: failed to open '/d/f': No such file or directory", 'unknown'],
  ["dd: failed to open '/d/f': Permission denied", 'unknown'],
  ['', 'works'],
])('%s: %s', (said, state) => {
  expect(readAnswer(said).state).toBe(state)
})

test('a directory that can be written works, and nothing is left in it; one without enough room is full', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hactl-disk-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const file = join(directory, 'pgsql_tmp_hactl_probe')
  expect(await probeDisk(file, null, 1)).toEqual({ state: 'works' })
  expect(await probeDisk(file, null, Number.MAX_SAFE_INTEGER)).toMatchObject({ state: 'full' })
  expect(await readdir(directory)).toEqual([])
  expect(await probeDisk(join(directory, 'gone', 'file'), null, 1)).toMatchObject({ state: 'unknown' })
})
