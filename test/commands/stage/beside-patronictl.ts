// The drop-in beside the original: what hactl, called as patronictl, says and does must be what patronictl 4.1.5 says and does on the
// same keys in etcd and with the same members: stdout to the character, the exit code, what is asked of members and what is
// stored. What is on stderr may be better. The expected answers are patronictl's own, in a file: HACTL_LONG=1 asks it again,
// HACTL_REWRITE=1 also writes down what it says.

import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { fetchPatroni, inOrder, type Patroni, patroniEnvironment } from '../../cluster/harness/patroni.ts'
import { tryRun } from '../../cluster/harness/run.ts'
import type { Stage } from './stage.ts'

export interface Seen {
  readonly code: number | null
  readonly stdout: string
}

export type Run = (args: readonly string[], stdin: string) => Promise<Seen & { readonly stderr: string }>

export interface BesidePatronictl {
  readonly ours: Run
  /** `play` runs one of the two and says what came of it beside the output. */
  bothComeTo(name: string, play: (run: Run) => Promise<readonly [Seen, unknown]>): Promise<void>
  /** Writes down what patronictl said, if that is wanted. */
  end(): Promise<void>
}

const rewrites = process.env.HACTL_REWRITE === '1'
const asksPatroni = rewrites || process.env.HACTL_LONG === '1'

/** `file`: what patronictl said, by the name of the case. */
export async function besidePatronictl(stage: Stage, file: string): Promise<BesidePatronictl> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const patroni = asksPatroni ? await fetchPatroni() : null
  const text = await readFile(path, 'utf8').catch(error => {
    if (rewrites) return '{}'
    throw error
  })
  const recorded = new Map<string, unknown>(rewrites ? [] : Object.entries(JSON.parse(text)))
  const ours = runOurs(stage)
  return {
    ours,
    async bothComeTo(name, play) {
      if (patroni !== null) {
        const [{ code, stdout }, effect] = await play(runTheirs(stage, patroni))
        const said = { code, stdout, effect }
        if (rewrites) recorded.set(name, said)
        else expect(recorded.get(name)).toEqual(said)
      }
      const [{ code, stdout }, effect] = await play(ours)
      expect({ code, stdout, effect }).toEqual(recorded.get(name))
    },
    async end() {
      if (rewrites) await writeFile(path, `${JSON.stringify(Object.fromEntries(recorded), null, 2)}\n`)
    },
  }
}

/** Times differ from run to run. */
function masked(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{5})?/g, 'TIME')
    .replaceAll(/\(e\.g\. \d{4}-\d\d-\d\dT\d\d:\d\d/g, '(e.g. TIME')
}

function runTheirs(stage: Stage, patroni: Patroni): Run {
  return async (args, stdin) => {
    const command = ['/usr/bin/python3', patroni.ctl, '-d', stage.url, ...args]
    const env = { ...patroniEnvironment(patroni), ...inOrder, HOME: '/nonexistent', TZ: 'UTC' }
    const { code, stdout, stderr } = await tryRun(command, { limitMs: 60_000, env, input: stdin })
    return { code, stdout: masked(stdout), stderr }
  }
}

function runOurs(stage: Stage): Run {
  return async (args, stdin) => {
    const { code, stdout, stderr } = await stage.hactl(args, {
      env: { HACTL_CALLED_AS: 'patronictl' },
      stdin,
    })
    return { code, stdout: masked(stdout), stderr }
  }
}
