// The parts of one agent and how they are connected. Data flows one way: adapters wake the loop, a beat looks, decides
// and acts, and the HTTP API reads what the last beat saw.

import { join } from 'node:path'
import { createWorkRunner, type WorkPorts, type WorkRunner } from '../act/work-runner.ts'
import type { LocalValues } from '../config/checks/contradictions.ts'
import type { AgentLog } from '../journal/log.ts'
import type { Outcome } from '../model/decision/outcome.ts'
import { mayEndEarly } from '../model/decision/work.ts'
import type { AgentConfig } from '../model/settings/config.ts'
import type { BootMillis } from '../model/units.ts'
import type { OpenWatchdog } from '../model/watchdog.ts'
import type { Clock } from '../ports/clock.ts'
import type { LeaseGuard } from '../ports/lease-guard.ts'
import type { PromiseDesk } from '../ports/promises.ts'
import type { RestServer } from '../rest/server.ts'
import { type Adapters, createAdapters } from './adapters.ts'
import type { AgentStart } from './agent.ts'
import { createNodeApi } from './api-thread/node-api.ts'
import type { DecisionEntry } from './beat.ts'
import { createLoginWatch, type LoginWatch } from './beside/login-watch.ts'
import { probeOwnDirectory } from './beside/own-directories.ts'
import { Vitals } from './beside/vitals.ts'
import { type Configuration, type ConfigurationPorts, createConfiguration } from './configuration.ts'
import { createDecisionLog } from './decision-log.ts'
import { createDynamicConfiguration, type DynamicConfiguration } from './dynamic-config.ts'
import { createEntry } from './entry.ts'
import { createPromiseDesk } from './failsafe/promise-desk.ts'
import { createLeaseGuard } from './lease-guard.ts'
import { createLoop, type Loop, type LoopHooks } from './loop.ts'
import { createNodeState } from './node-state.ts'
import { createOrderDesk, type OrderDesk } from './order-desk.ts'
import type { Identity } from './self.ts'
import { createStateLog } from './state-log.ts'
import { createTroubleLog } from './trouble-log.ts'
import { wakeOnChange } from './wake-ups.ts'

export interface Node extends Adapters {
  readonly clock: Clock
  readonly log: AgentLog
  readonly dynamic: DynamicConfiguration
  readonly rest: RestServer
  readonly loop: Loop
  readonly vitals: Vitals
  requestStop(signal: string): void
  requestReload(): void
  cancelWork(): Promise<void>
}

export interface NodeStart extends AgentStart {
  readonly config: AgentConfig
  /** The values that `config` was made from. */
  readonly values: LocalValues
  readonly log: AgentLog
  readonly clock: Clock
  readonly identity: Identity
}

/** What the parts share while they are put together; later ones are reached through functions. */
interface Parts {
  readonly start: NodeStart
  readonly adapters: Adapters
  readonly dynamic: DynamicConfiguration
  readonly guard: LeaseGuard
  readonly work: WorkRunner
  readonly desk: OrderDesk
  readonly promises: PromiseDesk
  readonly logins: LoginWatch
  readonly vitals: Vitals
  readonly configuration: Configuration
  readonly stopRequested: () => boolean
}

export function assemble(start: NodeStart): Node {
  const { config, log, clock } = start
  const dynamic = createDynamicConfiguration(log)
  const watchdog = (): OpenWatchdog | null => adapters.fencer.view().watchdog ?? null
  const ended = (atMs: BootMillis): void => rest.lease.setLeadsUntil(atMs)
  const guard = createLeaseGuard(clock, dynamic.settings, { watchdog, ended })
  const wake = (cause: string): void => loop.wake(cause)
  const adapters = createAdapters(start, dynamic.settings(), wake, () => configuration.local())
  const desk = createOrderDesk(clock, wake)
  const work = workOf({ ...adapters, guard, clock }, desk, wake)
  const promises = createPromiseDesk({ clock, guard, settings: dynamic.settings, work: work.current })
  const logins = loginsOf(start, adapters, wake)
  const configuration = configurationOf(start, adapters, dynamic, {
    reloadRest: fresh => {
      logins.reloaded()
      return rest.reload(fresh)
    },
    hasEntered: () => entry.hasEntered(),
    wake,
  })
  let stopRequested = false
  const local = (): AgentConfig => configuration.local()
  const vitals = vitalsOf(start, adapters, { settings: dynamic.settings, wake, local, loop: () => loop })
  const running = { dynamic, guard, work, desk, promises, logins, vitals, configuration }
  const parts = { start, adapters, ...running, stopRequested: () => stopRequested }
  const loop = loopOf(parts, entry => state.decided(entry.decision, entry.snapshot.nowMs), {
    before: async () => {
      desk.admit()
      promises.noteSettings()
      const entrance = await entry.enter()
      if (entrance !== 'name-held') configuration.bringUpToDate(state.status().role)
    },
    after: (snapshot, decision, memory) => {
      state.update(snapshot, memory, decision.rule)
      adapters.fencer.notify('WATCHDOG=1')
      logins.consider(snapshot)
      vitals.consider(snapshot)
    },
    failed: error => log.critical(`a beat failed: ${textOf(error)}`),
  })
  const requestReload = (): void => {
    configuration.requestReload()
    wake('reload requested')
  }
  const state = createNodeState({
    ...adapters,
    self: configuration.self,
    ...{ clock, guard, promises, settings: dynamic.settings },
    ...{ nextBeatDueMs: loop.nextBeatDueMs, step: loop.step, standstills: vitals.standstills },
    work: work.current,
    order: desk.place,
    ...{ wake, reload: requestReload },
    logger: () => ({ queued: log.queued(), lost: log.dropped() }),
    changed: () => rest.publish(),
  })
  const rest = createNodeApi(start, adapters, state)
  const entry = createEntry({ ...adapters, self: configuration.self, rest, exit: loop.exit })
  wakeOnChange({ ...adapters, loop, name: config.name })
  return {
    ...adapters,
    ...{ clock, log, dynamic, rest, loop, vitals, requestReload },
    requestStop(signal) {
      if (!stopRequested) log.info(`${signal}: stopping`)
      stopRequested = true
      adapters.fencer.notify('STOPPING=1')
      wake(signal)
    },
    cancelWork: () => endWork(work),
  }
}

