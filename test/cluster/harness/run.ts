// Runs one short program to its end for a cluster test, bounded, and gives what it printed.

import { execFile } from 'node:child_process'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Never throws for an exit code; code -1 means killed (by the time limit) or not started. */
export function tryRun(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [file = '', ...args] = command
  return new Promise(resolve => {
    const child = execFile(
      file,
      args,
      { timeout: options.limitMs ?? 20_000, killSignal: 'SIGKILL', maxBuffer: 256 << 20, ...rest(options) },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr })
      },
    )
    // A program that ended before reading all its input is judged by its exit code.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input ?? '')
  })
}

export interface RunOptions {
  readonly limitMs?: number
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Throws with what the program said when it fails. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryRun(command, options)
  if (code !== 0)
    throw new Error(`${command.join(' ')}: exit code ${code}: ${stderr.trim()} ${stdout.trim()}`)
  return stdout
}

function rest(options: RunOptions): { env?: NodeJS.ProcessEnv; cwd?: string } {
  return {
    ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }
}
