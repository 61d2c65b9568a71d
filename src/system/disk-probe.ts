// Can this directory be written? A child process writes one page and has it flushed, because a process that waits for a hung
// disk cannot be ended, and a thread of this one that did would be lost for long. The child is not waited for at the end.

import { spawn } from 'node:child_process'
import { rm, statfs } from 'node:fs/promises'
import { Socket } from 'node:net'
import { dirname } from 'node:path'
import { errorText } from '../model/error-text.ts'
import type { DiskAnswer } from '../model/server/vitals.ts'

interface ProbeUser {
  readonly uid: number
  readonly gid: number
}

const TEXT_MAX = 2000

/** Writes `file` anew and removes it. Pending for as long as the disk hangs. With less than `neededBytes` free it is full. */
export async function probeDisk(
  file: string,
  user: ProbeUser | null,
  neededBytes: number,
): Promise<DiskAnswer> {
  const said = await writePage(file, user)
  // A file without a byte is left by a write that found no room.
  const removed = await rm(file, { force: true }).then(
    () => null,
    (error: unknown) => errorText(error),
  )
  if (said !== '' || removed !== null) return readAnswer(said === '' ? (removed ?? '') : said)
  const room = await statfs(dirname(file)).catch((error: unknown) => errorText(error))
  if (typeof room === 'string') return { state: 'unknown', why: room }
  if (room.bavail * room.bsize >= neededBytes) return { state: 'works' }
  // Without a number that changes with each look: all members read this.
  const needed =
    neededBytes < 1_048_576 ? `${neededBytes / 1024} kB` : `${Math.round(neededBytes / 1_048_576)} MB`
  return { state: 'full', why: `less than ${needed} free` }
}

/** What dd complains about; empty: nothing. */
function writePage(file: string, user: ProbeUser | null): Promise<string> {
  return new Promise(resolve => {
    const args = ['if=/dev/zero', `of=${file}`, 'bs=8192', 'count=1', 'conv=fsync', 'status=none']
    const child = spawn('dd', args, {
      cwd: '/',
      detached: true,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(user ?? {}),
    })
    child.unref()
    if (child.stderr instanceof Socket) child.stderr.unref()
    let text = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(0, TEXT_MAX)
    })
    child.once('error', error => resolve(`dd: ${error.message}: unknown`))
    child.once('close', code => resolve(code === 0 ? '' : text.trim() || `dd: exit code ${code}: unknown`))
  })
}

const FULL = /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/
const BROKEN = /Read-only file system|Input\/output error|Stale file handle|EROFS|EIO\b|ESTALE/

export function readAnswer(said: string): DiskAnswer {
  if (said === '') return { state: 'works' }
  const full = FULL.exec(said)
  if (full !== null) return { state: 'full', why: full[0] }
  const broken = BROKEN.exec(said)
  return broken === null ? { state: 'unknown', why: said } : { state: 'broken', why: broken[0] }
}