interface VitalsParts {
  readonly settings: DynamicConfiguration['settings']
  readonly wake: (cause: string) => void
  readonly local: () => AgentConfig
  readonly loop: () => Loop
}

function vitalsOf(
  { clock, log }: NodeStart,
  adapters: Adapters,
  { settings, wake, local, loop }: VitalsParts,
) {
  return new Vitals({
    ...{ ...adapters, clock, settings, wake },
    failed: why => log.error(why),
    warn: text => log.warning(text),
    probeOwn: probeOwnDirectory(local),
    step: () => loop().step(),
    giveUp: why => loop().abandon(1, `${why}: the agent ends, so that a new one can be started`),
  })
}

function loginsOf({ clock, log }: NodeStart, adapters: Adapters, wake: (cause: string) => void): LoginWatch {
  const failed = (why: string): void => log.debug(`logins not tried: ${why}`)
  return createLoginWatch({ ...adapters, clock, wake, failed })
}

function configurationOf(
  start: NodeStart,
  adapters: Adapters,
  dynamic: DynamicConfiguration,
  later: Pick<ConfigurationPorts, 'reloadRest' | 'wake'> & { readonly hasEntered: () => boolean },
): Configuration {
  const { log } = start
  const notify = (text: string): void => {
    // Before the node takes part, READY would be untrue.
    if (later.hasEntered()) adapters.fencer.notify(text)
  }
  return createConfiguration({ ...adapters, ...later, start, dynamic, log, notify })
}

function workOf(ports: Omit<WorkPorts, 'onEnd'>, desk: OrderDesk, wake: (cause: string) => void): WorkRunner {
  return createWorkRunner({
    ...ports,
    onEnd: done => {
      desk.ended(done)
      wake(`${done.job.kind} ended`)
    },
    onShutDown: () => wake('PostgreSQL shut down'),
  })
}

/** Waits for everything that must end; the caller has a limit. */
async function endWork(work: WorkRunner): Promise<void> {
  const current = work.current()
  if (current !== null && mayEndEarly(current.job, 'agent-stops')) work.cancel('the agent ends')
  await work.idle()
}

function loopOf(
  {
    start,
    adapters,
    dynamic,
    guard,
    work,
    desk,
    promises,
    logins,
    vitals,
    configuration,
    stopRequested,
  }: Parts,
  decided: (entry: DecisionEntry) => void,
  hooks: LoopHooks,
): Loop {
  const { clock, config, log } = start
  const writeDown = createDecisionLog(log, adapters.journal)
  const tellTrouble = createTroubleLog({ log, serverLog: join(config.stateDirectory, 'postgres.log') })
  const tellState = createStateLog(log)
  const startedAtMs = clock.bootMs()
  return createLoop({
    ports: {
      ...adapters,
      clock,
      guard,
      work,
      orders: desk,
      promises,
      configuration,
      record: entry => {
        writeDown(entry)
        decided(entry)
      },
      routineFailed: tellOnce(log),
      facts: () => ({
        self: configuration.self(),
        settings: dynamic.settings(),
        settingsConfirmed: dynamic.isConfirmed(),
        configRevision: dynamic.revision(),
        configuration: configuration.view(),
        startedAtMs,
        stateUnwritable: adapters.journal.view().problem ?? adapters.fencer.view().unwritten ?? null,
        logins: logins.view(),
        vitals: vitals.view(),
        stopRequested: stopRequested(),
        order: desk.waiting(),
        promises: promises.view(),
        work: work.current(),
        finished: work.takeFinished(),
      }),
    },
    hooks: {
      ...hooks,
      after: (snapshot, decision, memory) => {
        hooks.after(snapshot, decision, memory)
        tellTrouble(snapshot, memory)
        tellState(snapshot, memory)
      },
    },
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** A routine that keeps failing in the same way is logged once. */
function tellOnce(log: AgentLog): (outcome: Outcome) => void {
  let last = ''
  return outcome => {
    const text = `${outcome.action} did not succeed: ${'why' in outcome ? outcome.why : outcome.kind}`
    if (text !== last) log.warning(text)
    last = text
  }
}
