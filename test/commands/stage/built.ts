// Before the tests that run hactl as a process: dist/hactl.cjs is built anew when a source is newer than it. A start of the
// built program takes a fifth of the processor time that a start from sources takes, and these tests start hundreds.

import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const BUILD_LIMIT_MS = 120_000

export async function setup(): Promise<void> {
  const builtMs = await changedAtMs(`${ROOT}dist/hactl.cjs`).catch(() => 0)
  const sources = ['package.json', 'package-lock.json', 'bin/build-bundle.mjs', 'src', 'commands']
  if ((await newestMs(sources.map(name => join(ROOT, name)))) < builtMs) return
  const build = [join(ROOT, 'bin/build-bundle.mjs')]
  await promisify(execFile)(process.execPath, build, { timeout: BUILD_LIMIT_MS })
}

async function newestMs(paths: readonly string[]): Promise<number> {
  const inFolders = paths.map(async path => {
    const found = await stat(path)
    if (!found.isDirectory()) return found.mtimeMs
    const entries = await readdir(path)
    return Math.max(found.mtimeMs, await newestMs(entries.map(name => join(path, name))))
  })
  return Math.max(0, ...(await Promise.all(inFolders)))
}

async function changedAtMs(path: string): Promise<number> {
  return (await stat(path)).mtimeMs
}
