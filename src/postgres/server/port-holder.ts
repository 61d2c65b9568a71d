// Who listens on a port that a server could not take: "Address already in use" does not say.

import { readlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { listProcesses, workingDirectoryLink } from '../../system/proc.ts'
import { listenersOnPort, socketsOf } from '../../system/socket-owners.ts'

/** A sentence fragment; null: not known. */
export async function holderOfPort(port: number): Promise<string | null> {
  const inodes = await listenersOnPort(port).catch(() => [])
  if (inodes.length === 0) return null
  for (const { pid, command } of await listProcesses()) {
    const sockets = await socketsOf(pid)
    if (!inodes.some(inode => sockets?.has(inode))) continue
    // A thread may have another name than its program: Node's is called MainThread.
    const program = basename(await readlink(`/proc/${pid}/exe`).catch(() => command))
    return (
      `port ${port} is held by ${program} (pid ${pid}, in ` +
      `${(await workingDirectoryLink(pid)) ?? 'an unknown directory'})`
    )
  }
  return `port ${port} is held by a process that may not be looked at`
}
