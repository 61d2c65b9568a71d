// The log: Patroni's line, Python's formats, files, limits, and no secret.

import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLog } from '../../src/journal/log.ts'
import { formatDefaultTime, formatLine, strftime } from '../../src/journal/log-format.ts'
import { redact } from '../../src/model/command/redact.ts'
import type { LogConfig } from '../../src/model/settings/config.ts'
import { systemClock } from '../../src/system/clock.ts'
import { memoryDirectory } from '../memory-directory.ts'

const clock = systemClock()
/** Where all is to be written. */
const WRITTEN_MS = 20_000
let home = ''

beforeAll(async () => {
  home = await memoryDirectory('hactl-log-')
})
afterAll(() => rm(home, { recursive: true, force: true }))

const PLAIN: LogConfig = {
  type: 'plain',
  level: 'INFO',
  format: '%(asctime)s %(levelname)s: %(message)s',
  dateformat: null,
  staticFields: {},
  dir: null,
  fileNum: 4,
  fileSize: 25_000_000,
  mode: null,
  deduplicateHeartbeatLogs: false,
}

function capture(): { readonly out: PassThrough; text(): string } {
  const out = new PassThrough({ highWaterMark: 1e9 })
  return { out, text: () => (out.read() ?? '').toString() }
}

async function printed(
  config: Partial<LogConfig>,
  say: (log: ReturnType<typeof createLog>) => void,
): Promise<string> {
  const { out, text } = capture()
  const log = createLog({ ...PLAIN, ...config }, clock, out)
  say(log)
  expect(await log.flush(WRITTEN_MS)).toBe(true)
  return text()
}

test("the default line is Patroni's", async () => {
  const text = await printed({}, log => {
    log.debug('hidden')
    log.info('no action. I am (pg1), the leader with the lock')
    log.critical('gone')
  })
  const lines = text.split('\n')
  expect(lines[0]).toMatch(
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO: no action\. I am \(pg1\), the leader with the lock$/,
  )
  expect(lines[1]).toMatch(/ CRITICAL: gone$/)
  expect(lines).toHaveLength(3)
})

test('a format of the house, with fields of the call', async () => {
  const format =
    '%(levelname)-8s|%(process)d|%(threadName)s|%(lineno)03d|%(rule)s|%(message).5s|%%|%(nothing)s|'
  const text = await printed({ format, level: 'DEBUG' }, log =>
    log.warning('abcdefgh', { rule: 'leader.renew' }),
  )
  expect(text).toBe(`WARNING |${process.pid}|MainThread|000|leader.renew|abcde|%||\n`)
})

test('%-formats and strftime, value by value', () => {
  expect(formatLine('%(a)5d|%(a)-5d|%(a)05d|%(b).2f|%(s)5s|%(a)x', { a: 42, b: 1.239, s: 'ab' })).toBe(
    '   42|42   |00042|1.24|   ab|2a',
  )
  expect(formatLine('100% %(message)s %z', { message: '%(message)s' })).toBe('100% %(message)s %z')
  const at = new Date(2026, 0, 5, 15, 4, 9, 7)
  expect(formatDefaultTime(at)).toBe('2026-01-05 15:04:09,007')
  expect(strftime('%Y-%m-%dT%H:%M:%S %j %a %A %b %B %y %I %p %e %f %F %T %% %q', at)).toBe(
    '2026-01-05T15:04:09 005 Mon Monday Jan January 26 03 PM  5 007000 2026-01-05 15:04:09 % %q',
  )
  expect(strftime('%z', at)).toMatch(/^[+-]\d{4}$/)
})

