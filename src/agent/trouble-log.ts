// Troubles that no rule acts on but that an operator must know: PostgreSQL runs but rejects the agent's sessions, a
// standby receives nothing, or it lacks the watchdog that it would need to lead. "No action" is then the right decision, but alone it would read as if all were well.

import { describeDisk, failingOwnDisk, failingServerDisk } from '../decide/failing-disk.ts'
import { describeMissing, missingWatchdog } from '../decide/lead/watchdog.ts'
import { refusedLogin } from '../decide/report/login-trouble.ts'
import { newcomersWithoutSlot } from '../decide/upkeep/newcomer-slots.ts'
import type { Memory } from '../model/decision/memory.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import type { BootMillis, Millis } from '../model/units.ts'
import type { Log } from '../ports/log.ts'

/** In any restart or reload, logins fail and receivers pause for a moment. */
const PATIENCE_MS: Millis = 10_000

interface TroubleLogOptions {
  readonly log: Log
  /** The place where PostgreSQL logs the cause, for the reader. */
  readonly serverLog: string
}

type TroubleLog = (snapshot: Snapshot, memory: Memory) => void

/** Gets every beat's snapshot: one warning when a trouble has lasted, one line when it is over. */
export function createTroubleLog({ log, serverLog }: TroubleLogOptions): TroubleLog {
  const unseen = createTrouble(log, 'PostgreSQL lets the agent in again')
  const idle = createTrouble(log, 'PostgreSQL streams again')
  const disk = createTrouble(log, 'every disk of PostgreSQL can be written again', 0)
  const ownDisk = createTrouble(log, 'every disk of the agent itself can be written again', 0)
  const login = createTrouble(log, 'every account can log in again', 0)
  const watchdog = createTrouble(log, 'the required watchdog can be used again')
  const strangeKeys = createTrouble(log, 'no key in etcd is refused any more', 0)
  const tooMany = createTrouble(log, 'every member key is taken up again', 0)
  const slotless = createTrouble(log, 'every member has its replication slot on this node again')
  return (snapshot, memory) => {
    const waits = newcomersWithoutSlot(snapshot, memory)
    slotless(snapshot.nowMs, waits === 0 ? null : NO_ROOM_FOR_SLOTS, snapshot.postgres.server.known)
    const { cluster } = snapshot
    const refused = cluster.known ? (cluster.value.refusedKeys ?? []).length : 0
    strangeKeys(snapshot.nowMs, refused === 0 ? null : STRANGE_KEYS, cluster.known)
    const leftOut = cluster.known ? (cluster.value.leftOutMembers ?? 0) : 0
    tooMany(snapshot.nowMs, leftOut === 0 ? null : TOO_MANY_MEMBERS, cluster.known)
    const { server } = snapshot.postgres
    unseen(snapshot.nowMs, shutOut(snapshot), server.known)
    const streams = server.known && server.value.walReceiver?.status === 'streaming'
    const failing = failingServerDisk({ snap: snapshot, memory })
    disk(snapshot.nowMs, failing === null ? null : describeDisk(failing), failing === null)
    const own = failingOwnDisk({ snap: snapshot, memory })
    ownDisk(snapshot.nowMs, own === null ? null : describeDisk(own), own === null)
    login(snapshot.nowMs, refusedLogin({ snap: snapshot, memory }), everyLogin(snapshot))
    const missing = missingWatchdog({ snap: snapshot, memory })
    watchdog(snapshot.nowMs, missing === null ? null : describeMissing(missing), missing === null)
    idle(snapshot.nowMs, notStreaming(snapshot, memory, serverLog), streams)
  }
}

/** Without their names or number: whoever writes them must not decide how often this is told. */
const STRANGE_KEYS =
  'etcd has keys that are refused: below members/ with names that no member has, or too large. HINT: hactl check says which'

const TOO_MANY_MEMBERS =
  'etcd has more keys below members/ than a cluster has members: those on no lease are left out first. HINT: hactl check counts them'

const NO_ROOM_FOR_SLOTS =
  "members that have never streamed have no replication slot here, as max_replication_slots leaves no room for all: the newest come first. HINT: remove keys below members/ that are nobody's, or raise max_replication_slots"

/** `why`: the trouble, or null; `well`: the opposite was seen, and the question has not merely become moot. */
type Trouble = (nowMs: BootMillis, why: string | null, well: boolean) => void

function createTrouble(log: Log, over: string, patienceMs = PATIENCE_MS): Trouble {
  let sinceMs: BootMillis | null = null
  let told: string | null = null
  return (nowMs, why, well) => {
    if (why === null) {
      if (told !== null && well) log.info(over)
      sinceMs = null
      told = null
      return
    }
    sinceMs ??= nowMs
    if (nowMs - sinceMs < patienceMs || why === told) return
    log.warning(why)
    told = why
  }
}

function everyLogin({ logins = [] }: Snapshot): boolean {
  return logins.length > 0 && logins.every(({ refused }) => refused === null)
}

function shutOut({ postgres, work }: Snapshot): string | null {
  const { process, server } = postgres
  if (work !== null || process.kind !== 'running' || process.readiness !== 'accepting' || server.known)
    return null
  return `PostgreSQL runs but does not let the agent in (${server.why}): this node cannot become primary, nor see how its PostgreSQL fares. HINT: ${remedyFor(server.why)}`
}

/** The hint follows the server's own error: to check passwords when the disk is full wastes the night. */
function remedyFor(why: string): string {
  if (/No space left|could not (?:write|extend|create)/i.test(why)) return 'Make room on its disk'
  if (/too many clients|remaining connection slots/i.test(why))
    return 'End sessions, or raise max_connections'
  if (/password|authentication|pg_hba|role|SSL/i.test(why))
    return 'Check postgresql.authentication.superuser and pg_hba.conf'
  return "See PostgreSQL's log; and check postgresql.authentication.superuser, pg_hba.conf and max_connections"
}

const COPY_ANEW = 'this node must be copied anew: stop its agent, remove the data directory, start the agent'

function notStreaming(snapshot: Snapshot, memory: Memory, serverLog: string): string | null {
  const { postgres, cluster, self, work } = snapshot
  const { server } = postgres
  const leader = cluster.known ? cluster.value.leader : null
  if (work !== null || leader === null || leader.name === self.name || self.tags.nostream) return null
  if (!server.known || !server.value.inRecovery || server.value.walReceiver?.status === 'streaming')
    return null
  // A rule reports data that has diverged or waits to be compared.
  if (memory.rejoin !== 'follow') return null
  // Recovery from an archive comes first, and may take hours.
  if (server.value.restoreCommandSet) return null
  return `PostgreSQL receives no WAL though ${leader.name} leads; why is in ${serverLog} or in PostgreSQL's own log. If it says that a WAL segment has already been removed, ${COPY_ANEW}`
}
