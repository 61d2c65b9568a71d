// The fencer program by itself, driven over its line protocol as the agent does it.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  buildFencer,
  clock,
  ended,
  hasPassed,
  type Sleeper,
  startSleeper,
  startTicks,
  until,
} from './stage.ts'

let home = ''
let binary = ''
const started: ChildProcess[] = []

beforeAll(async () => {
  home = await mkdtemp('/tmp/hactl-program-')
  binary = buildFencer(home)
}, 60_000)

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

afterAll(() => rm(home, { recursive: true, force: true }))

interface Armed {
  readonly n: number
  readonly deadline: number
  readonly answer: string
}

interface Running {
  readonly child: ChildProcess
  readonly answers: string[]
  say(line: string): void
  /** Waits for a line that begins with these words. */
  heard(beginning: string): Promise<string>
  /** Arms for a near deadline; once more, with a new one, when the fencer read it too late. `next`: sent in the same write. */
  armIn(ms: number, sleeper: Pick<Sleeper, 'pid' | 'ticks'>, next?: string): Promise<Armed>
}

function run(options: { readonly record?: string; readonly env?: Record<string, string> } = {}): Running {
  // A long grace: SIGKILL is for what does not obey SIGQUIT, not for what is slow to.
  const args = ['--data-dir', home, '--grace-ms', '10000', '--record', options.record ?? join(home, 'record')]
  const child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'], env: options.env ?? {} })
  started.push(child)
  const answers: string[] = []
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', line => answers.push(line))
  child.stdin?.on('error', () => {})
  const say = (line: string) => void child.stdin?.write(`${line}\n`)
  const find = (beginning: string) => answers.find(line => `${line} `.startsWith(`${beginning} `))
  async function heard(beginning: string): Promise<string> {
    await until(`answer ${beginning}`, () => find(beginning) !== undefined)
    return find(beginning) ?? ''
  }
  let n = 100
  async function armIn(ms: number, sleeper: Pick<Sleeper, 'pid' | 'ticks'>, next = ''): Promise<Armed> {
    await heard('ready')
    for (let tries = 1; ; tries++) {
      n += 1
      const deadline = clock.bootMs() + ms
      say(`arm ${n} ${deadline} ${sleeper.pid} ${sleeper.ticks} ${deadline}${next === '' ? '' : `\n${next}`}`)
      await until(`answer to ${n}`, () => (find(`armed ${n}`) ?? find(`failed ${n}`)) !== undefined)
      const answer = find(`armed ${n}`) ?? find(`failed ${n}`) ?? ''
      if (tries === 20 || !answer.endsWith('the deadline has passed')) return { n, deadline, answer }
    }
  }
  return { child, answers, say, heard, armIn }
}

async function victim(): Promise<Sleeper> {
  const sleeper = await startSleeper(home)
  started.push(sleeper.child)
  return sleeper
}

const inMs = (ms: number) => clock.bootMs() + ms

test('greets with its identity, and answers', async () => {
  const beforeMs = clock.bootMs()
  const fencer = run()
  const [, pid, ticks, bootMs] = (await fencer.heard('ready')).split(' ')
  const afterMs = clock.bootMs()
  expect(Number(pid)).toBe(fencer.child.pid)
  expect(ticks).toBe(await startTicks(Number(pid)))
  expect(Number(bootMs)).toBeGreaterThanOrEqual(beforeMs - 20)
  expect(Number(bootMs)).toBeLessThanOrEqual(afterMs + 20)
  fencer.say('ping 7')
  expect(await fencer.heard('pong 7')).toMatch(/^pong 7 \d+$/)
})

