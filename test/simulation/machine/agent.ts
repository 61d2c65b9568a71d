// One agent process: the real observe, decide, act, beat, loop, lease guard, work runner, wake-ups, entry and node state,
// wired as in src/agent/node.ts, over simulated ports.

import { createWorkRunner } from '../../../src/act/work-runner.ts'
import { type Application, createApplication } from '../../../src/agent/application.ts'
import type { DecisionEntry } from '../../../src/agent/beat.ts'
import { Vitals } from '../../../src/agent/beside/vitals.ts'
import { createDynamicConfiguration, type DynamicConfiguration } from '../../../src/agent/dynamic-config.ts'
import { createEntry } from '../../../src/agent/entry.ts'
import { createPromiseDesk } from '../../../src/agent/failsafe/promise-desk.ts'
import { createLeaseGuard, type OwnedLeaseGuard } from '../../../src/agent/lease-guard.ts'
import { createLoop, type Loop } from '../../../src/agent/loop.ts'
import { createNodeState, type OwnedNodeState } from '../../../src/agent/node-state.ts'
import { createOrderDesk, type OrderDesk } from '../../../src/agent/order-desk.ts'
import { wakeOnChange } from '../../../src/agent/wake-ups.ts'
import type { JsonObject } from '../../../src/model/cluster/cluster.ts'
import { slotName } from '../../../src/model/cluster/slot-name.ts'
import type { Self } from '../../../src/model/decision/snapshot.ts'
import type { StepOutcome } from '../../../src/ports/postgres.ts'
import type { PromiseDesk } from '../../../src/ports/promises.ts'
import type { Store } from '../../../src/ports/store.ts'
import type { RestServer } from '../../../src/rest/server.ts'
import { RepeatCheck } from '../checks/repeat-check.ts'
import { createSimulatedStore } from '../store/store.ts'
import { probeOwnOf } from './disk-probe.ts'
import { SimulatedFencer } from './fencer.ts'
import type { Machine } from './machine.ts'
import { OsProcess } from './os-process.ts'
import { SimulatedPeers } from './peers.ts'
import { SimulatedPostgres } from './postgres.ts'
import { PatroniEndpoint } from './rest.ts'
import { SIMULATED_WATCHDOG } from './watchdog.ts'

const SHUTDOWN_MS = 20

export class Agent {
  readonly process: OsProcess
  readonly loop: Loop
  readonly guard: OwnedLeaseGuard
  /** null until it takes part in the cluster. */
  rest: PatroniEndpoint | null = null
  readonly #machine: Machine
  readonly #dynamic: DynamicConfiguration
  readonly #application: Application<JsonObject>
  readonly desk: OrderDesk
  readonly #store: Store
  readonly #fencer: SimulatedFencer
  readonly #state: OwnedNodeState
  readonly #enter: () => Promise<unknown>
  readonly #endWork: () => Promise<void>
  readonly #promises: PromiseDesk
  readonly #repeat = new RepeatCheck()
  #stopRequested: boolean = false

