// The watchdog device as real fencers open, feed, hand over and close it. A FIFO is in its place, which like the device can
// be opened by one process only.

import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createFencer } from '../../src/fencer/fencer.ts'
import type { WatchdogRequest } from '../../src/model/watchdog.ts'
import type { Fencer } from '../../src/ports/fencer.ts'
import { freeze } from '../freeze.ts'
import { Fifo } from './fifo.ts'
import { buildFencer, clock, ended, lives, startSleeper, until } from './stage.ts'

const BUDGET_MS = 20_000

let home = ''
let binary = ''
let state = ''
let fifo: Fifo
let messages: string[] = []
const opened: Fencer[] = []
const sleepers: ChildProcess[] = []

beforeAll(async () => {
  home = await mkdtemp('/tmp/hactl-watchdog-')
  binary = buildFencer(home)
}, 60_000)

beforeEach(async () => {
  state = await mkdtemp(join(home, 'state-'))
  fifo = await Fifo.open(join(state, 'watchdog'))
  messages = []
})

afterEach(async () => {
  for (const fencer of opened.splice(0)) {
    await fencer.disarm(BUDGET_MS)
    await fencer.close()
  }
  for (const child of sleepers.splice(0)) child.kill('SIGKILL')
  await fifo.close()
})

afterAll(() => rm(home, { recursive: true, force: true }))

function newFencer(onLost: () => void = () => {}): Fencer {
  const note = (message: string) => void messages.push(message)
  const fencer = createFencer({
    ...{ binary, dataDir: home, stateDirectory: state, clock, notifySocket: null },
    ...{ retireLimitMs: BUDGET_MS, onLost, respawn: { afterMs: 0, budgetMs: BUDGET_MS } },
    log: { debug: note, info: note, warning: text => note(`warning: ${text}`), error: note },
  })
  opened.push(fencer)
  return fencer
}

function request(more: Partial<WatchdogRequest> = {}): WatchdogRequest {
  return {
    ...{ mode: 'required', device: fifo.path, driver: 'testing', timeoutS: 15, ttlS: 60, loopWaitS: 1 },
    ...more,
  }
}

/** A lease of a minute that was renewed now. */
async function arm(fencer: Fencer, more: Parameters<Fencer['arm']>[3] = {}, leaseMs = 60_000): Promise<void> {
  const leaseEndMs = clock.bootMs() + leaseMs
  expect(await fencer.arm(leaseEndMs - 1000, null, BUDGET_MS, { leaseEndMs, ...more })).toBeNull()
}

async function programPid(): Promise<number> {
  return (JSON.parse(await readFile(join(state, 'fencer.json'), 'utf8')) as { pid: number }).pid
}

test('it is fed with each renewal and with nothing else, and switched off when the fencer is disarmed', async () => {
  const fencer = newFencer()
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBe('the fencer is not armed')
  await arm(fencer)
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBeNull()
  expect(fencer.view().watchdog).toEqual({ request: request(), timeoutS: 15 })
  await fifo.holds('Ctimeout=15\n')
  await arm(fencer)
  await fifo.holds('Ctimeout=15\n1')
  // The same deadline for another postmaster confirms nothing.
  const sleeper = await startSleeper(home)
  sleepers.push(sleeper.child)
  const { armedUntilMs } = fencer.view()
  const postmaster = { pid: sleeper.pid, startTicks: sleeper.ticks }
  expect(await fencer.arm(armedUntilMs ?? 0, postmaster, BUDGET_MS)).toBeNull()
  await arm(fencer)
  await fifo.holds('Ctimeout=15\n11')
  expect(await fencer.disarm(BUDGET_MS)).toBe(true)
  await fifo.holds('Ctimeout=15\n11V')
  expect(fencer.view().watchdog).toBeNull()
})

test('a change of the settings sets another timeout; another device is opened when the first one is switched off', async () => {
  const fencer = newFencer()
  await arm(fencer)
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBeNull()
  expect(await fencer.openWatchdog(request({ timeoutS: 20 }), BUDGET_MS)).toBeNull()
  await fifo.holds('Ctimeout=15\nCtimeout=20\n')
  const other = await Fifo.open(join(state, 'other'))
  expect(await fencer.openWatchdog(request({ device: other.path }), BUDGET_MS)).toBeNull()
  await fifo.holds('Ctimeout=15\nCtimeout=20\nV')
  await other.holds('Ctimeout=15\n')
  expect(await fencer.closeWatchdog(BUDGET_MS)).toBe(true)
  await other.holds('Ctimeout=15\nV')
  await other.close()
})

test('it fires before the lease ends: after a late renewal the timeout is shorter, until one is in time', async () => {
  const fencer = newFencer()
  await arm(fencer)
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBeNull()
  await arm(fencer, {}, 12_500)
  await until('a shorter timeout', async () =>
    /^Ctimeout=15\nCtimeout=(?:12|11|10)\n1$/.test(await fifo.written()),
  )
  await arm(fencer)
  await until('the full timeout', async () => (await fifo.written()).endsWith('\n1Ctimeout=15\n1'))
})

test('the fencer stops PostgreSQL before the device would fire, and then switches it off', async () => {
  const { child, pid, ticks } = await startSleeper(home)
  sleepers.push(child)
  const fencer = newFencer()
  const leaseEndMs = clock.bootMs() + 600_000
  const postmaster = { pid, startTicks: ticks }
  expect(await fencer.arm(leaseEndMs - 1000, postmaster, BUDGET_MS, { leaseEndMs })).toBeNull()
  const openedAtMs = clock.bootMs()
  expect(await fencer.openWatchdog(request({ timeoutS: 2 }), BUDGET_MS)).toBeNull()
  await until('PostgreSQL is stopped', () => ended(child))
  expect(clock.bootMs() - openedAtMs).toBeGreaterThanOrEqual(1400)
  await fifo.holds('Ctimeout=2\nV')
  await until('the agent has heard of it', () => fencer.view().watchdog === null)
})

