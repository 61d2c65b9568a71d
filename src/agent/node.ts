// The parts of one agent and how they are connected. Data flows one way: adapters wake the loop, a beat looks, decides
// and acts, and the HTTP API reads what the last beat saw.

import { join } from 'node:path'
import { createWorkRunner } from '../act/work.ts'
import { readDynamicSettings } from '../config/dynamic.ts'
import { effectivePostgresql } from '../config/effective.ts'
import { createEtcdStore } from '../dcs/etcd.ts'
import { createFencer } from '../fencer/fencer.ts'
import { createJournal } from '../journal/journal.ts'
import type { AgentLog } from '../journal/log.ts'
import type { AgentConfig, LogConfig } from '../model/config.ts'
import { formatProblem } from '../model/problem.ts'
import { fenceMarginMs } from '../model/timing.ts'
import { createPeers } from '../peers/peers.ts'
import type { Clock } from '../ports/clock.ts'
import type { Fencer } from '../ports/fencer.ts'
import type { Journal } from '../ports/journal.ts'
import type { Postgres } from '../ports/postgres.ts'
import type { Store } from '../ports/store.ts'
import { createPostgres } from '../postgres/postgres.ts'
import { createRestServer, type RestServer } from '../rest/server.ts'
import type { AgentStart } from './agent.ts'
import { createConfiguration } from './configuration.ts'
import { createDecisionLog } from './decision-log.ts'
import { createDynamicConfiguration, type DynamicConfiguration } from './dynamic-config.ts'
import { createEntry } from './entry.ts'
import { createLeaseGuard } from './lease-guard.ts'
import { createLoop, type Loop } from './loop.ts'
import { createNodeState } from './node-state.ts'
import { fencerBinary } from './program-paths.ts'
import { wakeOnChange } from './wake-ups.ts'

export interface Node {
  readonly clock: Clock
  readonly log: AgentLog
  readonly store: Store
  readonly postgres: Postgres
  readonly fencer: Fencer
  readonly journal: Journal
  readonly dynamic: DynamicConfiguration
  readonly rest: RestServer
  readonly loop: Loop
  requestStop(signal: string): void
  requestReload(): void
  cancelWork(): Promise<void>
}

export interface NodeStart extends AgentStart {
  readonly config: AgentConfig
  readonly log: AgentLog
  readonly clock: Clock
}

export function assemble(start: NodeStart): Node {
  const { config, log } = start
  const lines = asLines(log)
  const { clock } = start
  const startedAtMs = clock.bootMs()
  const dynamic = createDynamicConfiguration(log)
  const { settings } = dynamic
  const guard = createLeaseGuard(clock, settings)
  const { ttlMs, retryTimeoutMs } = settings()
  const store = createEtcdStore({
    config: config.etcd,
    namespace: config.namespace,
    scope: config.scope,
    member: config.name,
    clock,
    log: lines,
    timings: { ttlMs, retryTimeoutMs },
  })
  const postgres = createPostgres({
    config: config.postgresql,
    scope: config.scope,
    name: config.name,
    bootstrap: config.bootstrap,
    clock,
    log: (level, text) => log[level](text),
    effective: effectivePostgresql(config, settings().document, 'replica'),
    serverLog: join(config.stateDirectory, 'postgres.log'),
  })
  const fencer = createFencer({
    binary: fencerBinary(start.env, start.entry),
    dataDir: config.postgresql.dataDir,
    stateDirectory: config.stateDirectory,
    clock,
    log,
    graceMs: Math.floor(fenceMarginMs(settings()) / 2),
    onLost: () => loop.wake('the fencer was lost'),
  })
  const journal = createJournal({ stateDirectory: config.stateDirectory, clock, log })
  const peers = createPeers({ ctl: config.ctl, restapi: config.restapi, clock, log })
  const work = createWorkRunner({
    postgres,
    fencer,
    guard,
    clock,
    onEnd: done => loop.wake(`${done.job.kind} ended`),
    onShutDown: () => loop.wake('PostgreSQL shut down'),
  })
  const configuration = createConfiguration({
    start,
    dynamic,
    store,
    postgres,
    log,
    reloadRest: fresh => rest.reload(fresh),
  })
  let stopRequested = false
  const loop: Loop = createLoop({
    ports: {
      store,
      postgres,
      peers,
      fencer,
      clock,
      guard,
      work,
      record: createDecisionLog(log, journal),
      facts: () => ({
        self: configuration.self(),
        settings: settings(),
        startedAtMs,
        stopRequested,
        work: work.current(),
        finished: work.takeFinished(),
      }),
    },
    hooks: {
      before: async () => {
        await entry.enter()
        await configuration.bringUpToDate(state.status().role)
      },
      after: (snapshot, decision, memory) => {
        state.update(snapshot, memory, decision.rule)
        fencer.notify('WATCHDOG=1')
      },
      failed: error =>
        log.critical(`a beat failed: ${error instanceof Error ? (error.stack ?? error.message) : error}`),
    },
  })
  const state = createNodeState({
    config,
    clock,
    guard,
    postgres,
    store,
    settings,
    nextBeatDueMs: loop.nextBeatDueMs,
    wake: loop.wake,
    reload: () => requestReload(),
  })
  const rest = createRestServer({
    config: config.restapi,
    state,
    store,
    peers,
    self: config.name,
    scope: config.scope,
    clock,
    log,
    validateDynamic: document => {
      const result = readDynamicSettings(document, null)
      return result.ok ? [] : result.errors.map(formatProblem)
    },
  })
  const entry = createEntry({ name: config.name, store, peers, rest, fencer, exit: loop.exit })
  wakeOnChange({ store, postgres, loop, name: config.name })
  function requestReload(): void {
    configuration.requestReload()
    loop.wake('reload requested')
  }
  return {
    clock,
    log,
    store,
    postgres,
    fencer,
    journal,
    dynamic,
    rest,
    loop,
    requestReload,
    requestStop(signal) {
      if (!stopRequested) log.info(`${signal}: stopping`)
      stopRequested = true
      fencer.notify('STOPPING=1')
      loop.wake(signal)
    },
    async cancelWork() {
      work.cancel('the agent ends')
      await work.idle()
    },
  }
}

/** Adapters that name the level with each line. */
function asLines(log: AgentLog): (level: LogConfig['level'], text: string) => void {
  const say = {
    DEBUG: 'debug',
    INFO: 'info',
    WARNING: 'warning',
    ERROR: 'error',
    CRITICAL: 'critical',
  } as const
  return (level, text) => log[say[level]](text)
}
