// What a failed incident leaves behind, so that it can be understood from CI's output alone: the last lines of every agent's
// log, and for how long the hypervisor kept this machine's processors to itself meanwhile.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stage } from './stage.ts'

const LINES = 40
/** USER_HZ: the unit of /proc/stat. */
const TICK_MS = 10

/** Milliseconds, over all processors and since boot, that another guest of the same host had instead of us. */
export async function stolenMs(): Promise<number> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n')
  return Number(line.trim().split(/\s+/)[8] ?? 0) * TICK_MS
}

/** Runs the assertions; if they fail, prints the evidence before it passes the failure on. */
export async function withEvidence<T>(
  stage: Stage,
  stolenBeforeMs: number,
  assertions: () => Promise<T>,
): Promise<T> {
  try {
    return await assertions()
  } catch (error) {
    console.log(
      `evidence | processor time stolen since the incident began: ${(await stolenMs()) - stolenBeforeMs} ms`,
    )
    for (const name of (await readdir(stage.directory)).filter(file => /-agent-\d+\.log$/.test(file))) {
      const text = await readFile(join(stage.directory, name), 'utf8')
      console.log(`evidence | ${name}\n${text.trimEnd().split('\n').slice(-LINES).join('\n')}`)
    }
    throw error
  }
}
