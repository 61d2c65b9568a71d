// The journal on real files: what comes back, rotation, a torn line, a full disk and one that hangs.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { toJournalJson } from '../../src/journal/encode.ts'
import { createJournal, type JournalOptions, journalPath } from '../../src/journal/journal.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Journal, JournalEntry, StoredEntry } from '../../src/ports/journal.ts'
import { systemClock } from '../../src/system/clock.ts'
import { memoryDirectory } from '../memory-directory.ts'
import { TimeLimit } from '../time-limit.ts'

const clock = systemClock()
let home = ''
let stateDirectory = ''
let messages: string[] = []

beforeAll(async () => {
  home = await memoryDirectory('hactl-journal-')
})
beforeEach(async () => {
  stateDirectory = await mkdtemp(join(home, 'state-'))
  messages = []
})
afterAll(() => rm(home, { recursive: true, force: true }))

const note = (message: string) => void messages.push(message)
const log = { debug: note, info: note, warning: note, error: note }

function open(options: Partial<JournalOptions> = {}): Journal {
  return createJournal({ stateDirectory, clock, log, ...options })
}

function entry(rule: string, more: Partial<JournalEntry> = {}): JournalEntry {
  const at = new Date(clock.wallMs()).toISOString()
  return {
    at,
    bootMs: 5,
    member: 'pg1',
    rule,
    reason: 'r',
    considered: [],
    actions: [],
    outcomes: [],
    ...more,
  }
}

async function recent(journal: Journal, count: number): Promise<readonly StoredEntry[]> {
  const answer = await journal.recent(count)
  if (!answer.known) throw new Error(answer.why)
  return answer.value
}

