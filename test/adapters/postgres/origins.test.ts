// Notes on who began a timeline: on the disk before a promotion, in two places, and never another node's.

import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  forgetOrigins,
  noteOrigin,
  notePromotion,
  readOrigins,
} from '../../../src/postgres/data/noted-origins.ts'
import { systemClock } from '../../../src/system/clock.ts'

const SYSTEM = '7713683044898210332'
let top: string
let count = 0
let places: Parameters<typeof readOrigins>[0]
let messages: string[]

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'hactl-origins-'))
})
afterAll(() => rm(top, { recursive: true }))
beforeEach(async () => {
  places = await placesOf('pg2')
})

async function placesOf(name: string) {
  count += 1
  const dataDir = join(top, `data${count}`)
  await mkdir(dataDir, { mode: 0o700 })
  messages = []
  const log = (_level: string, text: string) => void messages.push(text)
  return { dataDir, stateDirectory: join(top, `state${count}`), name, clock: systemClock(), log }
}

const asked = { from: 1, at: 0x6000470n }
const origin = { timeline: 2, at: 0x6000500n, by: 'pg2' }

test('nothing was noted', async () => {
  expect(await readOrigins(places)).toBe(null)
})

test('a promotion is noted before it, and what became of it afterwards', async () => {
  expect(await notePromotion(places, SYSTEM, asked)).toEqual({ ok: true })
  expect(await readOrigins(places)).toEqual({ systemIdentifier: SYSTEM, timelines: [], asked })
  await noteOrigin(places, SYSTEM, origin)
  expect(await readOrigins(places)).toEqual({ systemIdentifier: SYSTEM, timelines: [origin], asked: null })
  await notePromotion(places, SYSTEM, { from: 2, at: 0x7000000n })
  await noteOrigin(places, SYSTEM, null)
  expect(await readOrigins(places)).toEqual({ systemIdentifier: SYSTEM, timelines: [origin], asked: null })
})

test('a lost state directory leaves the notes in the data directory', async () => {
  await noteOrigin(places, SYSTEM, origin)
  await rm(places.stateDirectory, { recursive: true })
  expect(await readOrigins(places)).toMatchObject({ timelines: [origin] })
  await notePromotion(places, SYSTEM, asked)
  expect(JSON.parse(await readFile(join(places.stateDirectory, 'timelines.json'), 'utf8'))).toEqual({
    name: 'pg2',
    system_identifier: SYSTEM,
    timelines: [{ timeline: 2, began_at: '0/6000500', by: 'pg2' }],
    promotion_asked: { from: 1, at: '0/6000470' },
  })
})

test("a base backup carries the notes of its source, which are not the copy's", async () => {
  await noteOrigin(places, SYSTEM, origin)
  const copy = await placesOf('pg3')
  const file = 'hactl.timelines.json'
  await copyFile(join(places.dataDir, file), join(copy.dataDir, file))
  expect(await readOrigins(copy)).toBe(null)
})

test("notes of another cluster's data are replaced", async () => {
  await noteOrigin(places, '7000000000000000001', { ...origin, timeline: 7 })
  await notePromotion(places, SYSTEM, asked)
  expect(await readOrigins(places)).toEqual({ systemIdentifier: SYSTEM, timelines: [], asked })
})

test('one place is enough, and is told; without any there is no promotion', async () => {
  await writeFile(places.stateDirectory, 'no directory')
  expect(await notePromotion(places, SYSTEM, asked)).toEqual({ ok: true })
  expect(messages).toEqual([expect.stringContaining('one place only')])
  await rm(places.dataDir, { recursive: true })
  expect(await notePromotion(places, SYSTEM, asked)).toMatchObject({
    ok: false,
    why: expect.stringContaining('cannot be noted'),
  })
})

test('a note that cannot be read as one is not taken for none', async () => {
  await writeFile(join(places.dataDir, 'hactl.timelines.json'), '{"name": "pg2", "timelines":')
  await expect(readOrigins(places)).rejects.toThrow()
})

test('with the data the notes go, in both places', async () => {
  await noteOrigin(places, SYSTEM, origin)
  await forgetOrigins(places)
  expect(await readOrigins(places)).toBe(null)
})
