// When the program itself fails, people read one line and a hint, and no page of source; the stack is for who asks for it, and for
// the agent's log.

import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { memoryDirectory } from '../memory-directory.ts'
import { runHactl } from './stage/stage.ts'

let home = ''
beforeAll(async () => {
  home = await memoryDirectory('hactl-uncaught-')
  const thrown = "new Error('boom \\u001b[31m\\nsecond')"
  await writeFile(join(home, 'throws.cjs'), `setImmediate(() => { throw ${thrown} })`)
  await writeFile(join(home, 'rejects.cjs'), `setImmediate(() => Promise.reject(${thrown}))`)
})
afterAll(() => rm(home, { recursive: true, force: true }))

const WHAT = 'error: hactl failed: boom \\x1b[31m\\x0asecond\n'

test.each(['throws', 'rejects'])('a command that %s: one line, a hint, exit code 1', async how => {
  const NODE_OPTIONS = `--require ${join(home, `${how}.cjs`)}`
  const { code, stdout, stderr } = await runHactl(['list', 'x'], { env: { NODE_OPTIONS } })
  expect([code, stdout, stderr]).toEqual([
    1,
    '',
    `${WHAT}HINT: this is a bug; HACTL_DEBUG=1 shows where. What was asked for may have been done; see hactl list.\n`,
  ])
  const shown = await runHactl(['list', 'x'], { env: { NODE_OPTIONS, HACTL_DEBUG: '1' } })
  expect([shown.code, shown.stderr]).toEqual([
    1,
    expect.stringContaining(`${WHAT}HINT: report it, with the lines below.\n`),
  ])
  expect(shown.stderr).toMatch(/\n {4}at .*\.cjs:1:\d+/)
})

test('the agent says where, in its log', async () => {
  // It fails where it would tell what is wrong with its configuration.
  const preload = join(home, 'complains.cjs')
  const fails = "() => { console.error = real; throw new Error('boom') }"
  await writeFile(preload, `const real = console.error; console.error = ${fails}`)
  const env = { NODE_OPTIONS: `--require ${preload}` }
  const { code, stderr } = await runHactl(['agent', '/nowhere.yml'], { env })
  expect([code, stderr]).toEqual([1, expect.stringContaining('error: hactl failed: boom\nHINT: report it')])
  expect(stderr).toMatch(/\n {4}at .*complains\.cjs:1:\d+/)
})
