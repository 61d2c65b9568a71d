// All output is written before the process ends. Node writes to files and terminals at once, but to a pipe only as much
// as fits into it (64 kB); the rest waits for the reader. A reader that has gone away is not an error; a full disk is
// one, and is reported.

import { getSystemErrorMessage } from 'node:util'
import { errorText } from './error-table.ts'
import { EXIT, processExitCode } from './exit-codes.ts'
import { print } from './print.ts'

interface Output {
  /** Settles when everything is written, or nobody reads it any more. */
  written(): Promise<void>
  /** The exit code, given the command's own. */
  exitCode(own: number): number
}

export function watchOutput(): Output {
  const { stdout, stderr } = process
  const gone = Promise.withResolvers<void>()
  let isLost = false
  // oclif's own listener throws every error but a closed pipe: a full disk would print a stack trace.
  stdout.removeAllListeners('error')
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    gone.resolve()
    if (error.code === 'EPIPE' || isLost) return
    isLost = true
    print({ out: '', err: errorText(unwritten(error)) })
    process.exitCode ||= processExitCode(EXIT.partlyDone, process.env)
  })
  // stderr is gone as well, so there is nowhere to report this.
  stderr.on('error', () => {})
  const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise(resolve => void stream.write('', () => resolve()))
  return {
    written: async () => {
      await Promise.race([flushed(stdout), gone.promise])
      await flushed(stderr)
    },
    exitCode: own => own || (isLost ? processExitCode(EXIT.partlyDone, process.env) : 0),
  }
}

function unwritten({ errno, code, message }: NodeJS.ErrnoException) {
  const why = errno === undefined ? message : getSystemErrorMessage(errno)
  return {
    kind: 'bug',
    message: `the result cannot be written to stdout: ${why}${code === undefined ? '' : ` (${code})`}`,
    hint: 'what was asked for may have been done; see hactl list.',
    exit: EXIT.partlyDone,
  } as const
}
