// What is wrong with this node, in one sentence, for readers of `hactl list`, the member key and GET /patroni. Each condition
// is one small function; they are in the order of their urgency, and the first that holds is shown. A sentence contains no
// number that changes from beat to beat, because each change is a write to etcd.

import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { Millis } from '../../model/units.ts'
import { whyUndecided } from '../election/comparison.ts'
import { unsupportedMode } from '../election/election.ts'
import { whyHeldBack } from '../election/failover-interval.ts'
import { bindingPromise } from '../election/failsafe-gate.ts'
import {
  type ClusterFacts,
  type Facts,
  holdsLease,
  obstacle,
  runsAsPrimary,
  server,
  storeName,
} from '../facts.ts'
import { describeDisk, failingOwnDisk, failingServerDisk } from '../failing-disk.ts'
import { hungServer } from '../hung-server.ts'
import { unusableConfiguration } from '../known-configuration.ts'
import { unfencedForMs } from '../lead/fencing.ts'
import { describeMissing, missingWatchdog } from '../lead/watchdog.ts'
import { reasonOf, timesFailed } from '../rejoin/failed-work.ts'
import { describeOrphans, formerMayWrite, keepsKey, orphans } from '../rejoin/former-life.ts'
import { starvation } from '../rejoin/reception.ts'
import { noWayBack } from '../rejoin/rejoin.ts'
import { pausedByHand } from '../rejoin/replay-pause.ts'
import { tellStandstills } from '../stalling-agent.ts'
import { refusedLogin } from './login-trouble.ts'
import { unprotected } from './unprotected.ts'

interface Trouble {
  /** Stable, for programs; `no-access` and `no-answer` also show in the state that `hactl list` prints. */
  readonly id: string
  /** For people, with the remedy where it is known. */
  readonly text: string
}

interface Condition {
  readonly id: string
  readonly find: (facts: Facts) => string | null
}

/** A shorter silence is not worth a report. */
const SILENCE_MS: Millis = 10_000
/** A fencer that ended is started again in less. */
const UNFENCED_MS: Millis = 1000
/** Long enough for the person who asked to look why nothing happens. */
const REFUSAL_SHOWN_MS: Millis = 300_000
/** All members read the member key, so it stays small. */
const TEXT_MAX = 200

const CONDITIONS: readonly Condition[] = [
  { id: 'failsafe', find: failsafe },
  { id: 'etcd', find: blind },
  { id: 'former-server', find: whatFormerServerMayDo },
  { id: 'data-directory', find: inaccessible },
  { id: 'data-directory', find: ({ snap }) => obstacle(snap) },
  { id: 'diverged', find: onCluster(noWayBack) },
  { id: 'no-access', find: shutOut },
  { id: 'no-answer', find: silent },
  { id: 'disk', find: disk },
  // `undecided` comes after these: a server that rejects sessions is often the cause of it.
  { id: 'undecided', find: onCluster(whyUndecided) },
  { id: 'work-failed', find: workFailed },
  { id: 'fencer', find: unfenced },
  { id: 'watchdog', find: unwatched },
  { id: 'configuration', find: onCluster(configuration) },
  { id: 'configuration', find: unapplied },
  { id: 'configuration', find: refusedFile },
  // Why nobody leads comes before what follows from that: nobody sends WAL then.
  { id: 'failover-interval', find: onCluster(whyHeldBack) },
  { id: 'mode', find: onCluster(modeKeepsLeaderless) },
  { id: 'receives-nothing', find: onCluster(starvation) },
  { id: 'replay-paused', find: pausedByHand },
  { id: 'mode', find: modeOfPrimary },
  { id: 'synchronous', find: onCluster(f => (unsupportedMode(f) === null ? unprotected(f) : null)) },
  { id: 'request-refused', find: refusedRequest },
  { id: 'agent-stalls', find: tellStandstills },
  { id: 'login', find: refusedLogin },
  { id: 'state-directory', find: forgetful },
  { id: 'log', find: mute },
]

/** The most urgent trouble; null: all is well, as far as is known. */
export function trouble(facts: Facts): Trouble | null {
  for (const { id, find } of CONDITIONS) {
    const text = find(facts)
    if (text !== null) return { id, text: shortened(text) }
  }
  return null
}

