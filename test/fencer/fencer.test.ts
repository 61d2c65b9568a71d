// The fencer port: what the agent sees when the program dies, hangs, is missing, or left something behind.

import type { ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createFencer, type FencerOptions } from '../../src/fencer/fencer.ts'
import type { PostmasterIdentity } from '../../src/model/server/postgres.ts'
import type { Fencer, FencerView } from '../../src/ports/fencer.ts'
import { freeze } from '../freeze.ts'
import { buildFencer, clock, ended, lives, startSleeper, until } from './stage.ts'

/** What a slow machine may need: only the tests of giving up give less. */
const BUDGET_MS = 20_000

let home = ''
let binary = ''
let stateDirectory = ''
let messages: string[] = []
const opened: Fencer[] = []
const sleepers: ChildProcess[] = []

beforeAll(async () => {
  home = await mkdtemp('/tmp/hactl-port-')
  binary = buildFencer(home)
}, 60_000)

beforeEach(async () => {
  stateDirectory = await mkdtemp(join(home, 'state-'))
  messages = []
})

afterEach(async () => {
  for (const fencer of opened.splice(0)) {
    await fencer.disarm(BUDGET_MS)
    await fencer.close()
  }
  for (const child of sleepers.splice(0)) child.kill('SIGKILL')
})

afterAll(() => rm(home, { recursive: true, force: true }))

const note = (message: string) => void messages.push(message)
/** What a log at its usual level shows. */
const log = { debug: () => {}, info: note, warning: note, error: note }

function open(options: Partial<FencerOptions> = {}): Fencer {
  const fencer = createFencer({
    binary,
    dataDir: home,
    stateDirectory,
    clock,
    log,
    notifySocket: null,
    retireLimitMs: BUDGET_MS,
    ...options,
  })
  opened.push(fencer)
  return fencer
}

async function programPid(): Promise<number> {
  return (JSON.parse(await readFile(join(stateDirectory, 'fencer.json'), 'utf8')) as { pid: number }).pid
}

/** Somebody to be armed for, and whom a mistake may stop: never this process itself. */
async function somebody(): Promise<{
  readonly child: ChildProcess
  readonly postmaster: PostmasterIdentity
}> {
  const { child, pid, ticks } = await startSleeper(home)
  sleepers.push(child)
  return { child, postmaster: { pid, startTicks: ticks } }
}

const NOBODY: FencerView = {
  alive: false,
  armedUntilMs: null,
  postmaster: null,
  formerMayAct: false,
  unwritten: null,
  watchdog: null,
}

const inMs = (ms: number) => clock.bootMs() + ms

test('arms, shows it, disarms, and goes', async () => {
  const fencer = open()
  expect(fencer.view()).toEqual({ ...NOBODY, formerMayAct: true })
  const { child, postmaster } = await somebody()
  const deadlineMs = inMs(60_000)
  expect(await fencer.arm(deadlineMs, postmaster, BUDGET_MS)).toBeNull()
  expect(fencer.view()).toEqual({ ...NOBODY, alive: true, armedUntilMs: deadlineMs, postmaster })
  const pid = await programPid()
  expect(await fencer.disarm(BUDGET_MS)).toBe(true)
  expect(fencer.view()).toMatchObject({ alive: true, armedUntilMs: null, postmaster: null })
  await fencer.close()
  await until('it is gone', async () => !(await lives(pid)))
  expect(ended(child)).toBe(false)
})

test('a state directory that takes nothing keeps nobody from being guarded, and is told once, until it takes notes again', async () => {
  const real = stateDirectory
  // Where there is a file no directory can be made, not even by root.
  stateDirectory = join(real, 'state')
  await writeFile(stateDirectory, '')
  const fencer = open()
  const { postmaster } = await somebody()
  expect(await fencer.arm(inMs(60_000), postmaster, BUDGET_MS)).toBeNull()
  expect(await fencer.arm(inMs(61_000), postmaster, BUDGET_MS)).toBeNull()
  expect(fencer.view()).toMatchObject({ alive: true, unwritten: expect.stringContaining('ENOTDIR') })
  expect(messages.filter(text => text.includes('should this agent die'))).toHaveLength(1)
  await rm(stateDirectory)
  await mkdir(stateDirectory)
  await until('it is written', async () => {
    expect(await fencer.arm(inMs(62_000), postmaster, BUDGET_MS)).toBeNull()
    return fencer.view().unwritten === null
  })
  expect(await programPid()).toBeGreaterThan(0)
})

test('a wrong identity is refused without harm', async () => {
  const fencer = open()
  const { child, postmaster } = await somebody()
  expect(await fencer.arm(inMs(60_000), { ...postmaster, startTicks: '1' }, BUDGET_MS)).toBe(
    'the process with this pid is another one',
  )
  expect(fencer.view()).toMatchObject({ alive: true, armedUntilMs: null })
  expect(messages).toContain('fencer not armed: the process with this pid is another one')
  expect(ended(child)).toBe(false)
})

