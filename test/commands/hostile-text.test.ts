// What stands in etcd and in the answers of members may be written by anybody who got that far. It reaches a terminal, a
// log or a script as text: no line of its own, no colour, no movement of the cursor, and no command of the shell.

import { execFile } from 'node:child_process'
import { rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { escapedText, line } from '../../src/terminal/print.ts'
import { memoryDirectory } from '../memory-directory.ts'
import { openStage, runHactl, type Stage } from './stage/stage.ts'
import { openTerminal } from './stage/terminal.ts'

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u
/** A forged row, a colour, a cleared screen, a title of the window (also by C1), a turned reading direction. */
const EVIL = 'x\nFORGED\tROW\r\u001b[31m\u001b[2J\u009d0;title\u009c\u202egnp\u2028end'
const ESCAPED = 'x\\nFORGED\\tROW\\r\\x1b[31m\\x1b[2J\\x9d0;title\\x9c\\u202egnp\\u2028end'

let stage: Stage
let member: Server

beforeAll(async () => {
  stage = await openStage()
  member = createServer((_, response) => {
    response.statusMessage = 'odd'
    response.writeHead(503, { 'content-type': 'text/html' })
    response.end(EVIL)
  })
  await new Promise<void>(resolve => void member.listen(0, '127.0.0.1', resolve))
  await writeEvil(stage, (member.address() as AddressInfo).port)
})
afterAll(async () => {
  member.close()
  await stage.stop()
})

async function writeEvil(on: Stage, port: number): Promise<void> {
  const url = { conn_url: 'postgres://127.0.0.1:5432/postgres', api_url: `http://127.0.0.1:${port}/patroni` }
  const running = { ...url, state: 'running', version: EVIL, timeline: 1, xlog_location: 67109888 }
  await on.put('evil/initialize', '77\n\u001b[31m')
  await on.put('evil/leader', 'pg0')
  await on.put('evil/config', {
    ttl: 30,
    postgresql: { parameters: { archive_command: EVIL, [EVIL]: 'on' } },
  })
  await on.put('evil/status', {
    optime: 67109888,
    slots: { [EVIL]: 1 },
    hactl_gone: [{ name: EVIL, slot: EVIL }],
  })
  await on.put('evil/history', [[1, 67109000, EVIL, EVIL, EVIL]])
  await on.put('evil/hactl/history', [
    {
      timeline: 1,
      cause: 'switchover',
      by: EVIL,
      from: EVIL,
      to: 'pg1',
      at: EVIL,
      leaderless_ms: 8,
      lost_bytes: 0,
    },
  ])
  await on.put('evil/sync', { leader: 'pg0', quorum: 0, sync_standby: EVIL })
  await on.put('evil/members/pg0', {
    ...running,
    ...{
      role: 'primary',
      pending_restart: true,
      tags: { [EVIL]: EVIL },
      hactl: { problem: EVIL, problem_id: EVIL },
    },
    pending_restart_reason: { [EVIL]: { old_value: EVIL, new_value: EVIL } },
    scheduled_restart: { schedule: EVIL, postgres_version: EVIL },
  })
  await on.put('evil/members/pg1', {
    ...running,
    ...{ role: EVIL, state: EVIL, replication_state: EVIL, conn_url: `postgres://h${EVIL}:5/postgres` },
  })
  await on.put(`evil/members/${EVIL}`, { ...running, role: 'replica' })
  await on.put('evil/members/pg2\u202e', { ...running, role: 'replica' })
  await on.put(`evil${EVIL}/members/pg0`, { ...running, role: 'replica' })
}

const LINES: readonly (readonly string[])[] = [
  ['list', 'evil'],
  ['list', 'evil', '-f', 'tsv'],
  ['list', 'evil', '-f', 'json'],
  ['list', 'evil', '-f', 'yaml'],
  ['list', 'evil', '--json'],
  ['list', 'evil', '--extended', '--ask'],
  ['list', `evil${EVIL}`],
  ['topology', 'evil'],
  ['history', 'evil'],
  ['history', 'evil', '-f', 'tsv'],
  ['history', 'evil', '--json'],
  ['show-config', 'evil'],
  ['edit-config', 'evil', '--set', `postgresql.parameters.x=${EVIL}`, '--force'],
  ['version', 'evil'],
  ['check', 'evil'],
  ['dsn', 'evil', '-r', 'replica'],
  ['switchover', 'evil', '--dry-run'],
  ['switchover', 'evil', '--force'],
  ['failover', 'evil', '--candidate', 'pg1', '--force'],
  ['failover', 'evil', '--candidate', EVIL, '--force'],
  ['restart', 'evil', '--force'],
  ['restart', 'evil', `no${EVIL}`, '--force'],
  ['reload', 'evil', '--force'],
  ['reinit', 'evil', 'pg1', '--force'],
  ['rolling', 'restart', 'evil', '--force'],
  ['query', 'evil', '-c', 'select 1'],
  ['wait', 'evil', '--for', 'healthy', '--timeout', '1'],
  ['flush', 'evil', 'switchover'],
  ['pause', 'evil', '--timeout', '1'],
  ['remove', 'evil'],
  ['list', '--dcs-url', `etcd3://no${EVIL}:1`],
  [`lis${EVIL}`],
]

test.each(['hactl', 'patronictl'])('%s prints none of it raw, in whatever command', async called => {
  const failed: unknown[] = []
  for (const args of LINES) {
    const { stdout, stderr } = await stage.hactl(args, { env: { HACTL_CALLED_AS: called } })
    // Between columns the tab is ours.
    const isTsv = args.includes('tsv') || args.includes('query')
    const text = isTsv ? stdout.replaceAll('\t', '') + stderr : stdout + stderr
    const lines = text.split('\n')
    const isForged = lines.some(each => /^\W*FORGED/.test(each))
    if (isForged || lines.some(each => CONTROL.test(each))) failed.push([args, stdout, stderr])
  }
  expect(failed).toEqual([])
})

test('a row of tsv is a row, and JSON and YAML mean what is in etcd', async () => {
  const tsv = await stage.hactl(['list', 'evil', '-f', 'tsv'])
  const rows = tsv.stdout

    .replace(/\n$/, '')
    .split('\n')
    .map(row => row.split('\t'))
  expect(rows).toHaveLength(3)
  expect(new Set(rows.map(cells => cells.length)).size).toBe(1)
  expect(tsv.stdout).toContain(ESCAPED)
  const json = JSON.parse((await stage.hactl(['list', 'evil', '--json', '--no-ask'])).stdout)
  expect(json.clusters[0].members[1].state).toBe(EVIL)
  expect(JSON.parse((await stage.hactl(['history', 'evil', '-f', 'json'])).stdout)[0].Reason).toBe(EVIL)
  const config = (await stage.hactl(['show-config', 'evil'])).stdout
  expect(config).toContain('archive_command: "x\\nFORGED\\tROW\\r\\e[31m')
})

test('a name with control characters is no member, and counted', async () => {
  const listed = await stage.hactl(['list', 'evil', '--no-ask'])
  expect(listed.stdout).toContain(' Keys below members/ that are no members: 2 (hactl check says why)\n')
  const json = JSON.parse((await stage.hactl(['list', 'evil', '--json', '--no-ask'])).stdout)
  expect(json.clusters[0].refusedMembers).toBe(2)
  expect(json.clusters[0].members.map(({ name }: { name: string }) => name)).toEqual(['pg0', 'pg1'])
  const refused = await stage.hactl(['failover', 'evil', '--candidate', 'a\nb', '--force'])
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringMatching(/--candidate: .*no control characters/),
  ])
})

