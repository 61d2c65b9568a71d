// The dynamic configuration in force, beside the data: what an agent starts with while etcd cannot be seen.

import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '../../model/error-text.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { type Context, DONE, failed } from '../context.ts'
import { chownToServerUser } from '../server/run-as.ts'
import { readDirectoryState } from './data-directory.ts'

export async function cacheDynamicConfig(context: Context, text: string): Promise<StepOutcome> {
  const { dataDir, programs } = context
  const directory = await readDirectoryState(context)
  if (directory.kind !== 'present' || directory.majorVersion === null) return DONE
  const path = join(dataDir, 'patroni.dynamic.json')
  try {
    await writeFile(`${path}.tmp`, text, { mode: 0o600, flush: true })
    await chownToServerUser(`${path}.tmp`, programs.runAs)
    await rename(`${path}.tmp`, path)
    return DONE
  } catch (error) {
    await rm(`${path}.tmp`, { force: true }).catch(() => {})
    return failed(`dynamic configuration not cached: ${errorText(error)}`)
  }
}
