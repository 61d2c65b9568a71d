// A server as it shows its standbys with the synchronous_standby_names that it has in force.

import type { ServerView } from '../../src/model/server/postgres.ts'
import { parseSyncNames } from '../../src/wire/sync-names.ts'

export function waiting(server: ServerView): ServerView {
  const { kind, count, names } = parseSyncNames(server.synchronous?.standbyNames ?? '')
  const replication = server.replication.map(sender => {
    const rank = names.indexOf(sender.applicationName)
    const listed = kind === 'quorum' ? 'quorum' : rank < count ? 'sync' : 'potential'
    const lsn = server.position
    return {
      ...sender,
      ...{ syncState: rank === -1 ? 'async' : listed, syncPriority: rank + 1 },
      ...{ writeLsn: lsn, flushLsn: lsn, replayLsn: lsn },
    }
  })
  return { ...server, replication }
}