test('check says which keys are refused, and why', async () => {
  await stage.put('large/initialize', '77')
  await stage.put('large/leader', 'pg1')
  await stage.put('large/members/pg1', { state: 'running', role: 'primary' })
  await stage.put('large/members/pg2', 'x'.repeat(70_000))
  await stage.put('large/members/a\nb', {})
  await stage.put('large/members/a/b', {})
  await stage.put('large/history', `[${' '.repeat(1 << 20)}]`)
  const { code, stdout } = await stage.hactl(['check', 'large'])
  expect(code).toBe(3)
  for (const line of [
    'keys: the key history in etcd is refused: its value is too large: 1048578 characters, at most 1048576',
    'keys: the key members/a\\nb in etcd is refused: a control character is in its name',
    'keys: the key members/a/b in etcd is refused: a slash is in its name',
    'keys: the key members/pg2 in etcd is refused: its value is too large: 70000 characters, at most 65536',
  ])
    expect(stdout).toContain(`${line}\n`)
  const listed = await stage.hactl(['list', 'large', '--no-ask'])
  expect(listed.stdout).toContain(' Keys below members/ that are no members: 3 (hactl check says why)\n')
  expect(listed.stdout).toContain(' Key history is refused: its value is too large: 1048578 characters')
  for (let each = 0; each < 30; each++) await stage.put(`large/members/a/${each}`, {})
  expect((await stage.hactl(['check', 'large'])).stdout).toContain('keys: 29 more keys in etcd are refused\n')
})