/** A text that is too long loses its hint first: the log has it as well. */
function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  if (line.length <= TEXT_MAX) return line
  const [what = ''] = line.split('. HINT: ')
  return what.length <= TEXT_MAX ? what : `${what.slice(0, TEXT_MAX - 1)}…`
}

function onCluster(find: (facts: ClusterFacts) => string | null): Condition['find'] {
  return facts => {
    const { cluster } = facts.snap
    return cluster.known ? find({ ...facts, view: cluster.value }) : null
  }
}

/** A primary that the store does not confirm, in failsafe mode, and the members that have promised it not to lead. */
function failsafe(facts: Facts): string | null {
  const { snap, memory } = facts
  const promise = bindingPromise(facts)
  const isLed = snap.cluster.known && snap.cluster.value.leader !== null
  if (promise !== null && !isLed)
    return `${promise.name} cannot reach ${storeName(snap)} and goes on as the primary: this node has promised not to lead`
  const asked = memory.failsafe.asked
  if (asked === null || !runsAsPrimary(facts)) return null
  const refused = asked.refusals.map(({ name }) => name)
  return refused.length === 0
    ? `${storeName(snap)} does not confirm the lease: this node goes on as the primary because all members agree (failsafe mode)`
    : `${storeName(snap)} does not confirm the lease, and failsafe mode does not help: ${refused.join(', ')} did not agree`
}

/** Only GET /patroni can show this: without etcd nothing is published. */
function blind({ snap }: Facts): string | null {
  return snap.cluster.known ? null : `${storeName(snap)} is not reachable: ${snap.cluster.why}`
}

/** Meanwhile this node does not release the leader key, if it has it. */
function whatFormerServerMayDo(facts: Facts): string | null {
  if (orphans(facts).length > 0) return `${describeOrphans(facts)} may still accept writes`
  return keepsKey(facts) && formerMayWrite(facts)
    ? 'whether a former server of this node still runs is not known: the leader key is left to expire'
    : null
}

function inaccessible({ snap }: Facts): string | null {
  const directory = snap.postgres.dataDirectory
  return directory.kind === 'inaccessible' ? `the data directory is not accessible: ${directory.why}` : null
}

const WORK: Readonly<Record<string, string>> = {
  bootstrap: 'bootstrap',
  clone: 'clone',
  start: 'start',
  restart: 'restart',
  rewind: 'rewind',
  'crash-recovery': 'crash recovery',
  'remove-data': 'removing the data directory',
  'set-aside': 'setting the data directory aside',
}

/** Shown until PostgreSQL answers again, even while the work is tried once more. */
function workFailed({ snap, memory }: Facts): string | null {
  // Later failures while the agent gives up are not the cause.
  if (memory.founding?.why !== undefined) return `bootstrap failed: ${memory.founding.why}`
  const failure = memory.lastFailure
  const work = failure === null ? undefined : WORK[failure.job]
  if (failure === null || work === undefined || server(snap) !== null) return null
  const count = Math.max(timesFailed(failure), failure.job === 'start' ? memory.startFailures : 1)
  const times = count > 1 ? ` ${count} times` : ''
  return `${work} failed${times}: ${reasonOf(failure)}`
}

/** Shown as soon as it is seen: PostgreSQL may fail at any moment. */
function disk(facts: Facts): string | null {
  const failing = failingServerDisk(facts)
  if (failing === null) return null
  return `${describeDisk(failing)}${failing.state === 'full' ? '. HINT: Make room on it' : ''}`
}

/** Patroni has no state for a server that runs and rejects sessions, e.g. because its disk is full. */
function shutOut({ snap }: Facts): string | null {
  const { process, server: seen } = snap.postgres
  const letsIn = process.kind !== 'running' || process.readiness !== 'accepting' || seen.known
  return letsIn || startsOrStops(snap) ? null : `PostgreSQL runs, but lets no session in: ${seen.why}`
}

/** A server that starts or stops rejects sessions anyway, and the member's state shows that. */
function startsOrStops({ work }: Snapshot): boolean {
  return work !== null && work.job.kind !== 'follow'
}

