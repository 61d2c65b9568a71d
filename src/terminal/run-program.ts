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
    await handle(endOf(error, output.exitCode))
  }
}

/** The error that `this.exit` throws carries the exit code. */
function endOf(error: unknown, exitCode: (own: number) => number): Error {
  if (error instanceof Errors.ExitError) return new Errors.ExitError(exitCode(error.oclif.exit ?? 0))
  const unexpected = error instanceof Error ? error : new Error(String(error))
  // oclif prints it; its text may come from anywhere.
  unexpected.message = escapedText(unexpected.message)
  if (unexpected.stack !== undefined) unexpected.stack = escapedText(unexpected.stack)
  return unexpected
}
