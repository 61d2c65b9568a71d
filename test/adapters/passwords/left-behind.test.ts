// What an agent that was killed left behind, and what a new one keeps in its state directory: nothing there is for others.

import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asPostgres, postgresUser } from '../../cluster/harness/stage.ts'
import { freePort } from '../free-port.ts'

const ENTRY = fileURLToPath(new URL('../../../bin/run.js', import.meta.url))

let top: string
let agent: ChildProcess | null = null
beforeAll(async () => {
  const { uid, gid } = await postgresUser()
  top = await mkdtemp(join(tmpdir(), 'hactl-left-'))
  const left = join(top, 'data.hactl', 'passwords', 'for-killed')
  await mkdir(left, { recursive: true, mode: 0o700 })
  await writeFile(join(left, 'pgpass'), '*:*:*:replicator:REPL-secret-22\n', { mode: 0o600 })
  await chmod(top, 0o755)
  for (const path of [top, join(top, 'data.hactl'), join(left, '..'), left, join(left, 'pgpass')])
    await chown(path, uid, gid)
})
afterAll(async () => {
  agent?.kill('SIGKILL')
  await rm(top, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
})

/** A real agent, as the user of PostgreSQL and with a umask that takes nothing away; no etcd answers it. */
async function startAgent(): Promise<ChildProcess> {
  const [api, port] = [await freePort(), await freePort()]
  const config = join(top, 'pg1.yml')
  await writeFile(
    config,
    `scope: left
name: pg1
restapi: {listen: 127.0.0.1:${api}, connect_address: 127.0.0.1:${api}}
etcd3: {hosts: [127.0.0.1:1]}
postgresql:
  listen: 127.0.0.1:${port}
  data_dir: ${top}/data
  bin_dir: /usr/lib/postgresql/15/bin
  authentication: {superuser: {username: postgres, password: x}, replication: {username: replicator, password: y}}
`,
  )
  const words = [...asPostgres, process.execPath, ENTRY, 'agent', config].map(word => `'${word}'`).join(' ')
  return spawn('sh', ['-c', `umask 0; exec ${words}`], { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] })
}

test('passwords of a killed agent are gone after the next start, and only its user may read what it writes', async () => {
  let said = ''
  agent = await startAgent()
  agent.stdout?.setEncoding('utf8').on('data', text => {
    said += text
  })
  const state = join(top, 'data.hactl')
  const journal = () =>
    stat(join(state, 'journal.jsonl')).then(
      ({ size }) => size > 0,
      () => false,
    )
  await expect.poll(journal, { timeout: 20_000, message: said }).toBe(true)
  expect(await readdir(state)).not.toContain('passwords')
  const found = await readdir(state, { recursive: true, withFileTypes: true })
  const open: string[] = []
  for (const entry of found) {
    const { mode } = await stat(join(entry.parentPath, entry.name))
    if ((mode & 0o077) !== 0) open.push(`${entry.name} ${(mode & 0o777).toString(8)}`)
  }
  expect(found.map(({ name }) => name)).toContain('agent.lock')
  expect(open).toEqual([])
  expect(said).not.toContain('REPL-secret-22')
})