/** A server that is frozen or whose disk hangs: clients wait, and nothing ends by itself. */
function silent({ snap, memory }: Facts): string | null {
  if (hungServer({ snap, memory }) !== null)
    return `PostgreSQL hangs: it ${server(snap) === null ? 'answers no session' : 'lets no new session in'}`
  const since = memory.silentSinceMs
  if (since === null || startsOrStops(snap) || snap.nowMs - since < SILENCE_MS) return null
  return `PostgreSQL runs, but has not answered for more than ${SILENCE_MS / 1000} s`
}

function unfenced(facts: Facts): string | null {
  const { snap, memory } = facts
  if (unfencedForMs(facts) >= UNFENCED_MS) return 'the fencer cannot be armed: this node must not be primary'
  const failure = memory.lastFailure
  const lately = failure?.job === 'arm-fencer' && snap.nowMs - failure.atMs < snap.settings.ttlMs
  return lately ? `the fencer could not be armed (${failure.why}): this node was not made primary` : null
}

function unwatched(facts: Facts): string | null {
  const why = missingWatchdog(facts)
  return why === null ? null : describeMissing(why)
}

function configuration({ snap, view }: ClusterFacts): string | null {
  const why = unusableConfiguration(view)
  if (why === null) return null
  const what = `the configuration in ${storeName(snap)} cannot be used (${why})`
  const remedy = 'HINT: hactl edit-config --replace FILE'
  if (snap.settingsConfirmed) return `${what}: the last good one stays in force. ${remedy}`
  return holdsLease(snap)
    ? `${what}: this node leads on with what it found on its own disk. ${remedy}`
    : `${what}, so this node does not lead and is no healthy replica. ${remedy}`
}

function unapplied({ snap }: Facts): string | null {
  const { applied, wanted, applyingSinceMs, failure } = snap.configuration
  if (applied === wanted) return null
  if (applyingSinceMs !== null && snap.nowMs - applyingSinceMs >= SILENCE_MS)
    return `the configuration is not applied: its files have not been written for more than ${SILENCE_MS / 1000} s. HINT: Look for a disk that does not answer`
  return failure === null ? null : `the configuration is not applied: ${failure.why}`
}

function refusedFile({ snap }: Facts): string | null {
  const { refusedFile: why } = snap.configuration
  return why === null ? null : `the configuration file was refused, an older one is in force: ${why}`
}

function modeKeepsLeaderless(facts: ClusterFacts): string | null {
  const mode = unsupportedMode(facts)
  if (mode === null || facts.view.leader !== null) return null
  return `nobody leads, and this version of hactl promotes nobody with ${mode}`
}

/** An operator who stored standby_cluster waits for a standby cluster in vain. */
function modeOfPrimary({ snap }: Facts): string | null {
  if (!snap.settings.standbyCluster || server(snap)?.inRecovery !== false) return null
  return 'standby_cluster is set, which this version of hactl does not carry out: this node stays a primary that accepts writes'
}

/** The only answer to a person who wrote the request straight into etcd. */
function refusedRequest({ memory, snap }: Facts): string | null {
  const refused = memory.refusedRequest
  if (refused === null || snap.nowMs - refused.atMs > REFUSAL_SHOWN_MS) return null
  return `${refused.reason} (${new Date(refused.wallMs).toISOString()})`
}

/** Such a node may lead: nothing in this directory prevents a second writer, and a primary matters more than a journal. */
function forgetful({ snap, memory }: Facts): string | null {
  const own = failingOwnDisk({ snap, memory })
  const why = snap.stateUnwritable ?? null
  if (why === null && own?.place !== 'state') return null
  // With the path in it, the sentence would be too long for the hint.
  const cause = why?.replace(/, \w+(?: '.*')?$/, '')
  const what = own?.place === 'state' ? describeDisk(own) : `the state directory cannot be written (${cause})`
  if (own?.place === 'state' && own.state === 'hangs')
    return `${what}: PostgreSQL waits when it logs there, no decision is recorded. HINT: Make it writable`
  return `${what}: no decision is recorded, no copy or rewind can begin. HINT: Make it writable, or room on its disk`
}

/** Lines are queued up to a limit, and the oldest ones are dropped beyond it. */
function mute(facts: Facts): string | null {
  const own = failingOwnDisk(facts)
  return own?.place === 'log'
    ? `${describeDisk(own)}: lines of the log are lost. HINT: Make it writable, or room on it`
    : null
}