test('a new agent takes it over: the former fencer leaves it running, and the new one opens and feeds it', async () => {
  const first = newFencer()
  await arm(first)
  expect(await first.openWatchdog(request(), BUDGET_MS)).toBeNull()
  const old = await programPid()
  await first.close()
  const second = newFencer()
  // The device cannot be opened twice: ahead of the proof of leadership the former fencer keeps it.
  await arm(second, { ahead: true })
  expect(await second.openWatchdog(request(), 100)).toBe(`${fifo.path}: Device or resource busy`)
  await arm(second, { watchdog: request() })
  expect([await lives(old), second.view().formerMayAct]).toEqual([false, false])
  expect(second.view().watchdog).toEqual({ request: request(), timeoutS: 15 })
  await arm(second)
  // No V between them: the kernel has counted on, and there was no moment without a watchdog.
  await fifo.holds('Ctimeout=15\nCtimeout=15\n1')
})

test('a new agent that does not want it, or wants another device, has it switched off', async () => {
  const first = newFencer()
  await arm(first)
  expect(await first.openWatchdog(request(), BUDGET_MS)).toBeNull()
  await first.close()
  const second = newFencer()
  const other = await Fifo.open(join(state, 'other'))
  await arm(second, { watchdog: request({ device: other.path }) })
  await fifo.holds('Ctimeout=15\nV')
  await second.close()
  const third = newFencer()
  await arm(third)
  await other.holds('Ctimeout=15\nV')
  expect(third.view().watchdog).toBeNull()
  await other.close()
})

test('a fencer that is killed leaves it running: the next one opens it at once', async () => {
  const fencer = newFencer()
  await arm(fencer)
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBeNull()
  process.kill(await programPid(), 'SIGKILL')
  await fifo.holds('Ctimeout=15\nCtimeout=15\n')
  await until('the agent sees it open', () => fencer.view().watchdog?.timeoutS === 15)
})

test('a fencer that is frozen does not feed it; its successor gets it when the frozen one is killed', async () => {
  const fencer = newFencer()
  await arm(fencer)
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBeNull()
  await freeze(await programPid())
  const leaseEndMs = clock.bootMs() + 90_000
  expect(await fencer.arm(leaseEndMs - 1000, null, 100, { leaseEndMs })).toMatch(/^no answer within/)
  await fifo.holds('Ctimeout=15\n')
  await arm(fencer)
  expect(fencer.view().watchdog).toEqual({ request: request(), timeoutS: 15 })
  await fifo.holds('Ctimeout=15\nCtimeout=15\n')
})

test('a device that another program has open, that is missing, or that is none', async () => {
  const [one, other] = [newFencer(), newFencer()]
  await arm(one)
  expect(await one.openWatchdog(request(), BUDGET_MS)).toBeNull()
  await other.arm(clock.bootMs() + 50_000, null, BUDGET_MS, { ahead: true })
  expect(await other.openWatchdog(request(), 100)).toBe(`${fifo.path}: Device or resource busy`)
  await other.openWatchdog(request(), 100)
  const told = `warning: watchdog not active: ${fifo.path}: Device or resource busy`
  expect(messages.filter(message => message === told)).toHaveLength(1)
  const missing = request({ device: '/nowhere/watchdog', mode: 'automatic' })
  expect(await other.openWatchdog(missing, BUDGET_MS)).toBe('/nowhere/watchdog: No such file or directory')
  // The default mode on a machine without a device is no reason for a warning.
  expect(messages).toContainEqual(
    'watchdog not active: /nowhere/watchdog: No such file or directory; going on without',
  )
  const none = request({ device: '/dev/null', driver: 'default' })
  expect(await other.openWatchdog(none, BUDGET_MS)).toBe(
    '/dev/null: the device does not say what its time-out is',
  )
  expect(await other.openWatchdog(request({ timeoutS: 1 }), BUDGET_MS)).toContain('Watchdog not supported')
  // Without a device its timeout is nobody's concern.
  expect(await other.openWatchdog(request({ timeoutS: 1, device: '/nowhere' }), BUDGET_MS)).toBe(
    '/nowhere: No such file or directory',
  )
  const looks = ['/dev/null', '/nowhere/watchdog'].map(device => other.lookAtWatchdog(device, BUDGET_MS))
  expect(await Promise.all(looks)).toMatchObject([
    { known: true, value: null },
    { known: true, value: '/nowhere/watchdog: No such file or directory' },
  ])
})

test('a device that fails is reported, and can be opened again', async () => {
  let lost = 0
  const fencer = newFencer(() => void lost++)
  await arm(fencer)
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBeNull()
  await fifo.close()
  await arm(fencer)
  await until('the agent has heard of it', () => fencer.view().watchdog === null && lost === 1)
  expect(messages).toContainEqual('warning: watchdog lost: Broken pipe')
  await fifo.read()
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBeNull()
  await fifo.holds('Ctimeout=15\n')
})

test('when agent and fencer are both killed nothing switches it off: the machine is reset', async () => {
  const fencer = newFencer()
  await arm(fencer)
  expect(await fencer.openWatchdog(request(), BUDGET_MS)).toBeNull()
  const pid = await programPid()
  // The agent lets go of it, as in death.
  await fencer.close()
  process.kill(pid, 'SIGKILL')
  await until('it is gone', async () => !(await lives(pid)))
  await fifo.holds('Ctimeout=15\n')
})
