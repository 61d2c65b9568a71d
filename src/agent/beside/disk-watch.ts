// Beside the beats, every five seconds, a page is written into the data directory and into pg_wal, by a child process for
// each. One that does not come back is left alone, and no other one is started there meanwhile. No beat waits for any.

import type { Snapshot } from '../../model/decision/snapshot.ts'
import { errorText } from '../../model/error-text.ts'
import type { DiskPlace, DiskView } from '../../model/server/vitals.ts'
import type { Millis } from '../../model/units.ts'
import type { Postgres } from '../../ports/postgres.ts'
import type { VitalsPorts } from './vitals.ts'

const EVERY_MS: Millis = 5000
const TICK_MS: Millis = 1000
/** A write that takes longer is worth a word. */
const SLOW_MS: Millis = 5000
/** More than this in one tick: the agent was frozen, or the machine. */
const TICK_MAX_MS: Millis = 2 * TICK_MS

const PLACES: readonly DiskPlace[] = ['data', 'wal']

export class DiskWatch {
  readonly #ports: VitalsPorts
  readonly #closing = new AbortController()
  readonly #disks = new Map<DiskPlace, DiskView>()
  #mayProbe: boolean = false
  #totalMs: Millis = 0
  readonly #running = new Set<DiskPlace>()

  constructor(ports: VitalsPorts) {
    this.#ports = ports
  }

  /** The disks that do not work; empty: all do, as far as is known. */
  view(): { readonly disks: readonly DiskView[]; readonly failingTotalMs: Millis } {
    const disks = PLACES.map(place => this.#disks.get(place)).filter(disk => disk !== undefined)
    return { disks, failingTotalMs: this.#totalMs }
  }

  /** Gets each beat's snapshot. */
  consider({ postgres, work }: Snapshot): void {
    const isWritable = postgres.dataDirectory.kind === 'present' || this.#disks.size > 0
    // A directory that is being made, rewound or removed is no place for a foreign file.
    const isLeftAlone =
      work === null || ['follow', 'promote', 'stop', 'start', 'restart'].includes(work.job.kind)
    this.#mayProbe = isWritable && isLeftAlone && this.#ports.settings().failedDiskTimeoutMs > 0
    if (!this.#mayProbe) return
    for (const place of PLACES) if (!this.#running.has(place)) this.#begin(place)
  }

  close(): void {
    this.#closing.abort()
  }

  #begin(place: DiskPlace): void {
    this.#running.add(place)
    this.#run(place)
      .catch((error: unknown) => this.#ports.failed(`probing the disk: ${errorText(error)}`))
      .finally(() => {
        this.#running.delete(place)
        this.#disks.delete(place)
      })
  }

  async #run(place: DiskPlace): Promise<void> {
    while (this.#mayProbe && !this.#closing.signal.aborted) {
      await this.#once(place)
      await this.#pause(place)
    }
  }

  /** One write, to its end, whenever that is. */
  async #once(place: DiskPlace): Promise<void> {
    const { clock, postgres } = this.#ports
    const asking = postgres.probeDisk(place)
    let waitedMs = 0
    for (let tickMs = clock.bootMs(); ; ) {
      const later = clock.sleep(TICK_MS, this.#closing.signal).then(() => null)
      const answer = await Promise.race([asking, later])
      if (this.#closing.signal.aborted) return
      if (answer !== null) return this.#take(place, answer)
      const passedMs = Math.min(TICK_MAX_MS, clock.bootMs() - tickMs)
      tickMs = clock.bootMs()
      waitedMs += passedMs
      if (waitedMs < SLOW_MS) continue
      this.#totalMs += passedMs
      this.#fails(place, 'hangs', 'a write has not come back', waitedMs)
    }
  }

  #take(place: DiskPlace, answer: Awaited<ReturnType<Postgres['probeDisk']>>): void {
    if (answer.state === 'full' || answer.state === 'broken') {
      const before = this.#disks.get(place)
      this.#fails(place, answer.state, answer.why, before?.state === answer.state ? before.forMs : 0)
      return
    }
    if (this.#disks.delete(place)) this.#ports.wake(`the disk of ${place} works again`)
  }

  #fails(place: DiskPlace, state: DiskView['state'], why: string, forMs: Millis): void {
    const isNew = this.#disks.get(place)?.state !== state
    this.#disks.set(place, { place, state, why, forMs })
    if (isNew) this.#ports.wake(`the disk of ${place}: ${why}`)
  }

  #longer(place: DiskPlace, byMs: Millis): void {
    const disk = this.#disks.get(place)
    if (disk === undefined) return
    this.#totalMs += byMs
    this.#disks.set(place, { ...disk, forMs: disk.forMs + byMs })
  }

  /** In steps, so that a disk that fails does so for as long as it is known to. */
  async #pause(place: DiskPlace): Promise<void> {
    const { clock } = this.#ports
    if (!this.#disks.has(place)) return await clock.sleep(EVERY_MS, this.#closing.signal)
    for (let leftMs = EVERY_MS; leftMs > 0 && this.#mayProbe; leftMs -= TICK_MS) {
      const beganMs = clock.bootMs()
      await clock.sleep(TICK_MS, this.#closing.signal)
      if (this.#closing.signal.aborted) return
      this.#longer(place, Math.min(TICK_MAX_MS, clock.bootMs() - beganMs))
    }
  }
}
