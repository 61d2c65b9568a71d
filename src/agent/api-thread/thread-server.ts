// The HTTP API in a thread of its own, seen from the agent: starts the thread, keeps its copy of the node's state up to date,
// answers its questions, and starts another one if it ends or hangs. Nothing that a client does to the API reaches the
// agent's event loop except through here (docs/adr/0021-the-api-in-a-thread.md).

import { Worker } from 'node:worker_threads'
import { errorText } from '../../model/error-text.ts'
import type { RestApiConfig } from '../../model/settings/config.ts'
import type { Millis } from '../../model/units.ts'
import { inTime } from '../../ports/clock.ts'
import type { AgentSide } from '../../rest/agent-side.ts'
import { createAgentSide } from '../../rest/agent-side.ts'
import type { Services } from '../../rest/endpoint-context.ts'
import type { RestServer } from '../../rest/server.ts'
import { type LeaseCell, leaseCell, leaseMemory } from './lease-cell.ts'
import { MessageLine } from './message-line.ts'
import { Publisher } from './publisher.ts'
import type { ApiThreadStart, PublishedReadings, ToAgent, ToldByThread, ToThread } from './words.ts'

interface ApiThreadOptions extends Services {
  readonly config: RestApiConfig
  readonly readings: () => PublishedReadings
  readonly spawn?: (start: ApiThreadStart) => Worker
}

export interface ApiThread extends RestServer {
  /** The lease's end as the thread sees it at once. */
  readonly lease: Pick<LeaseCell, 'setLeadsUntil'>
  /** The node's state may have changed. */
  publish(): void
}

type Line = MessageLine<ToThread, never, ToAgent, ToldByThread>

/** Room for thousands of connections. Beyond it the thread ends, and the agent does not. */
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 }
/** A thread that has not taken what it was sent for so long hangs. */
const HANGS_AFTER_MS: Millis = 30_000
const RESTART_AFTER_MS: Millis = 1000
const RESTART_AFTER_MAX_MS: Millis = 30_000
/** Listening, a reload, a stop: each takes a few seconds at most. */
const ANSWER_MS: Millis = 15_000
const ENDED = 'the thread of the API ended'
const STOPPED = 'the API stops'

export function spawnApiThread(workerData: ApiThreadStart): Worker {
  return new Worker(program(), { workerData, resourceLimits: LIMITS, name: 'hactl-api' })
}

/** The thread's program: beside the bundle that this is in, or beside this file. */
function program(): URL {
  const isBundle = import.meta.url.endsWith('.cjs')
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  return new URL(isBundle ? './api-thread.cjs' : `./thread${ending}`, import.meta.url)
}

interface Running {
  readonly worker: Worker
  readonly line: Line
  readonly publisher: Publisher
  /** Aborts when the worker has exited. */
  readonly ended: AbortController
}

export function createApiThread(options: ApiThreadOptions): ApiThread {
  return new ThreadServer(options)
}

class ThreadServer implements ApiThread {
  readonly #options: ApiThreadOptions
  readonly #memory = leaseMemory()
  readonly #cell = leaseCell(this.#memory)
  readonly #agent: AgentSide
  #config: RestApiConfig
  #running: Running | null = null
  #port = 0
  #restartAfterMs = RESTART_AFTER_MS
  readonly #stopped = new AbortController()

  constructor(options: ApiThreadOptions) {
    this.#options = options
    this.#config = options.config
    this.#agent = createAgentSide(options)
  }

  get lease(): LeaseCell {
    return this.#cell
  }

  async start(): Promise<void> {
    const running = this.#spawn()
    try {
      await this.#listen(running)
    } catch (error) {
      this.#stopped.abort(STOPPED)
      await running.worker.terminate()
      throw error
    }
  }

