// The directories that only the agent needs: its state directory (journal, notes for its successor), and that of its log, if
// the log is a file.

import { join } from 'node:path'
import type { DiskAnswer, OwnPlace } from '../../model/server/vitals.ts'
import type { AgentConfig } from '../../model/settings/config.ts'
import { probeDisk } from '../../system/disk-probe.ts'

const NAME = '.hactl_probe'
/** A batch of lines. */
const NEEDED_BYTES = 65_536

export function probeOwnDirectory(local: () => AgentConfig) {
  return (place: OwnPlace): Promise<DiskAnswer> => {
    const { log, stateDirectory } = local()
    const directory = place === 'log' ? log.dir : stateDirectory
    return directory === null
      ? Promise.resolve({ state: 'works' })
      : probeDisk(join(directory, NAME), null, NEEDED_BYTES)
  }
}
