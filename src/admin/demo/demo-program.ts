// The programs that the demo runs: this one, readable by the servers' user, and others that may not be on the PATH.

import { access, constants, cp, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runProgram } from '../../system/child-process.ts'
import type { Account } from './account.ts'
import type { DemoOptions, Stage } from './stage.ts'

/** A tree that the servers' user cannot read (a clone in root's home) is copied beside the data. */
export async function readableProgram(
  options: DemoOptions,
  account: Account | null,
  directory: string,
): Promise<Stage['program']> {
  const { node, entry } = options
  if (account === null) return { node, entry }
  const test = await runProgram({
    file: '/bin/sh',
    args: [
      '-c',
      'test -x "$1" && test -r "$2" && test -r "$3"',
      'sh',
      node,
      entry,
      join(dirname(dirname(entry)), 'package.json'),
    ],
    env: {},
    uid: account.uid,
    gid: account.gid,
    timeoutMs: 5000,
  })
  if (test.kind === 'exited' && test.code === 0) return { node, entry }
  options.say(`${account.user} cannot read ${dirname(dirname(entry))}; copying the program`)
  const root = dirname(dirname(entry))
  const copy = join(directory, 'program')
  await mkdir(copy)
  for (const part of ['bin', 'dist', 'build', 'package.json'])
    await cp(join(root, part), join(copy, part), { recursive: true })
  await cp(node, join(copy, 'node'))
  return { node: join(copy, 'node'), entry: join(copy, 'bin', 'run.js') }
}

export async function findProgram(name: string, places: readonly string[]): Promise<string> {
  for (const place of places) {
    try {
      await access(join(place, name), constants.X_OK)
      return join(place, name)
    } catch {
      // Not here: try the next place, and in the end the PATH.
    }
  }
  return name
}
