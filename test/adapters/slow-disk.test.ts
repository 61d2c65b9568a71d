// The configuration in force: no beat waits for a disk, and what comes late is put in force before a later beat.
// What hangs here is a FIFO in the place of a file, or a file under a lease (fcntl(2)): whoever opens it waits.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { createConfiguration } from '../../src/agent/configuration.ts'
import { createDynamicConfiguration } from '../../src/agent/dynamic-config.ts'
import { effectivePostgresql } from '../../src/config/effective.ts'
import { readLocalConfig } from '../../src/config/node-config.ts'
import { createLog } from '../../src/journal/log.ts'
import { createPostgres } from '../../src/postgres/postgres.ts'
import { systemClock } from '../../src/system/clock.ts'
import { COMPLETE, directory } from '../config/sample.ts'
import { view } from '../exhaustive/parts.ts'
import { TimeLimit } from '../time-limit.ts'
import { runAs } from './postgres/postgres-harness.ts'

const clock = systemClock()
const HUNG_MS = 20_000

async function node() {
  const place = await directory()
  const [configPath, dataDir] = [join(place, 'node.yml'), join(place, 'data')]
  const file = COMPLETE.replace('/var/lib/postgresql/data', dataDir)
  await mkdir(join(dataDir, 'global'), { recursive: true })
  await writeFile(join(dataDir, 'global', 'pg_control'), '')
  await writeFile(configPath, file)
  const read = await readLocalConfig({ path: configPath, env: {} })
  if (!read.ok) throw new Error(read.errors[0]?.message)
  const { config, values } = read
  const lines: string[] = []
  const say = (level: string) => (text: string) => void lines.push(`${level} ${text}`)
  const log = { debug: say('DEBUG'), info: say('INFO'), warning: say('WARNING'), error: say('ERROR') }
  const dynamic = createDynamicConfiguration(log)
  const postgres = createPostgres({
    ...{ config: config.postgresql, scope: 'batman', name: 'pg1', bootstrap: null, clock, log: () => {} },
    effective: effectivePostgresql(config, dynamic.settings().document, 'replica'),
    stateDirectory: join(place, 'state'),
    ...(runAs === undefined ? {} : { runAs }),
  })
  const identity = { host: 'here', apiIsHere: true }
  const start = {
    ...{ config, values, configPath, env: {}, clock, identity },
    log: createLog(config.log, clock),
  }
  const causes: string[] = []
  const notified: string[] = []
  let reloadsOfRest = 0
  const store = { view: () => view({}), retime: () => {} }
  const configuration = createConfiguration({
    ...{ start, dynamic, store, postgres, log },
    reloadRest: async () => {
      reloadsOfRest += 1
      return true
    },
    notify: state => void notified.push(state),
    wake: cause => void causes.push(cause),
  })
  return {
    ...{ configuration, lines, causes, notified, file, configPath, dataDir, log: start.log },
    reloadsOfRest: () => reloadsOfRest,
    /** What comes before a beat, and what its rules make of it. */
    beat(): void {
      configuration.bringUpToDate('primary')
      const { applied, wanted, failure } = configuration.view()
      if (applied !== wanted && failure?.wanted !== wanted) configuration.apply()
    },
  }
}

async function hang(path: string): Promise<void> {
  await rm(path, { force: true })
  await promisify(execFile)('mkfifo', [path])
}

/** Whoever waits reads this; the file is gone for the next one. */
async function release(path: string, text: string): Promise<void> {
  const writer = await open(path, 'w')
  await rm(path)
  await writer.writeFile(text)
  await writer.close()
}

const LEASE = `
import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = open(sys.argv[1], 'r+')
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
file.write(sys.stdin.read())
file.close()
`

