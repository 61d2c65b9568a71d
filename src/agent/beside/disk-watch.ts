// Beside the beats, every five seconds, a page is written into each of these places, by a child process for each. One that
// does not come back is left alone, and no other one is started there meanwhile. No beat waits for any.

import { errorText } from '../../model/error-text.ts'
import type { DiskAnswer, DiskPlace, DiskView } from '../../model/server/vitals.ts'
import type { Millis } from '../../model/units.ts'
import type { VitalsPorts } from './vitals.ts'

const EVERY_MS: Millis = 5000
const TICK_MS: Millis = 1000
/** A write that takes longer is worth a word. */
const SLOW_MS: Millis = 5000
/** More than this in one tick: the agent was frozen, or the machine. */
const TICK_MAX_MS: Millis = 2 * TICK_MS

interface DiskWatchPorts<P extends DiskPlace> extends Pick<VitalsPorts, 'clock' | 'wake' | 'failed'> {
  readonly places: readonly P[]
  readonly probe: (place: P) => Promise<DiskAnswer>
}

export class DiskWatch<P extends DiskPlace> {
  readonly #ports: DiskWatchPorts<P>
  readonly #closing = new AbortController()
  readonly #disks = new Map<P, DiskView>()
  #mayProbe: boolean = false
  #totalMs: Millis = 0
  readonly #running = new Set<P>()

  constructor(ports: DiskWatchPorts<P>) {
    this.#ports = ports
  }

  /** The disks that do not work; empty: all do, as far as is known. */
  view(): { readonly disks: readonly DiskView[]; readonly failingTotalMs: Millis } {
    const disks = this.#ports.places.map(place => this.#disks.get(place)).filter(disk => disk !== undefined)
    return { disks, failingTotalMs: this.#totalMs }
  }

  /** Called after each beat. */
  watch(mayProbe: boolean): void {
    this.#mayProbe = mayProbe
    if (!mayProbe) return
    for (const place of this.#ports.places) if (!this.#running.has(place)) this.#begin(place)
  }

  close(): void {
    this.#closing.abort()
  }

  #begin(place: P): void {
    this.#running.add(place)
    this.#run(place)
      .catch((error: unknown) => this.#ports.failed(`probing the disk: ${errorText(error)}`))
      .finally(() => {
        this.#running.delete(place)
        this.#disks.delete(place)
      })
  }

  async #run(place: P): Promise<void> {
    while (this.#mayProbe && !this.#closing.signal.aborted) {
      await this.#once(place)
      await this.#pause(place)
    }
  }

  /** One write, to its end, whenever that is. */
  async #once(place: P): Promise<void> {
    const { clock, probe } = this.#ports
    const asking = probe(place)
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

  #take(place: P, answer: DiskAnswer): void {
    if (answer.state === 'full' || answer.state === 'broken') {
      const before = this.#disks.get(place)
      this.#fails(place, answer.state, answer.why, before?.state === answer.state ? before.forMs : 0)
      return
    }
    if (this.#disks.delete(place)) this.#ports.wake(`the disk of ${place} works again`)
  }

  #fails(place: P, state: DiskView['state'], why: string, forMs: Millis): void {
    const isNew = this.#disks.get(place)?.state !== state
    this.#disks.set(place, { place, state, why, forMs })
    if (isNew) this.#ports.wake(`the disk of ${place}: ${why}`)
  }

  #longer(place: P, byMs: Millis): void {
    const disk = this.#disks.get(place)
    if (disk === undefined) return
    this.#totalMs += byMs
    this.#disks.set(place, { ...disk, forMs: disk.forMs + byMs })
  }

  /** In steps, so that a disk that fails does so for as long as it is known to. */
  async #pause(place: P): Promise<void> {
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
