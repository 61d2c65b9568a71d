// Runs one program to its end, always bounded: by a time limit, by an AbortSignal, and in what it may print. The
// program leads its own session, so that Ctrl-C in a terminal does not reach it and all it started can be killed.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Millis } from '../model/units.ts'
import { descendantsOf, listProcesses, readProcess, sendSignal, signalProcess } from './proc.ts'
import { wordsOf } from './program-words.ts'

interface RunOptions {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  /** Milliseconds; null only for work that a signal can end. */
  readonly timeoutMs: Millis | null
  readonly signal?: AbortSignal
  /** Called for each line as it is printed (carriage returns end a line too). */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  /** Milliseconds between SIGTERM and SIGKILL when the program has to be ended early. */
  readonly graceMs?: Millis
}

interface RunOutput {
  readonly stdout: string
  readonly stderr: string
}

export type RunResult =
  | ({ readonly kind: 'exited'; readonly code: number | null; readonly signal: string | null } & RunOutput)
  | ({ readonly kind: 'timed-out' } & RunOutput)
  | ({ readonly kind: 'aborted' } & RunOutput)
  | ({ readonly kind: 'not-started'; readonly why: string } & RunOutput)

/** Characters kept of each stream; of longer output the beginning is dropped (errors come last). */
const KEPT_CHARACTERS = 1_000_000
/** A grandchild may hold the pipe open for ever, so this is the longest wait for output after the exit. */
const OUTPUT_GRACE_MS = 200
const DEFAULT_GRACE_MS = 2000

/** Never throws: a program that cannot be started is an answer too. */
export async function runProgram(options: RunOptions): Promise<RunResult> {
  if (options.signal?.aborted === true) return { kind: 'aborted', stdout: '', stderr: '' }
  const child = spawn(options.file, options.args, {
    env: options.env,
    cwd: options.cwd ?? '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  })
  const stdout = collect(child, 'stdout', options.onLine)
  const stderr = collect(child, 'stderr', options.onLine)
  const output = () => ({ stdout: stdout(), stderr: stderr() })
  const end = await endOf(child, options)
  if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL')
  return { ...end, ...output() }
}

/** One sentence about a run that did not end with code 0; null when it did. */
export function failureOf(name: string, result: RunResult): string | null {
  switch (result.kind) {
    case 'exited': {
      if (result.code === 0) return null
      const how =
        result.code === null ? `was ended by ${result.signal}` : `ended with exit code ${result.code}`
      const said = wordsOf(result.stderr) || wordsOf(result.stdout)
      // Code 1 adds nothing: it is the usual code of a program that has printed its reason.
      if (said !== '' && result.code === 1) return `${name}: ${said}`
      return said === '' ? `${name} ${how}` : `${name} ${how}: ${said}`
    }
    case 'timed-out':
      return `${name} did not end in time`
    case 'aborted':
      return `${name} was cancelled`
    case 'not-started':
      return `${name} could not be started: ${result.why}`
  }
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr', onLine: RunOptions['onLine']): () => string {
  let text = ''
  let line = ''
  child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-KEPT_CHARACTERS)
    if (onLine === undefined) return
    const lines = (line + chunk).split(/[\r\n]/)
    line = (lines.pop() ?? '').slice(-KEPT_CHARACTERS)
    for (const complete of lines) if (complete !== '') onLine(complete, name)
  })
  return () => text
}

type End =
  | { readonly kind: 'exited'; readonly code: number | null; readonly signal: string | null }
  | { readonly kind: 'timed-out' | 'aborted' }
  | { readonly kind: 'not-started'; readonly why: string }

function endOf(child: ChildProcess, options: RunOptions): Promise<End> {
  return new Promise(resolve => {
    let early: 'timed-out' | 'aborted' | null = null
    let killing: Promise<void> | null = null
    const endEarly = (why: 'timed-out' | 'aborted') => {
      if (early !== null) return
      early = why
      killing = endTree(child, options.graceMs ?? DEFAULT_GRACE_MS)
    }
    const limit =
      options.timeoutMs === null ? undefined : setTimeout(() => endEarly('timed-out'), options.timeoutMs)
    const onAbort = () => endEarly('aborted')
    options.signal?.addEventListener('abort', onAbort, { once: true })
    const finish = (end: End) => {
      clearTimeout(limit)
      options.signal?.removeEventListener('abort', onAbort)
      resolve(end)
    }
    child.once('error', error => finish({ kind: 'not-started', why: error.message }))
    child.once('exit', (code, signal) => {
      const end: End = early === null ? { kind: 'exited', code, signal } : { kind: early }
      const settle = () => {
        const done = () => {
          clearTimeout(grace)
          finish(end)
        }
        const grace = setTimeout(done, OUTPUT_GRACE_MS)
        if (child.stdout?.readableEnded === true && child.stderr?.readableEnded === true) done()
        else child.once('close', done)
      }
      if (killing === null) settle()
      else void killing.then(settle, settle)
    })
  })
}

/** SIGTERM, and after `graceMs` SIGKILL, to the program and all its descendants, whatever session they are in. */
async function endTree(child: ChildProcess, graceMs: Millis): Promise<void> {
  if (child.pid === undefined) return
  const root = await readProcess(child.pid)
  const children = descendantsOf(child.pid, await listProcesses())
  sendSignal(-child.pid, 'SIGTERM')
  const exited = child.exitCode !== null || child.signalCode !== null
  if (!exited) await new Promise<void>(resolve => void onceOrAfter(child, graceMs, resolve))
  if (root !== null) await signalProcess(root, 'SIGSTOP')
  const more = descendantsOf(child.pid, await listProcesses())
  if (root !== null) await signalProcess(root, 'SIGKILL')
  for (const descendant of [...children, ...more]) await signalProcess(descendant, 'SIGKILL')
}

function onceOrAfter(child: ChildProcess, ms: number, then: () => void): void {
  const timer = setTimeout(then, ms)
  child.once('exit', () => {
    clearTimeout(timer)
    then()
  })
}
