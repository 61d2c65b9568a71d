// hactl on a real pseudo-terminal, which util-linux's `script` makes: for the questions that are only asked there.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { TimeLimit } from '../../time-limit.ts'

const ENTRY = fileURLToPath(new URL('../../../bin/run.js', import.meta.url))
const LIMIT_MS = 20_000

export interface Terminal {
  /** Waits until `text` was shown after what was waited for before. */
  until(text: string): Promise<void>
  type(keys: string): void
  /** All that was shown, without colours and cursor moves. */
  shown(): string
  /** The exit code. */
  end(): Promise<number | null>
}

export function openTerminal(args: readonly string[], env: Readonly<Record<string, string>>): Terminal {
  const line = [process.execPath, ENTRY, ...args].map(word => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', TZ: 'UTC', TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let written = ''
  let shown = ''
  let seen = 0
  const waiting = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', chunk => {
    written += chunk
    // All of it: a cursor move may come in two pieces.
    shown = stripVTControlCharacters(written)
    for (const look of waiting) look()
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const limited = <T>(what: string, work: Promise<T>): Promise<T> => {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      late.reject(new TimeLimit(`not within ${LIMIT_MS} ms: ${what}; shown: ${shown}`))
    }, LIMIT_MS)
    return Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
  }
  return {
    until: text => {
      const found = new Promise<void>(resolve => {
        const look = (): void => {
          const at = shown.indexOf(text, seen)
          if (at < 0) return
          seen = at + text.length
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      })
      return limited(text, found)
    },
    type: keys => void child.stdin.write(keys),
    shown: () => shown,
    end: () => limited('the end', ended),
  }
}
