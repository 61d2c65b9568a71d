// What a case says of the failover that the node remembers, and of its own promotion.

import type { Memory } from '../../../src/model/decision/memory.ts'
import { WALL_MS } from './forms-world.ts'
import { type Form, readDuration } from './units.ts'

export const failoverForms: readonly Form<Memory>[] = [
  [
    /^failover from (\S+) to (\S+) seen (\S+) ago$/,
    ([from = '', to = '', time = ''], now) => ({
      lastFailover: {
        ...{ from, to, at: '2026-11-22T08:50:00.000Z', sinceMs: now - readDuration(time) },
        sinceWall: WALL_MS - readDuration(time),
      },
    }),
  ],
  [/^promotes to (\d+)$/, ([timeline]) => ({ promotesTo: Number(timeline) })],
]
