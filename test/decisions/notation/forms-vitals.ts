// The notation of a case: signs of life that were looked for beside the beats.

import type { VitalsView } from '../../../src/model/server/vitals.ts'
import { type Form, readDuration } from './units.ts'

export const vitalsForms: readonly Form<VitalsView>[] = [
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