test('a program that is killed: seen at once, and armed again with the same deadline', async () => {
  const seen: boolean[] = []
  const fencer: Fencer = open({
    onLost: () => seen.push(fencer.view().alive),
    respawn: { afterMs: 1000, budgetMs: BUDGET_MS },
  })
  const deadlineMs = inMs(60_000)
  await fencer.arm(deadlineMs, null, BUDGET_MS)
  const first = await programPid()
  const bornMs = clock.bootMs()
  await until('it has lived a second', () => clock.bootMs() > bornMs + 1100)
  process.kill(first, 'SIGKILL')
  await until('its end is seen', () => seen.length === 1)
  expect(seen).toEqual([false])
  await until('armed again', () => fencer.view().armedUntilMs === deadlineMs)
  expect(fencer.view().alive).toBe(true)
  expect(await programPid()).not.toBe(first)
})

test('a program that dies young is not started in a circle; the next arm starts one', async () => {
  let lost = false
  const onLost = () => {
    lost = true
  }
  // However long this test takes over it, the program is young.
  const fencer = open({ onLost, respawn: { afterMs: 600_000, budgetMs: BUDGET_MS } })
  await fencer.arm(inMs(60_000), null, BUDGET_MS)
  process.kill(await programPid(), 'SIGKILL')
  await until('its end is seen', () => lost)
  expect(fencer.view()).toMatchObject({ alive: false, armedUntilMs: null })
  expect(await fencer.arm(inMs(60_000), null, BUDGET_MS)).toBeNull()
  expect(fencer.view().alive).toBe(true)
})

test('a program that hangs: arm says so in time, the next arm replaces it', async () => {
  const fencer = open()
  await fencer.arm(inMs(60_000), null, BUDGET_MS)
  const hung = await programPid()
  await freeze(hung)
  const askedMs = clock.bootMs()
  expect(await fencer.arm(inMs(60_000), null, 300)).toMatch(/^no answer within \d+ ms$/)
  expect(clock.bootMs() - askedMs).toBeLessThan(10_000)
  expect(fencer.view().alive).toBe(false)
  expect(await fencer.arm(inMs(60_000), null, BUDGET_MS)).toBeNull()
  expect(fencer.view().alive).toBe(true)
  await until('the hung one is gone', async () => !(await lives(hung)))
})

test('without the program: arm says why, whoever asked is not woken for it, and it is told once', async () => {
  let lost = 0
  const onLost = () => {
    lost += 1
  }
  const fencer = open({ binary: join(home, 'missing'), onLost })
  for (let turn = 0; turn < 3; turn += 1) {
    expect(await fencer.arm(inMs(60_000), null, 500)).toContain('ENOENT')
    await until('its end is seen', () => !fencer.view().alive)
  }
  expect(fencer.view()).toMatchObject({ alive: false, armedUntilMs: null })
  fencer.notify('READY=1')
  expect(messages.filter(message => message.startsWith('fencer ended'))).toHaveLength(1)
  expect(messages.filter(message => message.startsWith('fencer not armed'))).toHaveLength(1)
  expect(lost).toBe(0)
})

test('a state directory that cannot be written does not keep the node from being fenced', async () => {
  const file = join(home, 'a-file')
  await writeFile(file, '')
  const fencer = open({ stateDirectory: join(file, 'below') })
  expect(await fencer.arm(inMs(60_000), null, BUDGET_MS)).toBeNull()
  expect(messages.some(message => message.includes('ENOTDIR'))).toBe(true)
})

test('an identity of another boot, or one that is another process now, is left alone', async () => {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const { child, postmaster } = await somebody()
  const foreign = { ...postmaster, startTicks: '1', bootId }
  const fromAnotherBoot = { ...postmaster, bootId: 'another' }
  for (const identity of [foreign, fromAnotherBoot, { pid: -1, bootId }]) {
    await writeFile(join(stateDirectory, 'fencer.json'), JSON.stringify(identity))
    expect(await open().disarm(BUDGET_MS)).toBe(true)
  }
  expect(ended(child)).toBe(false)
})

test('what a former agent armed goes on beside one that is armed ahead of the proof of leadership', async () => {
  const first = open()
  expect(await first.arm(inMs(60_000), null, BUDGET_MS)).toBeNull()
  const old = await programPid()
  await first.close()
  const second = open()
  expect(await second.arm(inMs(90_000), null, BUDGET_MS, { ahead: true })).toBeNull()
  expect([await lives(old), second.view().formerMayAct]).toEqual([true, true])
  expect(await second.arm(inMs(90_000), null, BUDGET_MS)).toBeNull()
  expect([await lives(old), second.view().formerMayAct]).toEqual([false, false])
})

test('says which fencer it relieved, and nothing of one that had ended by itself', async () => {
  const first = open()
  expect(await first.arm(inMs(60_000), null, BUDGET_MS)).toBeNull()
  const old = await programPid()
  await first.close()
  expect(await lives(old)).toBe(true)
  const second = open()
  expect(await second.arm(inMs(60_000), null, BUDGET_MS)).toBeNull()
  expect(await lives(old)).toBe(false)
  const relieved = `fencer: relieved the one of the former agent (pid ${old})`
  expect(messages.filter(message => message.includes('relieved'))).toEqual([relieved])
  const last = await programPid()
  await second.disarm(BUDGET_MS)
  await second.close()
  await until('it is gone', async () => !(await lives(last)))
  expect(await open().arm(inMs(60_000), null, BUDGET_MS)).toBeNull()
  expect(messages.filter(message => message.includes('relieved'))).toEqual([relieved])
})
