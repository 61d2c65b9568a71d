// One agent to a data directory: two of them, under different names and ports, once stopped and promoted the same
// PostgreSQL in turns until neither could start it. And nobody else on the machine has a say in it.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { claimDirectories } from '../../src/system/sole-agent.ts'
import { asPostgres, postgresUser } from '../cluster/harness/stage.ts'
import { freeze } from '../freeze.ts'
import { freePort } from './free-port.ts'

const LIMIT_MS = 20_000
const ENTRY = fileURLToPath(new URL('../../bin/run.js', import.meta.url))
const MODULE = new URL('../../src/system/sole-agent.ts', import.meta.url).href
const NOBODY = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--'] as const

let top: string
const children: ChildProcess[] = []
const tops: string[] = []

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'hactl-claim-'))
  tops.push(top)
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(tops.map(path => rm(path, { recursive: true, force: true })))
})

function run(file: string, ...args: string[]): ChildProcess {
  const child = spawn(file, args, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

/** Resolves with all that was printed when `pattern` is in it, or the program has ended. */
async function until(child: ChildProcess, pattern: RegExp): Promise<string> {
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', text => {
    said += text
  })
  await expect.poll(() => pattern.test(said) || child.exitCode !== null, { timeout: LIMIT_MS }).toBe(true)
  return said
}

/** What a second agent, as the user of PostgreSQL, hears when it claims these. */
function secondClaim(data: string, state: string): unknown {
  const program = `const { claimDirectories } = await import(${JSON.stringify(MODULE)})
    console.log(JSON.stringify(await claimDirectories(...process.argv.slice(1), 'pg2')))`
  const node = [process.execPath, '--input-type=module', '-e', program, data, state]
  const [file = '', ...args] = [...asPostgres, ...node]
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8', cwd: '/', timeout: LIMIT_MS }))
}

/** A process that holds, and then does as `afterwards` says. */
async function holder(
  prefix: readonly string[],
  afterwards: string,
  ...paths: string[]
): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const program = `const { claimDirectories } = await import(${JSON.stringify(MODULE)})
    const claim = await claimDirectories(...process.argv.slice(1, 3), 'pg1, pid 17')
    ${afterwards}
    process.stdout.write(String(claim.ok) + '\\n')
    setTimeout(() => {}, 60_000)`
  const [file = '', ...args] = [...prefix, process.execPath, '--input-type=module', '-e', program, ...paths]
  const child = run(file, ...args)
  const said = await until(child, /true/)
  expect(said).toContain('true')
  return { child, said }
}

test('the second is told who was first, whichever directory the two share; what was released is free', async () => {
  const [data, state, other] = ['data', 'state', 'other'].map(name => join(top, name)) as [
    string,
    string,
    string,
  ]
  const first = await claimDirectories(data, state, 'pg1, pid 17')
  expect(first).toMatchObject({ ok: true, warnings: [] })
  const refused = (place: string) => ({ ok: false, why: `another agent works on ${place} (pg1, pid 17)` })
  expect(await claimDirectories(`${data}/`, other, 'pg2')).toEqual(refused(data))
  expect(await claimDirectories(other, `${state}/`, 'pg2')).toEqual(refused(state))
  expect(await claimDirectories(data, `${data}.hactl`, 'pg2')).toEqual(refused(data))
  await symlink(top, `${top}/link`)
  expect(await claimDirectories(join(top, 'link', 'data'), join(top, 'third'), 'pg2')).toEqual(refused(data))
  const elsewhere = await claimDirectories(join(top, 'fourth'), join(top, 'fifth'), 'pg2')
  expect(elsewhere.ok).toBe(true)
  if (first.ok) await first.release()
  const again = await claimDirectories(data, state, 'pg2')
  expect(again.ok).toBe(true)
  if (again.ok) await again.release()
  if (elsewhere.ok) await elsewhere.release()
})

test('a frozen process still holds, also against another network namespace', async () => {
  const paths = [join(top, 'data'), join(top, 'state')]
  const { child } = await holder([], '', ...paths)
  if (child.pid !== undefined) await freeze(child.pid)
  const second = `const { claimDirectories } = await import(${JSON.stringify(MODULE)})
    console.log(JSON.stringify(await claimDirectories(...process.argv.slice(1), 'pg2')))`
  const args = [
    '-n',
    process.execPath,
    '--input-type=module',
    '-e',
    second,
    join(top, 'data'),
    join(top, 'else'),
  ]
  const said = execFileSync('unshare', args, { encoding: 'utf8', timeout: LIMIT_MS })
  expect(JSON.parse(said)).toEqual({ ok: false, why: `another agent works on ${paths[0]} (pg1, pid 17)` })
})