test('JSON: the fields of the format, renamed when asked, static ones, and those of the call', async () => {
  const config = { type: 'json', staticFields: { app: 'pg' }, dateformat: '%Y' } as const
  const text = await printed(config, log => log.info('x "y"\n', { rule: 'race.win', lag: 12n }))
  expect(text.split('\n')).toHaveLength(2)
  const year = `${new Date(clock.wallMs()).getFullYear()}`
  const shown = {
    asctime: year,
    levelname: 'INFO',
    message: 'x "y"\n',
    app: 'pg',
    rule: 'race.win',
    lag: '12',
  }
  expect(JSON.parse(text)).toEqual(shown)
  const jsonFields = [
    { field: 'message', name: 'msg' },
    { field: 'levelname', name: 'level' },
  ]
  const renamed = await printed({ ...config, jsonFields }, log => log.error('z'))
  expect(renamed).toBe('{"msg":"z","level":"ERROR","app":"pg"}\n')
})

test('heartbeats that say nothing new are left out when asked so, but not from a log of level DEBUG', async () => {
  const say = (log: ReturnType<typeof createLog>) => {
    log.info('leader.steady: no action. I am (a), the leader')
    log.heartbeat('leader.steady: no action. I am (a), the leader')
    log.info('promoted')
  }
  expect((await printed({}, say)).split('\n')).toHaveLength(4)
  expect((await printed({ deduplicateHeartbeatLogs: true }, say)).split('\n')).toHaveLength(3)
  expect((await printed({ deduplicateHeartbeatLogs: true, level: 'DEBUG' }, say)).split('\n')).toHaveLength(4)
})

test.each([
  ['host=a password=geheim dbname=b', 'host=a password=*** dbname=b'],
  ["password='ge heim\\' x' port=1", 'password=*** port=1'],
  ['{"superuser_password": "a\\"b", "x": 1}', '{"superuser_password": ***, "x": 1}'],
  ['postgres://user:p@ss/w:rd@host:5432/db', 'postgres://user:***@host:5432/db'],
  ['http://10.0.0.1:2379/v3', 'http://10.0.0.1:2379/v3'],
  ['PGPASSWORD=x pg_rewind', 'PGPASSWORD=*** pg_rewind'],
  ["ALTER USER a PASSWORD 'it''s' VALID", "ALTER USER a PASSWORD '***' VALID"],
  ['Authorization: Basic dXNlcjpwYXNz', 'Authorization: Basic ***'],
  ['token: abc.def, next', 'token: ***, next'],
  [
    'FATAL:  password authentication failed for user "x"',
    'FATAL:  password authentication failed for user "x"',
  ],
  ['password_encryption = scram', 'password_encryption = scram'],
  ['password=', 'password='],
])('redacts %j', (text, clean) => {
  expect(redact(text)).toBe(clean)
})

test('a secret does not pass by message, by field or by the name of a field', async () => {
  const text = await printed({ type: 'json' }, log =>
    log.error('password=geheim', { dsn: 'postgres://u:geheim@h/d', restapi_password: 'geheim', list: 1 }),
  )
  expect(text).not.toContain('geheim')
  expect(JSON.parse(text)).toMatchObject({ dsn: 'postgres://u:***@h/d', restapi_password: '***', list: 1 })
})

test('files: patroni.log, its backups, its mode', async () => {
  const dir = await mkdtemp(join(home, 'files-'))
  const { out, text } = capture()
  const log = createLog({ ...PLAIN, dir, fileNum: 2, fileSize: 1000, mode: 0o640 }, clock, out)
  for (let line = 0; line < 60; line++) {
    log.info(`line ${line}`)
    if (line % 10 === 9) await log.flush(WRITTEN_MS)
  }
  expect(await log.flush(WRITTEN_MS)).toBe(true)
  expect((await readdir(dir)).sort()).toEqual(['patroni.log', 'patroni.log.1', 'patroni.log.2'])
  expect((await stat(join(dir, 'patroni.log'))).mode & 0o777).toBe(0o640)
  expect(await readFile(join(dir, 'patroni.log'), 'utf8')).toMatch(/line 59\n$/)
  expect(text()).toBe('')
  await log.close(WRITTEN_MS)
})

