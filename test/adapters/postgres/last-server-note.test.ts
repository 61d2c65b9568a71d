// The record of the last server, for the next agent, on a disk that does not take it at first.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FormerServers } from '../../../src/postgres/server/former.ts'
import { handClock } from '../../agent/hand-clock.ts'

test('a note that could not be written is written again, and its failure is told once', async () => {
  const top = await mkdtemp(join(tmpdir(), 'hactl-note-'))
  onTestFinished(() => rm(top, { recursive: true }))
  const [dataDir, stateDirectory] = [join(top, 'data'), join(top, 'state')]
  await mkdir(dataDir)
  // No directory can be made in its place.
  await writeFile(stateDirectory, '')
  const { clock, pass } = handClock()
  const told: string[] = []
  const former = new FormerServers(
    { dataDir, stateDirectory },
    'postgres',
    { ...clock, wallMs: () => 0 },
    (_, text) => {
      told.push(text)
    },
  )
  const note = () => former.note({ pid: 7, startTicks: '100' }, dataDir, 'ours')
  await note()
  expect(told).toHaveLength(1)
  await pass(6000)
  await note()
  expect(told).toHaveLength(1)
  await rm(stateDirectory)
  // Each look asks for the note.
  await note()
  await expect(readFile(join(stateDirectory, 'last-server.json'), 'utf8')).rejects.toThrow('ENOENT')
  await pass(6000)
  await note()
  const recorded = JSON.parse(await readFile(join(stateDirectory, 'last-server.json'), 'utf8'))
  expect(recorded).toMatchObject({ postmaster: { pid: 7, startTicks: '100' } })
  expect(told).toHaveLength(1)
})
