// Ends the fencer of a former agent, which may have the watchdog device open. Only one process can have it. If the new
// fencer is to have it, the old one closes the device without switching it off: the kernel counts on from the last time
// that it was fed, and the new fencer opens and feeds it. There is no moment without a watchdog, and if the new agent dies
// in between, the machine is reset.

import { constants } from 'node:fs'
import { access, readdir, readlink, realpath } from 'node:fs/promises'
import type { Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Program, ProgramIdentity } from './program.ts'

const PAUSE_MS = 5

/**
 * To be called only when a fencer of our own has confirmed that it is armed, or when nothing is to be fenced. A process
 * with other start ticks is not touched. `gone`: it had ended before we asked. `device`: the device that the next fencer
 * opens at once; null: none.
 */
export async function retireOrphan(
  program: Program,
  orphan: ProgramIdentity,
  device: string | null,
  clock: Clock,
  budgetMs: Millis,
): Promise<'relieved' | 'gone' | 'stays'> {
  const limitMs = clock.bootMs() + budgetMs
  // The device of another configuration would be left running, and nobody would feed it.
  const staysOn = device !== null && (await canPass(orphan.pid, device)) ? 'on' : 'off'
  for (let asked: boolean = false; ; asked = true) {
    const leftMs = limitMs - clock.bootMs()
    if (leftMs <= 0) return 'stays'
    const reply = await program.ask('retire', `${orphan.pid} ${orphan.startTicks} ${staysOn}`, leftMs)
    if (reply.kind !== 'done') return 'stays'
    if (reply.word === 'retired') return asked ? 'relieved' : 'gone'
    await clock.sleep(PAUSE_MS)
  }
}

/**
 * It is open there, and may be opened here. What cannot be seen counts as no: the device is then switched off and opened
 * again, a moment without a watchdog.
 */
async function canPass(pid: number, device: string): Promise<boolean> {
  const directory = `/proc/${pid}/fd`
  try {
    await access(device, constants.W_OK)
    const wanted = await realpath(device)
    const open = await Promise.all(
      (await readdir(directory)).map(fd => readlink(`${directory}/${fd}`).catch(() => '')),
    )
    return open.includes(wanted)
  } catch {
    return false
  }
}