/** Whoever opens the file waits until this is called; then it has more text. The kernel's own limit is 45 s. */
async function lease(path: string): Promise<(more: string) => void> {
  const holder = spawn('python3', ['-c', LEASE, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void holder.kill())
  await once(holder.stdout, 'data')
  return more => void holder.stdin.end(more)
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const limitMs = clock.bootMs() + HUNG_MS
  while (!holds()) {
    if (clock.bootMs() > limitMs) throw new TimeLimit(`not within 20 s: ${what}`)
    await clock.sleep(5)
  }
}

const APPLIED = 'the configuration was applied'
const READ = 'the configuration file was read'

test('settings that cannot be written hold up no beat, and how they fail is a fact', async () => {
  const { configuration, dataDir, beat, lines, causes } = await node()
  await hang(join(dataDir, 'PG_VERSION'))
  for (let count = 0; count < 3; count++) beat()
  expect(configuration.view()).toMatchObject({
    wanted: 1,
    applied: 0,
    because: 'the agent started, the dynamic configuration changed',
    failure: null,
  })
  expect(configuration.view().applyingSinceMs).not.toBeNull()
  await release(join(dataDir, 'PG_VERSION'), '')
  await until('it was done', () => causes.includes(APPLIED))
  const { applied, applyingSinceMs, failure } = configuration.view()
  expect({ applied, applyingSinceMs }).toEqual({ applied: 0, applyingSinceMs: null })
  expect(failure).toMatchObject({
    wanted: 1,
    why: expect.stringContaining('PG_VERSION is missing or unreadable'),
  })
  expect(lines).toEqual([])
})

test('a file that cannot be read in time is in force once it was, and its reload ends then', async () => {
  const { configuration, configPath, file, beat, lines, causes, notified, reloadsOfRest, log } = await node()
  const logs = await directory()
  beat()
  await until('the first was written', () => causes.includes(APPLIED))
  causes.length = 0
  const release = await lease(configPath)
  configuration.requestReload()
  const late = 'WARNING the configuration file is not read yet'
  await until('it is said', () => {
    beat()
    return lines.some(line => line.startsWith(late))
  })
  expect(lines.filter(line => line.startsWith(late))).toHaveLength(1)
  expect(configuration.self().tags.nofailover).toBe(false)
  release(`${file}tags: {nofailover: true}\nlog: {dir: ${logs}, format: '%(message)s'}\n`)
  await until('it was read', () => causes.includes(READ))
  // Not in the middle of a beat.
  expect(configuration.self().tags.nofailover).toBe(false)
  expect(notified).toEqual(['RELOADING=1'])
  beat()
  expect(configuration.self().tags.nofailover).toBe(true)
  expect(configuration.view().because).toBe('reloaded')
  await until('it was written', () => {
    beat()
    return notified.includes('READY=1')
  })
  expect(reloadsOfRest()).toBe(1)
  log.info('where the file says')
  await log.close(HUNG_MS)
  expect(await readFile(join(logs, 'patroni.log'), 'utf8')).toBe('where the file says\n')
  expect(notified).toEqual(['RELOADING=1', 'READY=1'])
})

test('what changes while settings are being written is written after them', async () => {
  const { configuration, configPath, dataDir, file, beat, lines, causes, notified } = await node()
  await hang(join(dataDir, 'PG_VERSION'))
  beat()
  await writeFile(configPath, `${file}tags: {nofailover: true}\n`)
  configuration.requestReload()
  beat()
  await until('it was read', () => causes.includes(READ))
  beat()
  expect(configuration.self().tags.nofailover).toBe(true)
  expect(configuration.view()).toMatchObject({ wanted: 2, applied: 0 })
  expect(notified).toEqual(['RELOADING=1'])
  await release(join(dataDir, 'PG_VERSION'), '')
  await until('it was done', () => causes.includes(APPLIED))
  beat()
  await until('the second was done', () => notified.includes('READY=1'))
  expect(lines).toContain('INFO local configuration reloaded')
})

test('a file that is refused leaves the one in force, and is a fact until it is mended', async () => {
  const { configuration, configPath, file, beat, causes, notified } = await node()
  const reload = async (text: string): Promise<void> => {
    causes.length = 0
    await writeFile(configPath, text)
    configuration.requestReload()
    beat()
    await until('it was read', () => causes.includes(READ))
    beat()
  }
  await reload(`${file}tags: {nofailover: [}\n`)
  expect(configuration.self().tags.nofailover).toBe(false)
  expect(configuration.view().refusedFile).toContain(configPath)
  await until('the reload ended', () => {
    beat()
    return notified.includes('READY=1')
  })
  await reload(`${file}tags: {nofailover: true}\n`)
  expect(configuration.self().tags.nofailover).toBe(true)
  expect(configuration.view().refusedFile).toBeNull()
})

test('what failed is tried again, and nothing else with it', async () => {
  const { configuration, configPath, dataDir, file, beat, causes, notified, reloadsOfRest } = await node()
  beat()
  await until('the first was tried', () => causes.includes(APPLIED))
  await writeFile(configPath, `${file}tags: {nofailover: true}\n`)
  configuration.requestReload()
  await until('the reload failed', () => {
    beat()
    return configuration.view().failure?.wanted === 2
  })
  for (let count = 0; count < 3; count++) {
    causes.length = 0
    configuration.apply()
    await until('it was tried again', () => causes.includes(APPLIED))
  }
  expect(configuration.view().failure).toMatchObject({
    wanted: 2,
    why: expect.stringContaining('PG_VERSION'),
  })
  expect({ reloads: reloadsOfRest(), notified }).toEqual({ reloads: 1, notified: ['RELOADING=1', 'READY=1'] })
  expect(await readdir(dataDir)).not.toContain('patroni.dynamic.json')
})