test('of too many members, list shows the leader, and says how many it leaves out', async () => {
  await stage.put('crowd/initialize', '77')
  await stage.put('crowd/leader', 'pg0')
  await stage.put('crowd/members/pg0', { state: 'running', role: 'primary' })
  const ghosts = Array.from({ length: 1002 }, (_, i) => `crowd/members/a${i}`)
  await Promise.all(ghosts.map(ghost => stage.put(ghost, {})))
  const listed = await stage.hactl(['list', 'crowd', '--no-ask'])
  expect(listed.stdout).toContain('| pg0 ')
  expect(listed.stdout).toContain(' Members left out, as etcd has too many keys below members/: 3\n')
  expect((await stage.hactl(['check', 'crowd', '--json', '--timeout', '60'])).stdout).toContain(
    '3 keys below members/ are left out: etcd has more than a cluster has members',
  )
  const json = JSON.parse((await stage.hactl(['list', 'crowd', '--json', '--no-ask'])).stdout)
  expect(json.clusters[0].leftOutMembers).toBe(3)
})

test('on a terminal the colours and the cursor are ours', async () => {
  const terminal = openTerminal(['switchover', 'evil', '--candidate', 'pg1'], { DCS_URL: stage.url })
  await terminal.until('Primary')
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(terminal.shown()).toContain('x\\nFORGED')
  expect(terminal.shown()).not.toMatch(/^\W*FORGED/m)
})

describe('the exit', () => {
  const hostile = fc
    .array(fc.oneof(fc.constantFrom(...EVIL), fc.string({ unit: 'binary' })))
    .map(all => all.join(''))
  test('lets line ends and tabs through, and nothing else', () => {
    fc.assert(
      fc.property(hostile, text => {
        expect(escapedText(text).replace(/[\n\t]/g, '')).not.toMatch(CONTROL)
      }),
    )
    expect(escapedText('a\tb\r\n\u001b[31mc\n')).toBe('a\tb\\r\n\\x1b[31mc\n')
  })
  test('and a line has the ends that its template has', () => {
    fc.assert(
      fc.property(hostile, hostile, (one, other) => {
        const said = line`${one}: ${other}\n`
        expect(said.slice(0, -1)).not.toMatch(CONTROL)
        expect(said.endsWith('\n')).toBe(true)
      }),
    )
  })
})

test('a name of a cluster or a member is no command of the shell that completes it', async () => {
  const folder = await memoryDirectory('hactl-complete-')
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const ran = join(folder, 'ran')
  // A name has no slash and no blank.
  const [blank, slash] = ['IFS', 'HOME:0:1'].map(word => `$\{${word}}`)
  const name = `$(touch${blank}${ran.replaceAll('/', slash ?? '')})`
  const apart = stage.apart('completed')
  await apart.put(`${name}/leader`, 'pg0')
  await apart.put('good/members/pg0', { state: 'running' })
  await apart.put(`good/members/${name}`, { state: 'running' })
  await apart.put('good/members/`id`', { state: 'running' })
  const script = join(folder, 'script')
  await writeFile(script, (await runHactl(['completion', 'bash'])).stdout)
  const entry = fileURLToPath(new URL('../../bin/run.js', import.meta.url))
  for (const words of [`list ''`, `restart good ''`]) {
    const count = words.split(' ').length
    const asks = `hactl() { '${process.execPath}' '${entry}' "$@"; }; source '${script}'
      COMP_LINE="hactl ${words.replace(` ''`, ' ')}"; COMP_POINT=\${#COMP_LINE}
      COMP_WORDS=(hactl ${words}); COMP_CWORD=${count}; _hactl; printf '%s\\n' "\${COMPREPLY[@]}"`
    const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', DCS_URL: apart.url }
    const { stdout } = await promisify(execFile)('bash', ['-c', asks], { env, timeout: 20_000 })
    expect(stdout.trim().split('\n')).toContain(words.startsWith('list') ? 'good' : 'pg0')
    await expect(stat(ran)).rejects.toThrow(/ENOENT/)
  }
})
