// What of a former life can show in a small world.

import { seen, unseen } from '../../src/model/seen.ts'
import type { PostgresView } from '../../src/model/server/postgres.ts'
import { frozen, NOW } from './frozen.ts'

const inside = { runsOutside: seen(null, NOW) }

export const formers = {
  nothing: frozen({ orphans: seen([], NOW), sameData: seen(true, NOW), ...inside }),
  otherData: frozen({ orphans: seen([], NOW), sameData: seen(false, NOW), ...inside }),
  outside: frozen({
    orphans: seen([], NOW),
    sameData: seen(false, NOW),
    runsOutside: seen('/data.old', NOW),
  }),
  orphan: frozen({
    orphans: seen([{ pid: 4700, startTicks: '12', directory: '/data.old' }], NOW),
    sameData: seen(false, NOW),
    ...inside,
  }),
  orphanBeside: frozen({
    orphans: seen([{ pid: 4700, startTicks: '12', directory: '/data.old' }], NOW),
    sameData: seen(true, NOW),
    ...inside,
  }),
  unknown: frozen({ orphans: unseen('none is recorded'), sameData: unseen('none is recorded'), ...inside }),
  unread: frozen({ orphans: unseen('/proc cannot be searched'), sameData: seen(true, NOW), ...inside }),
} satisfies Readonly<Record<string, PostgresView['former']>>