test('a process with other start ticks is never signalled', async () => {
  const fencer = run()
  const { pid, ticks, child } = await victim()
  const other = { pid, ticks: `${Number(ticks) + 1}` }
  const refused = await fencer.armIn(200, other)
  expect(refused.answer).toBe(`failed ${refused.n} the process with this pid is another one`)
  const gone = await victim()
  gone.child.kill('SIGKILL')
  // Not only dead: a zombie still has its pid.
  await until('it is gone', () => ended(gone.child))
  const missing = await fencer.armIn(200, gone)
  expect(missing.answer).toBe(`failed ${missing.n} no such process`)
  fencer.say(`retire 3 ${pid} ${other.ticks} off`)
  expect(await fencer.heard('retired 3')).toBe('retired 3')
  await until('both deadlines are over', () => hasPassed(missing.deadline + 150))
  expect(ended(child)).toBe(false)
  fencer.say('exit')
  await until('not armed, so it leaves', () => ended(fencer.child))
})

test('a refused arm leaves the former deadline standing', async () => {
  const fencer = run()
  const { pid, ticks, child } = await victim()
  const { n, deadline, answer } = await fencer.armIn(1000, { pid, ticks })
  expect(answer).toBe(`armed ${n}`)
  fencer.say(`arm 2 ${inMs(-1)} ${pid} ${ticks} 1`)
  fencer.say(`arm 3 ${inMs(90_000_000)} ${pid} ${ticks} 1`)
  fencer.say(`arm 4 ${inMs(60_000)} 1 1`)
  fencer.say('arm 5 -1 0 0 1')
  fencer.say('arm 6 12x 0 0 1')
  fencer.say('nonsense 7')
  fencer.say('')
  expect(await fencer.heard('failed 2')).toBe('failed 2 the deadline has passed')
  expect(await fencer.heard('failed 3')).toBe('failed 3 the deadline is more than a day away')
  for (const sequence of [4, 5, 6]) await fencer.heard(`failed ${sequence} arm needs`)
  expect(await fencer.heard('failed 7')).toBe('failed 7 not a command')
  await until('it fires', () => ended(child))
  expect(hasPassed(deadline)).toBe(true)
  expect(child.signalCode).toBe('SIGQUIT')
  const record = JSON.parse((await fencer.heard('fenced')).slice('fenced '.length))
  expect(record).toMatchObject({ pid, deadlineMs: deadline, signal: 'SIGQUIT', quit: 1, killed: 0, left: 0 })
  expect(record.lateMs).toBeGreaterThanOrEqual(0)
  expect(record.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(Math.abs(Date.parse(record.at) - clock.wallMs())).toBeLessThan(60_000)
})

test('disarmed: the deadline passes and nothing happens', async () => {
  const fencer = run()
  const sleeper = await victim()
  // Both in one write, so in one read: the deadline cannot pass between them.
  const { n, deadline, answer } = await fencer.armIn(200, sleeper, 'disarm 2')
  expect(answer).toBe(`armed ${n}`)
  await fencer.heard('disarmed 2')
  await until('the deadline is over', () => hasPassed(deadline + 150))
  expect(ended(sleeper.child)).toBe(false)
  expect(fencer.answers.some(line => line.startsWith('fenced'))).toBe(false)
})

test('an exited postmaster that was armed before can be armed again: the lease is renewed meanwhile', async () => {
  const fencer = run()
  const { pid, ticks, child } = await victim()
  fencer.say(`arm 1 ${inMs(60_000)} ${pid} ${ticks} ${inMs(60_000)}`)
  await fencer.heard('armed 1')
  child.kill('SIGKILL')
  await until('it is gone', () => ended(child))
  const { n, answer } = await fencer.armIn(100, { pid, ticks })
  expect(answer).toBe(`armed ${n}`)
  expect(JSON.parse((await fencer.heard('fenced')).slice(7))).toMatchObject({
    signal: 'none',
    quit: 0,
    left: 0,
  })
})

test('signals: ignored while the agent lives, SIGTERM ends an orphan', async () => {
  const fencer = run()
  const { pid, ticks, child } = await victim()
  fencer.say(`arm 1 ${inMs(60_000)} ${pid} ${ticks} ${inMs(60_000)}`)
  await fencer.heard('armed 1')
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) fencer.child.kill(signal)
  fencer.say('ping 2')
  await fencer.heard('pong 2')
  expect(ended(fencer.child)).toBe(false)
  fencer.child.stdin?.end()
  await until('the orphan leaves', () => {
    fencer.child.kill('SIGTERM')
    return ended(fencer.child)
  })
  expect(fencer.child.exitCode).toBe(0)
  expect(ended(child)).toBe(false)
})