/** One question waits two seconds for the disk, and this machine may stand still for longer. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const limitMs = clock.bootMs() + 20_000
  while (!holds()) {
    if (clock.bootMs() > limitMs) throw new TimeLimit(`not within 20 s: ${what}`)
    await clock.sleep(5)
  }
}

const rules = (entries: readonly StoredEntry[]) => entries.map(({ rule }) => rule)

test('data becomes JSON that a DBA reads', () => {
  const value = {
    lsn: 0x1_0000_0000n + 0x3000148n,
    lag: -5n,
    slots: new Map([['a', 1n]]),
    names: new Set(['b']),
  }
  expect(toJournalJson(value)).toBe('{"lsn":"1/3000148","lag":-5,"slots":{"a":"0/1"},"names":["b"]}')
  expect(toJournalJson({ error: new Error('why'), none: undefined, list: [undefined] })).toBe(
    '{"error":"why","list":[null]}',
  )
  expect(toJournalJson(undefined)).toBe('null')
  const amounts = { maximumLagOnFailover: 1_048_576n, lostBytes: 0n, behindBytes: 9_007_199_254_740_993n }
  expect(toJournalJson(amounts)).toBe(
    '{"maximumLagOnFailover":1048576,"lostBytes":0,"behindBytes":"9007199254740993"}',
  )
  const memory: Pick<Memory, 'surplus'> = { surplus: { fromLsn: 16n, sizeBytes: 96n } }
  expect(toJournalJson(memory)).toBe('{"surplus":{"fromLsn":"0/10","sizeBytes":96}}')
  const positions = { to: 16n, optime: 16n, replayLsn: 16n, slots: { lag_bytes: 16n } }
  expect(toJournalJson(positions)).toBe(
    '{"to":"0/10","optime":"0/10","replayLsn":"0/10","slots":{"lag_bytes":"0/10"}}',
  )
})

test('entries come back in order, the last ones first asked for', async () => {
  const journal = open({ stateDirectory: join(stateDirectory, 'made', 'on demand') })
  expect(await recent(journal, 5)).toEqual([])
  const written = entry('leader.renew', {
    snapshot: { postgres: { position: 0x3000060n } },
    step: 2,
    cause: 'timer',
  })
  journal.append(written)
  for (let number = 0; number < 50; number++) journal.append(entry(`rule.${number}`))
  const all = await recent(journal, 100)
  expect(all).toHaveLength(51)
  expect(all[0]).toEqual({ v: 1, ...written, snapshot: { postgres: { position: '0/3000060' } } })
  expect(rules(await recent(journal, 3))).toEqual(['rule.47', 'rule.48', 'rule.49'])
  await journal.close()
  const again = open({ stateDirectory: join(stateDirectory, 'made', 'on demand') })
  again.append(entry('after.restart'))
  expect(rules(await recent(again, 2))).toEqual(['rule.49', 'after.restart'])
  expect(again.view()).toEqual({ dropped: 0, problem: null })
  await again.close()
})

test('rotates by size, keeps four files, reads across them', async () => {
  const journal = open({ fileBytes: 20_000 })
  for (let number = 0; number < 1000; number++) {
    journal.append(entry(`rule.${number}`))
    if (number % 50 === 0) await recent(journal, 1)
  }
  const all = await recent(journal, 10_000)
  const names = (await readdir(stateDirectory)).sort()
  expect(names).toEqual(['journal.jsonl', 'journal.jsonl.1', 'journal.jsonl.2', 'journal.jsonl.3'])
  for (const name of names) expect((await stat(join(stateDirectory, name))).size).toBeLessThanOrEqual(20_000)
  expect(all.length).toBeGreaterThan(300)
  expect(all.length).toBeLessThan(1000)
  const first = 1000 - all.length
  expect(rules(all)).toEqual(Array.from({ length: all.length }, (_, index) => `rule.${first + index}`))
  await journal.close()
})

test('a torn last line is skipped, and the next entry stands on a line of its own', async () => {
  const good = JSON.stringify({ v: 1, rule: 'good' })
  await writeFile(
    journalPath(stateDirectory),
    `${good}\n{"v":99,"rule":"of a later version"}\nnoise\n{"v":1,"rule":"to`,
  )
  const journal = open()
  expect(rules(await recent(journal, 10))).toEqual(['good'])
  journal.append(entry('next'))
  expect(rules(await recent(journal, 10))).toEqual(['good', 'next'])
  expect((await readFile(journalPath(stateDirectory), 'utf8')).split('\n')).toHaveLength(6)
  await journal.close()
})

test('a full disk is survived, said once, and what still fits in memory is written when there is room', async () => {
  await symlink('/dev/full', journalPath(stateDirectory))
  const journal = open()
  for (let number = 0; number < 1200; number++) {
    journal.append(entry(`rule.${number}`))
    if (number % 100 === 0) expect((await journal.recent(1)).known).toBe(true)
  }
  expect(rules(await recent(journal, 2))).toEqual(['rule.1198', 'rule.1199'])
  expect(messages).toHaveLength(1)
  expect(messages[0]).toContain('ENOSPC')
  expect(journal.view()).toMatchObject({ dropped: 200 })
  await journal.close()
  await unlink(journalPath(stateDirectory))
})

test('a missing directory that appears later: nothing is lost', async () => {
  const blocked = join(stateDirectory, 'blocked')
  await writeFile(blocked, '')
  const journal = open({ stateDirectory: blocked })
  journal.append(entry('first'))
  await until('its file cannot be written', () => journal.view().problem?.includes('EEXIST') === true)
  await unlink(blocked)
  journal.append(entry('second'))
  expect(rules(await recent(journal, 9))).toEqual(['first', 'second'])
  expect(messages.at(-1)).toBe('journal: decisions are recorded again, none was lost')
  expect(journal.view()).toEqual({ dropped: 0, problem: null })
  await journal.close()
})

test('a disk that hangs stops nobody: the queue is bounded, close comes back', async () => {
  // A pipe that nobody empties: the first writes go in, then they wait for ever.
  expect(spawnSync('mkfifo', [journalPath(stateDirectory)]).status).toBe(0)
  const journal = open()
  const startMs = clock.bootMs()
  for (let number = 0; number < 3000; number++)
    journal.append(entry(`rule.${number}`, { reason: 'x'.repeat(400) }))
  expect(clock.bootMs() - startMs).toBeLessThan(20_000)
  expect(journal.view().dropped).toBe(2000)
  await journal.close()
  expect(clock.bootMs() - startMs).toBeLessThan(20_000)
  // Empties the pipe, so that the thread of the pool that waits in it comes back, and what is still queued is written.
  // It holds the pipe open for writing as well: between two writers it would come to its end.
  const reader = spawn('sh', ['-c', 'exec cat <>"$0"', journalPath(stateDirectory)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let read = ''
  reader.stdout.setEncoding('utf8').on('data', (text: string) => {
    read += text
  })
  await until('the newest entry is written', () => read.includes('"rule.2999"'))
  await journal.close()
  expect(journal.view().problem).toBeNull()
  reader.kill()
})
