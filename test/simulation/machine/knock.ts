// A fresh connection to the simulated server: any server answers it, in whatever phase, unless its processes are stopped.

import type { OsProcess } from './os-process.ts'
import type { Postmaster } from './postmaster.ts'
import { untilServer } from './until-server.ts'

const never = new AbortController().signal

export async function knockAt(server: Postmaster | null, process: OsProcess, limitMs: number) {
  await process.clock.sleep(1)
  if (server === null) return true
  const answers = () => !(server.frozen || server.waitsToStop) || server.phase === 'gone'
  return (await untilServer(process, server, answers, limitMs, never)) === 'yes'
}
