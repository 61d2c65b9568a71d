// A disk that can hang: an ext4 in a file, on a loop device, that `fsfreeze` makes wait. Every write to it then stands still
// inside the kernel, where no signal ends it, and reading goes on: as with a storage that does not answer.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { run } from './run.ts'
import { makeDirectory, postgresUser, type Stage } from './stage.ts'
import { until } from './until.ts'

/** However a test ends: its processes could not be ended before the disk answers again. */
const THAWED_AFTER_S = 180

export interface FrozenDisk {
  /** The disk answers again. Safe to call twice. */
  thaw(): Promise<void>
}

/** Mounts a new disk; the stage unmounts it when it closes, and the loop device goes with it. */
export async function makeDisk(stage: Stage, name: string, megabytes: number): Promise<string> {
  const image = join(stage.directory, `${name}.img`)
  await run(['truncate', '-s', `${megabytes}M`, image])
  // Without a journal: a thaw would wait for one on a busy machine.
  await run(['mkfs.ext4', '-q', '-O', '^has_journal', '-m', '0', image])
  const path = await makeDirectory(stage, name)
  await run(['mount', '-o', 'loop', image, path])
  const { uid, gid } = await postgresUser()
  await run(['chown', `${uid}:${gid}`, path])
  return path
}

/**
 * A program of its own holds the disk: it thaws it when it is told to, when this process is gone (its standard input ends), and
 * when too much time has passed.
 */
const HOLD = 'fsfreeze -f "$1" && echo frozen && timeout "$2" cat >/dev/null; fsfreeze -u "$1" && echo thawed'

export async function freezeDisk(path: string): Promise<FrozenDisk> {
  const child = spawn('sh', ['-c', HOLD, 'sh', path, String(THAWED_AFTER_S)], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const said = heard(child)
  await until(`${path} is frozen`, () => said().includes('frozen'), 20_000)
  return {
    async thaw() {
      child.stdin?.end()
      await until(`${path} is thawed`, () => said().includes('thawed'), 20_000)
    },
  }
}

function heard(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (more: string) => {
    text += more
  })
  return () => text
}
