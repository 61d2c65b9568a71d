// From the world to a Snapshot. Every look has a limit; one that fails or is late becomes "unknown" with its reason.
// Nothing is decided here and nothing throws. PostgreSQL is looked at once per beat, and again after an action or a job
// has changed it.

import type { ClusterView, HistoryLine } from '../model/cluster/cluster.ts'
import type { Promises } from '../model/cluster/failsafe.ts'
import type { Learned } from '../model/decision/learned.ts'
import type { Order } from '../model/decision/order.ts'
import type { Self, Snapshot } from '../model/decision/snapshot.ts'
import type { FinishedWork, Work } from '../model/decision/work.ts'
import { isNewer } from '../model/revision.ts'
import { type Seen, unseen } from '../model/seen.ts'
import type { LoginView } from '../model/server/logins.ts'
import type { PostgresView, RecoverySettingsView } from '../model/server/postgres.ts'
import type { VitalsView } from '../model/server/vitals.ts'
import type { ConfigurationView } from '../model/settings/configuration-view.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import type { BootMillis, Millis, Revision, Timeline } from '../model/units.ts'
import { type Clock, inTime } from '../ports/clock.ts'
import type { Fencer } from '../ports/fencer.ts'
import type { LeaseGuard } from '../ports/lease-guard.ts'
import type { Postgres } from '../ports/postgres.ts'
import type { Store } from '../ports/store.ts'
import { upstreamFor } from '../wire/upstream.ts'

export interface ObservePorts {
  readonly store: Pick<Store, 'view'>
  readonly postgres: LookedAt
  readonly fencer: Pick<Fencer, 'view' | 'lookAtWatchdog'>
  readonly clock: Pick<Clock, 'bootMs' | 'sleep' | 'wallMs'>
  readonly guard: Pick<LeaseGuard, 'view'>
}

type LookedAt = Pick<Postgres, 'look' | 'compareRecovery' | 'readHistory'>

/** The part of a snapshot that the agent itself contributes. */
export interface AgentFacts {
  readonly self: Self
  readonly settings: DynamicSettings
  readonly settingsConfirmed: boolean
  readonly configRevision: Revision | null
  readonly configuration: ConfigurationView
  readonly startedAtMs: BootMillis
  readonly stopRequested: boolean
  readonly stateUnwritable?: string | null
  readonly logins?: readonly LoginView[]
  readonly vitals?: VitalsView
  readonly work: Work | null
  readonly finished: FinishedWork | null
  readonly order?: Order | null
  readonly promises?: Promises
}

/** The look at PostgreSQL that later steps of the same beat reuse. */
export interface LocalLook {
  readonly postgres: PostgresView
  readonly recovery: Seen<RecoverySettingsView>
  readonly timelineHistory: Seen<readonly HistoryLine[]>
}

const LOOK_LIMIT_MS: Millis = 2500
/** Of a server that has answered no new connection for `UNANSWERED_MS`. */
const MUTE_LIMIT_MS: Millis = 400
const UNANSWERED_MS: Millis = 1000
const DEVICE_LIMIT_MS: Millis = 500

/** One look at everything. `previous` is the look of an earlier step of this beat, if it still holds. */
export async function observe(
  ports: ObservePorts,
  agent: AgentFacts,
  learned: Learned,
  previous: LocalLook | null,
): Promise<{ readonly snapshot: Snapshot; readonly look: LocalLook }> {
  const before = clusterOf(ports.store.view(), learned.cluster)
  // After a job has ended in the middle of a beat, only a new look shows what it has done.
  const holds = previous !== null && !learned.postgresTouched && agent.finished === null
  const look = holds ? previous : await lookAtPostgres(ports, agent, before)
  const fencer = await lookAtFencer(ports.fencer, agent.self)
  const snapshot: Snapshot = {
    nowMs: ports.clock.bootMs(),
    wallMs: ports.clock.wallMs(),
    startedAtMs: agent.startedAtMs,
    self: agent.self,
    settings: agent.settings,
    settingsConfirmed: agent.settingsConfirmed,
    configRevision: agent.configRevision,
    configuration: agent.configuration,
    cluster: clusterOf(ports.store.view(), learned.cluster),
    lease: ports.guard.view(),
    ...look,
    peers: learned.peers,
    consent: learned.consent,
    ...(agent.promises === undefined ? {} : { promises: agent.promises }),
    divergence: learned.divergence,
    work: agent.work,
    finished: agent.finished,
    fencer,
    stateUnwritable: agent.stateUnwritable ?? null,
    ...(agent.logins === undefined ? {} : { logins: agent.logins }),
    ...(agent.vitals === undefined ? {} : { vitals: agent.vitals }),
    stopRequested: agent.stopRequested,
    order: agent.order ?? null,
    outcomes: learned.outcomes,
  }
  return { snapshot, look }
}

