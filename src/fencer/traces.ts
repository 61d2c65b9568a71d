// What the fencer leaves in the state directory: `fencer.json`, by which a restarted agent knows the fencers of its
// predecessor, and `fencer-record.jsonl`, one line for each time that PostgreSQL had to be stopped.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { argumentsOf, listProcesses, sharesRoot } from '../system/proc.ts'
import type { ProgramIdentity } from './program.ts'

/** As the kernel names the process. */
const PROGRAM = 'hactl-fencer'

export function recordPath(stateDirectory: string): string {
  return join(stateDirectory, 'fencer-record.jsonl')
}

function identityPath(stateDirectory: string): string {
  return join(stateDirectory, 'fencer.json')
}

/**
 * Fencers of former agents that may still be armed, by the state directory or, because that may be gone together with
 * the data directory, by what they guard.
 */
export async function findPredecessors(
  stateDirectory: string,
  dataDir: string,
): Promise<readonly ProgramIdentity[]> {
  const [running, noted] = await Promise.all([findRunning(dataDir), readPredecessors(stateDirectory)])
  return [...noted, ...running.filter(({ pid }) => !noted.some(known => known.pid === pid))]
}

async function findRunning(dataDir: string): Promise<readonly ProgramIdentity[]> {
  const candidates = (await listProcesses()).filter(
    ({ command, parentPid }) => command === PROGRAM && parentPid !== process.pid,
  )
  const guards = await Promise.all(
    candidates.map(async ({ pid }) => {
      const words = await argumentsOf(pid)
      return words[words.indexOf('--data-dir') + 1] === dataDir && (await sharesRoot(pid))
    }),
  )
  return candidates.filter((_, index) => guards[index]).map(({ pid, startTicks }) => ({ pid, startTicks }))
}

/** Processes from before the last boot no longer exist. */
async function readPredecessors(stateDirectory: string): Promise<readonly ProgramIdentity[]> {
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 })
  const bootId = await readBootId()
  const text = await readFile(identityPath(stateDirectory), 'utf8').catch(() => '')
  const found = parseObject(text)
  if (found === null || found.bootId !== bootId) return []
  const orphans = Array.isArray(found.orphans) ? found.orphans : []
  return [found, ...orphans].map(identityOf).filter(identity => identity !== null)
}

/** Orphans stay listed until they are known to be gone: an agent that dies meanwhile must not forget them. */
export async function writeIdentity(
  stateDirectory: string,
  identity: ProgramIdentity,
  orphans: readonly ProgramIdentity[],
): Promise<void> {
  const path = identityPath(stateDirectory)
  const text = JSON.stringify({ ...identity, bootId: await readBootId(), orphans })
  await writeFile(`${path}.new`, `${text}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

function identityOf(value: unknown): ProgramIdentity | null {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('startTicks' in value))
    return null
  const { pid, startTicks } = value
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null
  return typeof startTicks === 'string' && /^\d+$/.test(startTicks) ? { pid, startTicks } : null
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
}
