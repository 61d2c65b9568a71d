// Runs one command line to its end. Not oclif's `execute`: that waits for stdout to drain, which never happens once the
// reader has gone away (`hactl list | head -1` ended with Node's code 13 and a warning). Node writes to pipes, files and
// terminals at once on Linux, so that there is nothing to wait for; oclif itself takes no notice of the closed pipe.

import { handle, run } from '@oclif/core'
import { normaliseArgv } from './argv.ts'

type LoadOptions = Parameters<typeof run>[1]

/** The exit code is the command's own, also when nobody reads what it prints. */
export async function runProgram(args: readonly string[], loadOptions: LoadOptions): Promise<void> {
  try {
    await run(normaliseArgv(args), loadOptions)
  } catch (error) {
    await handle(error instanceof Error ? error : new Error(String(error)))
  }
}
