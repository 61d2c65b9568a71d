// Two instants that both threads see at once, without a message: until when this node leads, and when the agent's event
// loop was last alive. A load balancer must not be sent to a node that gave its lease up a moment ago because a message
// was on its way.

import type { BootMillis } from '../../model/units.ts'

const LEADS_UNTIL = 0
const ALIVE_AT = 1
const CELLS = 2

export type LeaseMemory = SharedArrayBuffer

export function leaseMemory(): LeaseMemory {
  return new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT)
}

export interface LeaseCell {
  leadsUntilMs(): BootMillis
  aliveAtMs(): BootMillis
  setLeadsUntil(atMs: BootMillis): void
  setAliveAt(atMs: BootMillis): void
}

export function leaseCell(memory: LeaseMemory): LeaseCell {
  const cells = new BigInt64Array(memory)
  // Whole microseconds, rounded down: leadership may end early, never late.
  const write = (cell: number, atMs: BootMillis): void => {
    Atomics.store(cells, cell, BigInt(Math.floor(Math.max(0, atMs) * 1000)))
  }
  const read = (cell: number): BootMillis => Number(Atomics.load(cells, cell)) / 1000
  return {
    leadsUntilMs: () => read(LEADS_UNTIL),
    aliveAtMs: () => read(ALIVE_AT),
    setLeadsUntil: atMs => write(LEADS_UNTIL, atMs),
    setAliveAt: atMs => write(ALIVE_AT, atMs),
  }
}