test('a process that was killed holds no longer, though a program that it started lives on', async () => {
  const paths = [join(top, 'data'), join(top, 'state')] as const
  const starts = `const { spawn } = await import('node:child_process')
    const left = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
    process.stdout.write('left ' + left.pid + '\\n')`
  const { child, said } = await holder([], starts, ...paths)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const claim = await claimDirectories(...paths, 'pg2')
  process.kill(Number(/left (\d+)/.exec(said)?.[1]), 'SIGKILL')
  expect(claim.ok).toBe(true)
  if (claim.ok) await claim.release()
})

test('what the holder wrote about itself is one short line', async () => {
  const [data, state] = [join(top, 'data'), join(top, 'state')]
  const first = await claimDirectories(data, state, `pg1\n\u001b[31m${'x'.repeat(1000)}`)
  const second = await claimDirectories(join(top, 'other'), state, 'pg2')
  expect(second).toEqual({ ok: false, why: expect.stringMatching(/\(pg1\\n\\x1b\[31mx{1,200}\)$/) })
  if (first.ok) await first.release()
})

test('a directory in which nothing may be created beside the data is locked itself', async () => {
  const { uid, gid } = await postgresUser()
  const [data, state, other] = ['data', 'state', 'other'].map(name => join(top, name)) as [
    string,
    string,
    string,
  ]
  await chmod(top, 0o755)
  for (const path of [data, state, other]) {
    await mkdir(path, { mode: 0o700 })
    await chown(path, uid, gid)
  }
  const { child } = await holder(asPostgres, '', data, state)
  expect(secondClaim(data, other)).toMatchObject({
    ok: false,
    why: expect.stringContaining(`another agent works on ${data}`),
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
})

test.each([
  [
    'is open to others',
    (path: string) => chmod(path, 0o777),
    /may be written by others \(mode 0777\): chmod 0700/,
  ],
  ['is open to the group', (path: string) => chmod(path, 0o770), /may be written by others \(mode 0770\)/],
  [
    'belongs to somebody else',
    (path: string) => chown(path, 65_534, 65_534),
    /belongs to the user with id 65534/,
  ],
  [
    'lies in what everybody may rename',
    (_: string, above: string) => chmod(above, 0o777),
    /, above .*, may be written by everybody/,
  ],
])('a state directory that %s is refused', async (_, spoil, expected) => {
  const state = join(top, 'above', 'state')
  await mkdir(state, { recursive: true, mode: 0o700 })
  await spoil(state, join(top, 'above'))
  const claim = await claimDirectories(join(top, 'data'), state, 'pg1')
  expect(claim).toEqual({ ok: false, why: expect.stringMatching(expected) })
})

test('a link that somebody else made is not followed, neither to the directory nor to the lock', async () => {
  await mkdir(join(top, 'mine'), { mode: 0o700 })
  await symlink(join(top, 'mine'), join(top, 'link'))
  execFileSync('chown', ['-h', 'nobody', join(top, 'link')])
  const claim = await claimDirectories(join(top, 'data'), join(top, 'link'), 'pg1')
  expect(claim).toEqual({ ok: false, why: expect.stringMatching(/is a link of the user with id 65534/) })
  await writeFile(join(top, 'precious'), 'kept')
  await symlink(join(top, 'precious'), join(top, 'mine', 'agent.lock'))
  const linked = await claimDirectories(join(top, 'data'), join(top, 'mine'), 'pg1')
  expect(linked).toMatchObject({
    ok: true,
    warnings: [expect.stringMatching(/mine cannot be locked.*: ELOOP/)],
  })
  if (linked.ok) await linked.release()
  expect(await readFile(join(top, 'precious'), 'utf8')).toBe('kept')
})

test('a state directory that cannot be written keeps nobody from starting, and what can be locked is', async () => {
  const { uid, gid } = await postgresUser()
  await chmod(top, 0o755)
  const [data, state] = ['data', 'state'].map(name => join(top, name)) as [string, string]
  for (const path of [data, state]) await mkdir(path, { mode: 0o700 })
  // It is root's, and root is trusted; but the agent may not write there.
  await chown(data, uid, gid)
  const { child } = await holder(asPostgres, '', data, state)
  expect(secondClaim(data, state)).toMatchObject({
    ok: false,
    why: expect.stringContaining(`another agent works on ${data}`),
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  // Both without a lock: a warning each, and it starts.
  await chown(data, 0, 0)
  expect(secondClaim(data, state)).toMatchObject({
    ok: true,
    warnings: [
      expect.stringMatching(/\/state cannot be locked, and another agent on it would not be noticed: EACCES/),
      expect.stringMatching(/\/data cannot be locked, .*: EACCES/),
    ],
  })
})

/** A real agent, as the user of PostgreSQL, with no etcd there. */
async function agentOf(name: string, more = ''): Promise<ChildProcess> {
  const [api, port] = [await freePort(), await freePort()]
  const config = join(top, `${name}.yml`)
  await writeFile(
    config,
    `scope: claims
name: ${name}
restapi: {listen: 127.0.0.1:${api}, connect_address: 127.0.0.1:${api}}
etcd3: {hosts: [127.0.0.1:1]}
postgresql:
  listen: 127.0.0.1:${port}
  connect_address: 127.0.0.1:${port}
  data_dir: ${top}/data
  bin_dir: /usr/lib/postgresql/15/bin
  authentication: {superuser: {username: postgres, password: x}, replication: {username: replicator, password: y}}
${more}`,
  )
  const [file = '', ...args] = [...asPostgres, process.execPath, ENTRY, 'agent', config]
  return run(file, ...args)
}

test('root is refused', () => {
  const sample = fileURLToPath(new URL('../../contrib/hactl.yml', import.meta.url))
  const agent = spawnSync(process.execPath, [ENTRY, 'agent', sample], { encoding: 'utf8', timeout: LIMIT_MS })
  expect([agent.status, agent.stderr]).toEqual([2, expect.stringMatching(/must not run as root/)])
})

test('an unprivileged user keeps no agent from starting, and says nothing in its log', async () => {
  const { uid, gid } = await postgresUser()
  await chown(top, uid, gid)
  await chmod(top, 0o755)
  // The guard of earlier versions: a socket that anybody could take, and talk into.
  const { dev, ino } = await stat('/', { bigint: true })
  const squats = ['data', 'data.hactl'].map(name => {
    const hash = createHash('sha256')
      .update(`${dev}:${ino} ${join(top, name)}`)
      .digest('hex')
    const program = `require('node:net').createServer(s => s.end('x\\n2026 CRITICAL: forged')).listen({ path: '\\0hactl-agent-${hash}' }, () => console.log('listens'))`
    return run(NOBODY[0], ...NOBODY.slice(1), process.execPath, '-e', program)
  })
  for (const squat of squats) expect(await until(squat, /listens/)).toContain('listens')
  const first = await agentOf('pg1')
  const said = await until(first, /outdated.apply/)
  expect(said).not.toMatch(/Can't start|forged/)
  expect(said).toContain('outdated.apply')
  // What it holds, nobody else can open, and so neither lock nor read.
  const lock = join(top, 'data.hactl', 'agent.lock')
  const grab = () =>
    execFileSync(NOBODY[0], [...NOBODY.slice(1), 'flock', '-n', lock, 'true'], { stdio: 'pipe' })
  expect(grab).toThrow(/Permission denied/)
  const second = await agentOf('pg2', `hactl: {state_directory: ${top}/other}\n`)
  expect(await until(second, /Can't start/)).toMatch(/another agent works on \S+\/data \(pg1, pid \d+\)/)
  first.kill('SIGKILL')
  await once(first, 'exit')
  const logs = join(top, 'logs')
  await mkdir(logs)
  await chmod(logs, 0o777)
  const third = await agentOf('pg3', `log: {dir: ${logs}}\n`)
  const log = () => readFile(join(logs, 'patroni.log'), 'utf8').catch(() => '')
  await expect.poll(log, { timeout: LIMIT_MS }).toMatch(/outdated\.apply/)
  expect(await log()).toMatch(/WARNING: log\.dir: everybody may write \S+logs, .*: chmod o-w/)
  expect(await log()).not.toContain("Can't start")
  third.kill('SIGKILL')
})