/** The device is looked at only where it is required and not open already. */
async function lookAtFencer(port: ObservePorts['fencer'], { watchdog }: Self): Promise<Snapshot['fencer']> {
  const isNeeded = watchdog?.mode === 'required' && (port.view().watchdog ?? null) === null
  const device = isNeeded ? await port.lookAtWatchdog(watchdog.device, DEVICE_LIMIT_MS) : undefined
  const { armedUntilMs, alive, postmaster, formerMayAct, watchdog: open = null } = port.view()
  return {
    ...{ alive, armedUntilMs, postmaster, formerMayAct },
    ...(open === null ? {} : { watchdog: open }),
    ...(device === undefined ? {} : { device }),
  }
}

/** The newer of the watch-fed view and this beat's own read. */
function clusterOf(view: Seen<ClusterView>, read: Seen<ClusterView> | null): Seen<ClusterView> {
  if (read === null || !read.known) return view.known || read === null ? view : read
  return view.known && isNewer(view.value.revision, read.value.revision) ? view : read
}

async function lookAtPostgres(
  ports: ObservePorts,
  agent: AgentFacts,
  cluster: Seen<ClusterView>,
): Promise<LocalLook> {
  const postgres = await ports.postgres.look(lookLimitMs(ports, agent))
  const late = () => unseen('it took too long')
  const [recovery, timelineHistory] = await Promise.all([
    inTime(compareRecovery(ports.postgres, agent, cluster, postgres), LOOK_LIMIT_MS, ports.clock, late),
    inTime(readHistory(ports.postgres, agent, postgres), LOOK_LIMIT_MS, ports.clock, late),
  ])
  return { postgres, recovery, timelineHistory }
}

/** A server that answers no new connection is not waited for: its leader has little time left. */
function lookLimitMs({ clock }: ObservePorts, { settings, vitals }: AgentFacts): Millis {
  const since = vitals?.knocks.unansweredSinceMs ?? null
  const isMute = since !== null && clock.bootMs() - since >= UNANSWERED_MS
  return Math.min(isMute ? MUTE_LIMIT_MS : LOOK_LIMIT_MS, Math.round(settings.ttlMs / 3))
}

async function compareRecovery(
  port: LookedAt,
  agent: AgentFacts,
  cluster: Seen<ClusterView>,
  postgres: PostgresView,
): Promise<Seen<RecoverySettingsView>> {
  if (agent.work !== null) return unseen('work is in progress')
  if (!cluster.known) return unseen('the cluster is not known')
  const recovers = isStandby(postgres)
  if (recovers === null) return unseen('the server is not known')
  if (!recovers) return unseen('the server is not a standby')
  const upstream = upstreamFor(cluster.value, agent.self, agent.settings)
  if (upstream === null && !agent.self.tags.nostream) return unseen('there is nobody to follow')
  return port.compareRecovery(upstream)
}

/** A starting server cannot be queried: its data directory shows whether it is a standby. */
function isStandby({ dataDirectory, process, server }: PostgresView): boolean | null {
  if (server.known) return server.value.inRecovery
  const starts = process.kind === 'running' && process.readiness === 'rejecting'
  return starts && dataDirectory.kind === 'present' ? dataDirectory.recoveryConfigured : null
}

async function readHistory(
  port: LookedAt,
  agent: AgentFacts,
  postgres: PostgresView,
): Promise<Seen<readonly HistoryLine[]>> {
  const server = postgres.server.known ? postgres.server.value : null
  const timeline: Timeline | null = server === null || server.inRecovery ? null : server.timeline
  if (timeline === null || timeline < 2) return unseen('the server is not a primary beyond timeline 1')
  const history = await port.readHistory(timeline)
  if (!history.known) return history
  const lines = history.value.map(({ timeline: left, lsn, reason }) => ({ timeline: left, lsn, reason }))
  const last = history.value.at(-1)
  const newest = lines.pop()
  if (last === undefined || newest === undefined) return { ...history, value: [] }
  return { ...history, value: [...lines, { ...newest, timestamp: last.atIso, leader: agent.self.name }] }
}