test('exit is refused while armed; the end of input ends it at once when disarmed', async () => {
  const fencer = run()
  const { pid, ticks } = await victim()
  fencer.say(`arm 1 ${inMs(60_000)} ${pid} ${ticks} ${inMs(60_000)}`)
  fencer.say('exit')
  expect(await fencer.heard('failed 0')).toBe('failed 0 armed')
  fencer.say('disarm 2')
  await fencer.heard('disarmed 2')
  fencer.child.stdin?.end()
  await until('it leaves', () => ended(fencer.child))
  expect(fencer.child.exitCode).toBe(0)
})

test('an agent that does not read its answers cannot hold up the deadline', async () => {
  const fencer = run()
  const sleeper = await victim()
  await fencer.armIn(1000, sleeper)
  fencer.child.stdout?.pause()
  for (let sequence = 1000; sequence < 41_000; sequence++) fencer.say(`ping ${sequence}`)
  await until('it fires', () => ended(sleeper.child))
})

test('an endless line is refused, the next one is understood', async () => {
  const fencer = run()
  fencer.say(`notify ${'x'.repeat(50_000)}`)
  fencer.say('ping 1')
  expect(await fencer.heard('failed 0')).toBe('failed 0 line too long')
  await fencer.heard('pong 1')
})

test('a full disk or a missing directory for the record changes nothing', async () => {
  const fencer = run({ record: '/dev/full' })
  await fencer.armIn(100, await victim())
  await fencer.heard('fenced')
  expect(await fencer.heard('warning')).toBe('warning the record is not written: No space left on device')
  const second = await victim()
  await fencer.armIn(100, second)
  await until('it fires again', () => ended(second.child))
  const homeless = run({ record: join(home, 'missing', 'record') })
  expect(await homeless.heard('warning')).toBe('warning no record will be written: No such file or directory')
})

test.each(['path', 'abstract'])('notify sends a datagram to NOTIFY_SOCKET (%s)', async kind => {
  const name = kind === 'path' ? join(home, 'notify.sock') : `@hactl-test-${process.pid}`
  const script =
    'import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n' +
    's.bind(sys.argv[1].replace("@","\\0"))\nprint("bound",flush=True)\n' +
    'for _ in range(3): print(s.recv(4096).decode(),flush=True)\n'
  const receiver = spawn('python3', ['-c', script, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(receiver)
  let received = ''
  receiver.stdout.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  await until('the receiver is there', () => received.startsWith('bound'))
  const fencer = run({ env: { NOTIFY_SOCKET: name } })
  fencer.say('notify READY=1')
  fencer.say('notify STATUS=leader, lease until 12:00')
  fencer.say('notify RELOADING=1')
  // One datagram, of which each line is a field: the time is what Type=notify-reload looks for.
  const all = /^bound\nREADY=1\nSTATUS=leader, lease until 12:00\nRELOADING=1\nMONOTONIC_USEC=(\d+)\n$/
  await until('all arrive', () => all.test(received))
  const lateByUs = Number(process.hrtime.bigint() / 1000n) - Number(all.exec(received)?.[1])
  expect(lateByUs).toBeGreaterThanOrEqual(0)
  expect(lateByUs).toBeLessThan(60_000_000)
  await until('the receiver ends', () => ended(receiver))
  fencer.say('notify WATCHDOG=1')
  expect(await fencer.heard('warning notify:')).toMatch(/Connection refused|No such file/)
})