  async reload(config: RestApiConfig): Promise<boolean> {
    const before = this.#config
    this.#config = config
    // A thread that is about to be started takes it as it is then.
    if (this.#running === null) return true
    try {
      const [isTaken, port] = (await this.#asked(this.#running, { is: 'reload', config })) as [
        boolean,
        number,
      ]
      this.#port = port
      if (!isTaken) this.#config = before
      return isTaken
    } catch (error) {
      this.#config = before
      this.#options.log.error(`REST API: the configuration was not taken: ${errorText(error)}`)
      return false
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort(STOPPED)
    const running = this.#running
    if (running !== null) {
      await this.#asked(running, { is: 'stop' }).catch(() => {})
      await running.worker.terminate()
    }
    this.#agent.stop()
  }

  port(): number {
    return this.#port
  }

  publish(): void {
    this.#running?.publisher.publish()
  }

  async #listen(running: Running): Promise<void> {
    this.#port = (await this.#asked(running, { is: 'listen' })) as number
  }

  /** Rejects when there is no answer in time. */
  async #asked({ line }: Running, question: ToThread): Promise<unknown> {
    const late = { why: `its thread did not answer within ${ANSWER_MS / 1000} s` }
    const answer = await inTime<unknown>(line.ask(question), ANSWER_MS, this.#options.clock, () => late)
    if (answer === late) throw new Error(late.why)
    return answer
  }

  #spawn(): Running {
    const { self, scope, clock, readings, spawn = spawnApiThread } = this.#options
    this.#cell.setAliveAt(clock.bootMs())
    const first = readings()
    const worker = spawn({
      ...{ config: this.#config, self, scope },
      ...{ lease: this.#memory, readings: first },
    })
    const line: Line = new MessageLine(worker, {
      answer: (question, dropped) => this.#answer(question, dropped),
      told: news => this.#told(news),
    })
    const ended = new AbortController()
    const publisher = new Publisher(
      {
        ...{ readings, clock },
        send: changed => this.#sendReadings(worker, line, changed),
        alive: () => this.#cell.setAliveAt(clock.bootMs()),
      },
      first,
    )
    const running = { worker, line, publisher, ended }
    this.#running = running
    worker.on('error', error => this.#options.log.error(`REST API: its thread failed: ${error.message}`))
    worker.once('exit', () => this.#exited(running))
    void publisher.run(ended.signal)
    return running
  }

  async #sendReadings(worker: Worker, line: Line, changed: Partial<PublishedReadings>): Promise<void> {
    const { clock, log } = this.#options
    const taken = new AbortController()
    const taking = line.ask({ is: 'readings', changed }).finally(() => taken.abort('taken'))
    void clock.sleep(HANGS_AFTER_MS, taken.signal).then(() => {
      if (taken.signal.aborted) return
      log.error(`REST API: its thread has not answered for ${HANGS_AFTER_MS / 1000} s: it is started anew`)
      void worker.terminate()
    })
    await taking
  }

  #exited({ line, ended }: Running): void {
    ended.abort(ENDED)
    line.end(ENDED)
    this.#running = null
    if (!this.#stopped.signal.aborted) void this.#startAgain()
  }

  /** Until it listens, or exits and comes here again, after a longer pause each time. */
  async #startAgain(): Promise<void> {
    const { clock, log } = this.#options
    log.warning('REST API: its thread ended; another one is started')
    await clock.sleep(this.#restartAfterMs, this.#stopped.signal)
    this.#restartAfterMs = Math.min(2 * this.#restartAfterMs, RESTART_AFTER_MAX_MS)
    if (this.#stopped.signal.aborted) return
    const running = this.#spawn()
    try {
      await this.#listen(running)
      this.#restartAfterMs = RESTART_AFTER_MS
      log.info('REST API: it answers again')
    } catch (error) {
      log.error(`REST API: it cannot listen: ${errorText(error)}`)
      await running.worker.terminate()
    }
  }

  async #answer(question: ToAgent, dropped: AbortSignal): Promise<unknown> {
    switch (question.is) {
      case 'fresh':
        await this.#agent.fresh(question.budgetMs)
        this.#running?.publisher.now()
        return null
      case 'read':
        return this.#agent.read()
      case 'perform':
        return this.#agent.perform(question.request, dropped)
      default:
        return question satisfies never
    }
  }

  #told(news: ToldByThread): void {
    switch (news.is) {
      case 'refresh':
        this.#agent.refreshNumbers()
        return
      case 'log':
        this.#options.log[news.level](news.text)
        return
      default:
        news satisfies never
    }
  }
}
