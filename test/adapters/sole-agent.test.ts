// One agent to a data directory: two of them, under different names and ports, once stopped and promoted the same
// PostgreSQL in turns until neither could start it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimDirectory } from '../../src/system/sole-agent.ts'
import { freeze } from '../freeze.ts'

const SILENT = 'a process that does not answer'

let top: string
let child: ChildProcess | undefined

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'hactl-claim-'))
})
afterAll(async () => {
  child?.kill('SIGKILL')
  await rm(top, { recursive: true, force: true })
})

test('the second is told who was first, also by another path; what was released is free', async () => {
  const directory = join(top, 'not-there-yet')
  const first = await claimDirectory(directory, 'pg1, pid 17')
  expect(first.ok).toBe(true)
  // Who stands still for half a second introduces himself too late, and holds all the same.
  let second = await claimDirectory(`${directory}/`, 'pg2')
  for (let tries = 0; tries < 20 && !second.ok && second.holder === SILENT; tries++) {
    second = await claimDirectory(`${directory}/`, 'pg2')
  }
  expect(second).toEqual({ ok: false, holder: 'pg1, pid 17' })
  await symlink(top, `${top}/link`)
  expect(await claimDirectory(join(top, 'link', 'not-there-yet'), 'pg2')).toMatchObject({ ok: false })
  const other = await claimDirectory(join(top, 'other'), 'pg2')
  expect(other.ok).toBe(true)
  if (first.ok) await first.release()
  const again = await claimDirectory(directory, 'pg2')
  expect(again.ok).toBe(true)
  if (again.ok) await again.release()
  if (other.ok) await other.release()
})

test('a frozen process still holds; a killed one no longer', async () => {
  const directory = join(top, 'data')
  const module = new URL('../../src/system/sole-agent.ts', import.meta.url).href
  const program = `const { claimDirectory } = await import(${JSON.stringify(module)})
    const claim = await claimDirectory(process.argv[1], 'pg1')
    process.stdout.write(String(claim.ok))
    setTimeout(() => {}, 60_000)`
  child = spawn(process.execPath, ['--input-type=module', '-e', program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = child.stdout === null ? [] : await once(child.stdout, 'data')
  expect(String(said)).toBe('true')
  if (child.pid !== undefined) await freeze(child.pid)
  expect(await claimDirectory(directory, 'pg2')).toEqual({
    ok: false,
    holder: SILENT,
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const claim = await claimDirectory(directory, 'pg2')
  expect(claim.ok).toBe(true)
  if (claim.ok) await claim.release()
})