  constructor(machine: Machine) {
    const { world } = machine
    this.#machine = machine
    this.process = new OsProcess(world.scheduler, machine.boot)
    const { clock } = this.process
    this.#dynamic = createDynamicConfiguration(logOf(machine))
    this.#dynamic.startWith(machine.data?.cachedConfig ?? world.firstConfig, 'first')
    const { settings } = this.#dynamic
    this.guard = createLeaseGuard(clock, settings, {
      watchdog: () => this.#fencer.view().watchdog ?? null,
      ended: () => {},
    })
    const { network, etcd, weather, scheduler } = world
    this.#store = createSimulatedStore(
      {
        etcd,
        network,
        weather,
        scheduler,
        random: machine.random,
        process: this.process,
        member: machine.name,
      },
      settings(),
    )
    const store = this.#store
    const postgres = new SimulatedPostgres(machine, this.process)
    const peers = new SimulatedPeers(machine, this.process)
    this.#fencer = new SimulatedFencer(machine, this.process, () => this.loop.wake('the fencer was lost'))
    this.#application = createApplication({
      clock,
      write: document => this.#write(postgres, document),
      // The real agent begins a beat; here the next one comes soon enough, and says nothing new.
      ended: () => {},
    })
    this.#application.want(settings().document, 'the agent started')
    const configuration = this.#application
    this.desk = createOrderDesk(clock, cause => this.loop.wake(cause))
    const { desk } = this
    const work = createWorkRunner({
      postgres,
      fencer: this.#fencer,
      guard: this.guard,
      clock,
      onEnd: done => {
        if (done.why.startsWith('bug:')) world.checks.bug(machine, done.why)
        desk.ended(done)
        this.loop.wake(`${done.job.kind} ended`)
      },
      onShutDown: () => this.loop.wake('PostgreSQL shut down'),
    })
    const vitals = new Vitals({
      ...{ postgres, clock, settings },
      wake: cause => this.loop.wake(cause),
      failed: why => world.checks.bug(machine, why),
      probeOwn: place => probeOwnOf(machine, this.process, place),
      step: () => this.loop.step(),
      warn: text => world.trace(machine.name, text),
      giveUp: why => world.checks.bug(machine, why),
    })
    const promises = createPromiseDesk({ clock, guard: this.guard, settings, work: work.current })
    this.#promises = promises
    const startedAtMs = clock.bootMs()
    this.loop = createLoop({
      ports: {
        ...{ store, postgres, peers, fencer: this.#fencer, clock, guard: this.guard, work, orders: desk },
        configuration,
        promises,
        record: entry => this.#record(entry),
        facts: () => ({
          self: this.self(),
          settings: settings(),
          settingsConfirmed: this.#dynamic.isConfirmed(),
          configRevision: this.#dynamic.revision(),
          configuration: { ...configuration.view(), refusedFile: null },
          startedAtMs,
          vitals: vitals.view(),
          stopRequested: this.#stopRequested,
          order: desk.waiting(),
          promises: promises.view(),
          work: work.current(),
          finished: work.takeFinished(),
        }),
      },
      hooks: {
        before: () => this.#before(),
        after: (snapshot, decision, memory) => {
          this.#state.update(snapshot, memory, decision.rule)
          vitals.consider(snapshot)
        },
        failed: error =>
          world.checks.bug(machine, error instanceof Error ? (error.stack ?? '') : String(error)),
      },
    })
    this.#state = createNodeState({
      changed: () => {},
      self: () => this.self(),
      ...{ clock, guard: this.guard, postgres, store, settings },
      ...{ nextBeatDueMs: this.loop.nextBeatDueMs, step: this.loop.step, standstills: vitals.standstills },
      work: work.current,
      promises,
      order: desk.place,
      wake: this.loop.wake,
      logger: () => ({ queued: 0, lost: 0 }),
      reload: () => {},
    })
    const opensApi = async (): Promise<void> => {
      this.rest = new PatroniEndpoint(machine.name, this.process, this.#state)
    }
    const entry = createEntry({
      ...{ self: () => this.self(), store, peers, fencer: this.#fencer, exit: this.loop.exit },
      rest: { start: opensApi } as unknown as RestServer,
    })
    this.#enter = entry.enter
    this.#endWork = async () => {
      vitals.close()
      work.cancel('the agent ends')
      await work.idle()
    }
    wakeOnChange({ store, postgres, loop: this.loop, name: machine.name })
  }

  /** As `hactl list` and a load balancer would see it. */
  problem(): string {
    const { problem, replicaObstacle } = this.#state.status()
    return `${problem?.id ?? 'nothing'}${replicaObstacle === null ? '' : ' as no healthy replica'}`
  }

  start(): void {
    void this.#run()
  }

  /** SIGTERM. */
  requestStop(): void {
    this.process.deliver(() => {
      this.#stopRequested = true
      this.loop.wake('SIGTERM')
    })
  }

  self(): Self {
    const { name, options } = this.#machine
    return {
      name,
      connUrl: `postgres://${name}:5432/postgres`,
      apiUrl: `http://${name}:8008/patroni`,
      proxyUrl: null,
      store: 'etcd',
      slot: slotName(name),
      tags: options.tags,
      mayBootstrap: options.mayBootstrap,
      useRewind: options.useRewind,
      removeDataOnRewindFailure: true,
      removeDataOnDivergedTimelines: true,
      host: `machine of ${name}`,
      ...(options.watchdog === undefined
        ? {}
        : {
            watchdog: { ...SIMULATED_WATCHDOG, mode: options.watchdog },
          }),
    }
  }

  async #run(): Promise<void> {
    try {
      const { code, why } = await this.loop.run()
      await this.#endWork()
      await this.#fencer.close()
      await this.process.clock.sleep(SHUTDOWN_MS)
      this.#machine.agentEnded(this, code, why)
    } catch (error) {
      this.#machine.world.checks.bug(this.#machine, `the agent threw: ${error}`)
    }
  }

  async #before(): Promise<void> {
    this.desk.admit()
    this.#promises.noteSettings()
    await this.#enter()
    const view = this.#store.view()
    if (!view.known || !this.#dynamic.consider(view.value)) return
    const { ttlMs, retryTimeoutMs, document } = this.#dynamic.settings()
    this.#store.retime({ ttlMs, retryTimeoutMs })
    this.#application.want(document, 'the dynamic configuration changed')
  }

  async #write(postgres: SimulatedPostgres, document: JsonObject): Promise<StepOutcome> {
    const written = await postgres.writeSettings()
    if (written.ok && this.#machine.data !== null) this.#machine.data.cachedConfig = document
    return written
  }

  #record(entry: DecisionEntry): void {
    const wrong = this.#repeat.look(entry)
    if (wrong !== null) this.#machine.world.checks.violated(`${this.#machine.name} ${wrong}`)
    this.#machine.world.decided(this.#machine, entry)
  }
}

function logOf({ world, name }: Machine) {
  const tell = (text: string): void => world.trace(name, text)
  return { debug: () => {}, info: () => {}, warning: tell, error: tell }
}
