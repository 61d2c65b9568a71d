// Runs one command line to its end. Not oclif's `execute`: that waits for stdout to drain, which never happens once the
// reader has gone away (`hactl list | head -1` ended with Node's code 13 and a warning).

import { Errors, handle, run } from '@oclif/core'
import { normaliseArgv } from './argv.ts'
import { watchOutput } from './output.ts'
import { escapedText } from './print.ts'

type LoadOptions = Parameters<typeof run>[1]

/** The exit code is the command's own, even when nobody reads its output. */
export async function runProgram(args: readonly string[], loadOptions: LoadOptions): Promise<void> {
  const output = watchOutput()
  try {
    await run(normaliseArgv(args), loadOptions)
  } catch (error) {
    await output.written()
    // A bug: bin/uncaught.js says so in one line.
    if (!(error instanceof Errors.CLIError)) throw error
    await handle(endOf(error, output.exitCode))
  }
}

/** The error that `this.exit` throws carries the exit code. */
function endOf(error: Error, exitCode: (own: number) => number): Error {
  if (error instanceof Errors.ExitError) return new Errors.ExitError(exitCode(error.oclif.exit ?? 0))
  // oclif prints it; its text may come from anywhere.
  error.message = escapedText(error.message)
  if (error.stack !== undefined) error.stack = escapedText(error.stack)
  return error
}
