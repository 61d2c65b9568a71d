// A wall clock of its own for a node, which jumps while its programs run. Linux has no namespace for it: libfaketime (Debian's
// package of that name) answers instead of the C library, in the agent and in the PostgreSQL that it starts. The clocks that never
// jump stay the machine's.

import { access, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MEMORY } from '../../memory-directory.ts'
import type { Node } from './cluster.ts'
import { type Host, runOn } from './network.ts'
import { query, restPort } from './servers.ts'
import type { Stage } from './stage.ts'
import { until } from './until.ts'

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
/** The library looks into the file every second, and what is asked of a node takes a moment. */
const EXACT_S = 5

export function isThere(): Promise<boolean> {
  return access(LIBRARY).then(
    () => true,
    () => false,
  )
}

const clockFile = (stage: Stage, name: string) => join(stage.directory, `${name}-clock`)

/** Before the node's agent is started. */
export function rightClock(stage: Stage, name: string): Promise<void> {
  return writeFile(clockFile(stage, name), '+0\n')
}

/** For the agent; PostgreSQL inherits them. */
export function clockVariables(stage: Stage, name: string): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: clockFile(stage, name),
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  }
}

/** The library leaves its shared memory behind when a process is killed. */
export async function removeTraces(): Promise<void> {
  const alive = new Set(await readdir('/proc'))
  for (const name of await readdir(MEMORY)) {
    const owner = /^(?:sem\.)?faketime_(?:sem|shm)_(\d+)$/.exec(name)?.[1]
    if (owner !== undefined && !alive.has(owner)) await rm(join(MEMORY, name), { force: true })
  }
}

/** Sets a node's clock to be so many seconds ahead; returns when its agent and its PostgreSQL both have it. */
export async function setClock(stage: Stage, from: Host, { host }: Node, aheadS: number): Promise<void> {
  await writeFile(clockFile(stage, host.name), `${aheadS < 0 ? '' : '+'}${aheadS}\n`)
  const isSo = (seconds: number) => Math.abs(seconds - Date.now() / 1000 - aheadS) < EXACT_S
  const agent = async () => {
    const headers = ['-s', '-m', '2', '-o', '/dev/null', '-D', '-']
    const text = await runOn(from, ['curl', ...headers, `http://${host.address}:${restPort}/liveness`])
    const date = /^date: (.*)$/im.exec(text)?.[1] ?? 'no date'
    return isSo(Date.parse(date) / 1000) || Promise.reject(new Error(date))
  }
  const postgres = async () => {
    const said = await query(from, host, 'select extract(epoch from clock_timestamp())')
    return isSo(Number(said)) || Promise.reject(new Error(said))
  }
  await until(`the agent of ${host.name} is ${aheadS} s ahead`, agent, 20_000, 200)
  await until(`the PostgreSQL of ${host.name} is ${aheadS} s ahead`, postgres, 20_000, 200)
}
