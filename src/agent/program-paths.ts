// Where the parts of the installation are, found from the entry script (bin/run.js), through symlinks.

import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Path of the fencer program; HACTL_FENCER overrides it for packagers. */
export function fencerBinary(env: NodeJS.ProcessEnv, entry: string): string {
  return env.HACTL_FENCER ?? join(installationRoot(entry), 'build', 'hactl-fencer')
}

/** `entry` is `process.argv[1]`: `<root>/bin/run.js` or `<root>/bin/dev.js`. Only used at start. */
function installationRoot(entry: string): string {
  return dirname(dirname(realpathSync(entry)))
}
