// How parts become worlds: every combination of their values, and what several kinds of worlds share.

import type { FailedWork, Memory } from '../../src/model/decision/memory.ts'
import { frozen, NOW } from './frozen.ts'
import { running, server, settings, silent } from './parts.ts'

/** Every combination of one value of each part, in a stable order. */
export function* product<T extends Readonly<Record<string, readonly unknown[]>>>(
  parts: T,
): Generator<{ readonly [K in keyof T]: T[K][number] }> {
  const names = Object.keys(parts) as (keyof T)[]
  const index = names.map(() => 0)
  for (;;) {
    const entries = names.map((name, at) => [name, parts[name]?.[index[at] ?? 0]])
    yield Object.fromEntries(entries) as { readonly [K in keyof T]: T[K][number] }
    let at = names.length - 1
    while (at >= 0 && (index[at] ?? 0) + 1 === parts[names[at] ?? '']?.length) index[at--] = 0
    if (at < 0) return
    index[at] = (index[at] ?? 0) + 1
  }
}

export const paused = frozen({ ...settings, paused: true })
export const failAtOnce = frozen({ ...settings, primaryStartTimeoutMs: 0 })
export const synchronous = frozen({ ...settings, synchronousMode: 'on' as const })
export const standbyCluster = frozen({ ...settings, standbyCluster: true })
export const values = <T>(record: Readonly<Record<string, T>>): readonly T[] => Object.values(record)
export const failure = (job: FailedWork, agoMs: number): Memory['lastFailure'] =>
  frozen({ job, why: 'it failed', atMs: NOW - agoMs })

/** What the look at a running server shows, and what it was when last seen. */
export const sights = frozen([
  { process: running('accepting'), server: server(false), lastRole: 'primary' as const },
  { process: running('accepting'), server: server(true), lastRole: 'standby' as const },
  { process: running('accepting'), server: server(false, { timeline: null }), lastRole: 'primary' as const },
  { process: running('accepting'), server: server(true, { timeline: null }), lastRole: 'standby' as const },
  { process: running('accepting'), server: silent, lastRole: 'primary' as const },
  { process: running('unknown'), server: silent, lastRole: 'standby' as const },
  { process: running('accepting'), server: silent, lastRole: null },
  { process: running('rejecting'), server: silent, lastRole: 'primary' as const },
  { process: running('rejecting'), server: silent, lastRole: null },
  { process: running('rejecting', 400_000), server: silent, lastRole: 'primary' as const },
  { process: running('no-response'), server: silent, lastRole: 'primary' as const },
])