test('a log file that cannot be written is said once on the stream, and the agent goes on', async () => {
  const { out, text } = capture()
  const log = createLog({ ...PLAIN, dir: join(home, 'missing') }, clock, out)
  for (let line = 0; line < 5; line++) {
    log.info('x')
    expect(await log.flush(WRITTEN_MS)).toBe(false)
  }
  expect(text()).toMatch(/^[^\n]* ERROR: cannot write [^\n]*patroni\.log: ENOENT[^\n]*\n$/)
})

test('a reload changes level, format and destination with the next line', async () => {
  const dir = await mkdtemp(join(home, 'reload-'))
  const { out, text } = capture()
  const log = createLog(PLAIN, clock, out)
  log.debug('no')
  log.configure({ ...PLAIN, level: 'DEBUG', format: '%(message)s' })
  log.debug('yes')
  await log.flush(WRITTEN_MS)
  log.configure({ ...PLAIN, dir, format: '%(message)s' })
  log.info('to the file')
  await log.flush(WRITTEN_MS)
  expect(text()).toBe('yes\n')
  expect(await readFile(join(dir, 'patroni.log'), 'utf8')).toBe('to the file\n')
  await log.close(WRITTEN_MS)
})

test('a reader that stalls: the queue is bounded, the loss is said when it reads again', async () => {
  const taken: string[] = []
  let release: (() => void) | null = null
  const out = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      taken.push(text)
      if (release === null) release = () => done()
      else done()
    },
  })
  const log = createLog({ ...PLAIN, format: '%(message)s' }, clock, out)
  log.info('first')
  expect(await log.flush(50)).toBe(false)
  for (let line = 0; line < 5000; line++) log.info(`line ${line}`)
  expect(log.dropped()).toBe(4001)
  expect(await log.flush(50)).toBe(false)
  ;(release as (() => void) | null)?.()
  expect(await log.flush(WRITTEN_MS)).toBe(true)
  const text = taken.join('')
  expect(text).toContain('line 4999\n')
  expect(text).toContain('the log was too slow: 4001 lines are lost\n')
  expect(text).not.toContain('line 4000\n')
})

test('a stream that is gone does not bring the process down', async () => {
  const out = new PassThrough()
  const log = createLog(PLAIN, clock, out)
  out.destroy(new Error('EPIPE'))
  log.info('x')
  expect(await log.flush(WRITTEN_MS)).toBe(false)
  log.info('y')
  expect(await log.flush(WRITTEN_MS)).toBe(false)
})

/** Anything, and often what a terminal obeys. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', '\r', '\t', '\u001b[31m', '\u009b', '\u202e', '\u2028', '\ud800'),
      fc.string(),
    ),
  )
  .map(parts => parts.join(''))
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u

test('a record is one line without a control character, whatever is in it and in whatever format', async () => {
  const formats: readonly Partial<LogConfig>[] = [
    {},
    { format: '%(asctime)s\t%(levelname)-8s [%(site)5.3s] %(message)s' },
    { type: 'json', staticFields: { app: 'a\u009bb' } },
  ]
  await fc.assert(
    fc.asyncProperty(hostile, hostile, fc.constantFrom(...formats), async (message, site, config) => {
      const text = await printed(config, log => log.error(message, { site, deep: { site } }))
      expect(text.match(/\n/g)).toHaveLength(1)
      expect(text.endsWith('\n')).toBe(true)
      // The tab is the format's own.
      expect(text.slice(0, -1).replace('\t', '')).not.toMatch(CONTROL)
    }),
    { numRuns: 300 },
  )
})

test('a line that a key in etcd would forge stays in its own', async () => {
  const forged = 'x\n2026-11-29 00:00:00,000 CRITICAL: forged \u001b[31mline'
  const text = await printed({}, log => log.info(`a request names ${forged}`))
  expect(text).toMatch(
    / INFO: a request names x\\n2026-11-29 00:00:00,000 CRITICAL: forged \\x1b\[31mline\n$/,
  )
})
