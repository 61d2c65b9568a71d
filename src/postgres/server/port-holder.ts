// Who listens on a port that a server could not take: "Address already in use" does not say.

import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { listProcesses, workingDirectoryLink } from '../../system/proc.ts'

const LISTEN = '0A'

/** A sentence fragment; null: not known. */
export async function holderOfPort(port: number): Promise<string | null> {
  const inodes = await listeningSockets(port)
  if (inodes.size === 0) return null
  for (const { pid, command } of await listProcesses()) {
    const names = await readdir(`/proc/${pid}/fd`).catch(() => [])
    const links = await Promise.all(names.map(name => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
    if (!links.some(link => inodes.has(link))) continue
    // A thread may have another name than its program: Node's is called MainThread.
    const program = basename(await readlink(`/proc/${pid}/exe`).catch(() => command))
    return (
      `port ${port} is held by ${program} (pid ${pid}, in ` +
      `${(await workingDirectoryLink(pid)) ?? 'an unknown directory'})`
    )
  }
  return `port ${port} is held by a process that may not be looked at`
}

/** As /proc/<pid>/fd names them. */
async function listeningSockets(port: number): Promise<ReadonlySet<string>> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map(name => readFile(`/proc/self/net/${name}`, 'latin1').catch(() => '')),
  )
  const rows = tables.flatMap(table => table.split('\n')).map(line => line.trim().split(/\s+/))
  return new Set(
    rows
      .filter(row => row[1]?.endsWith(`:${hex}`) === true && row[3] === LISTEN)
      .map(row => `socket:[${row[9]}]`),
  )
}
