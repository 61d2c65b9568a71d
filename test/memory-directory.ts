// Where the tests' etcd members keep their data: in memory where the machine has that. An etcd waits for its disk on every
// write, and a disk that a test machine shares stands still for a second now and then: what was tested then is the disk.

import { constants } from 'node:fs'
import { access, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const MEMORY = '/dev/shm'

/** A new directory whose name begins with `prefix`; whoever asks for it removes it. */
export async function memoryDirectory(prefix: string): Promise<string> {
  const inMemory = await access(MEMORY, constants.W_OK).then(
    () => true,
    () => false,
  )
  return mkdtemp(join(inMemory ? MEMORY : tmpdir(), prefix))
}
