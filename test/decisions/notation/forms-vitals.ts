// The notation of a case: signs of life that were looked for beside the beats.

import type { DiskView, VitalsView } from '../../../src/model/server/vitals.ts'
import { type Form, readDuration } from './units.ts'

const WHY: Readonly<Record<DiskView['state'], string>> = {
  full: 'No space left on device',
  broken: 'Read-only file system',
  hangs: 'a write has not come back',
}

export const vitalsForms: readonly Form<VitalsView>[] = [
  [
    /^stood still (\d+) times for (\S+) and once for (\S+)$/,
    ([times, all = '', longest = '']) => ({
      standstills: {
        times: Number(times),
        totalMs: readDuration(all),
        longestMs: readDuration(longest),
        lastMs: readDuration(longest),
        recentTimes: Number(times),
        recentMs: readDuration(all),
      },
    }),
  ],
  [
    /^disk of (state|log) (full|broken|hangs) for (\S+)(?: (with|without) the server's log)?$/,
    ([place, state, time = '', log]) => ({
      ownDisks: [
        {
          place: place === 'log' ? 'log' : 'state',
          state: state as DiskView['state'],
          why: WHY[state as DiskView['state']],
          forMs: readDuration(time),
          ...(log === undefined ? {} : { serverLogs: log === 'with' }),
        },
      ],
    }),
  ],
  [
    /^disk of (data|wal) (full|broken|hangs) for (\S+)$/,
    ([place, state, time = '']) => ({
      disks: [
        {
          place: place === 'wal' ? 'wal' : 'data',
          state: state as DiskView['state'],
          why: WHY[state as DiskView['state']],
          forMs: readDuration(time),
        },
      ],
    }),
  ],
  [
    /^no (connection|login) answered for (\S+)$/,
    ([asked, time = ''], now) => ({
      knocks: {
        unansweredSinceMs: now - readDuration(time),
        asked: asked === 'login' ? 'login' : 'connection',
        unansweredTotalMs: 0,
      },
    }),
  ],
]
