// A simulated cluster for a scenario: made by the `cluster` command, driven by `at` and `run`, told as the agents' own
// log tells it, with the few facts beside it that decide whether all went well.

import type { DecisionEntry } from '../../src/agent/beat.ts'
import { createDecisionLog } from '../../src/agent/decision-log.ts'
import type { Journal } from '../../src/ports/journal.ts'
import type { Machine } from '../simulation/machine/machine.ts'
import { plainTags } from '../simulation/simulate.ts'
import { World } from '../simulation/world.ts'
import { failedClause } from './clauses.ts'
import { eventNamed } from './events.ts'

const READY_LIMIT_MS = 60_000
/** Told to the scenario; everything else that the simulation traces is for people who debug it. */
const TOLD =
  /^the leader key|^accepts writes|acknowledged writes are not here|^the fencer stops|^agent ended|cannot be used|is used|can be used again|^the watchdog/

export class Stage {
  readonly world: World
  /** Virtual time at which the scenario begins. */
  #startMs = 0
  #lines: string[] = []
  readonly #logs = new Map<string, (entry: DecisionEntry) => void>()
  #nowOf: Machine | null = null

  private constructor(command: string) {
    const requested = readRequest(command)
    this.world = new World({
      seed: requested.seed,
      firstConfig: requested.config,
      etcdClockRate: 1,
      machines: requested.names.map(name => ({
        name,
        clockRate: 1,
        tags: plainTags({ nofailover: requested.nofailover.has(name), failoverPriority: 1 }),
        mayBootstrap: true,
        useRewind: requested.useRewind,
        ...(requested.watchdog === null ? {} : { watchdog: requested.watchdog }),
        ...(requested.lacking.has(name) ? { lacksDevice: true as const } : {}),
      })),
      tell: (_atMs, who, text) => {
        if (TOLD.test(text)) this.#say(who, text)
      },
      onDecision: (machine, entry) => {
        this.#nowOf = machine
        this.#logOf(machine)(entry)
      },
    })
  }

  static async open(command: string): Promise<Stage> {
    const stage = new Stage(command)
    const { leader } = readRequest(command)
    stage.world.startClients()
    if (leader === null) for (const machine of stage.world.machines) machine.startAgent()
    else await stage.#buildUp(leader)
    return stage
  }

  /** `at 10s  something` queues it. */
  at(line: string): void {
    const match = /^at (\d+(?:\.\d+)?)s\s+(.*)$/.exec(line)
    if (match === null) throw new Error(`not understood: ${line}`)
    const [, seconds = '', what = ''] = match
    const event = eventNamed(what, this.world)
    const delayMs = this.#startMs + Number(seconds) * 1000 - this.world.nowMs
    if (delayMs < 0) throw new Error(`too late: ${line}`)
    this.world.scheduler.after(delayMs, event)
  }

  /** `run 90s`: until then; the lines that were told. */
  async run(line: string): Promise<readonly string[]> {
    const match = /^run (\d+)s$/.exec(line)
    if (match === null) throw new Error(`not understood: ${line}`)
    await this.world.scheduler.runUntil(this.#startMs + Number(match[1]) * 1000)
    const lines = this.#lines
    this.#lines = []
    return lines.length === 0 ? ['nothing'] : lines
  }

  check(line: string): readonly string[] {
    const clauses = line.replace(/^check\s+/, '').split(/,\s*/)
    const wrong = clauses.map(clause => failedClause(clause, this.world)).filter(text => text !== null)
    return wrong.length === 0 ? ['ok'] : wrong
  }

  /** The wanted leader creates the cluster, the others join, and what was told until then is forgotten. */
  async #buildUp(leader: string): Promise<void> {
    const { world } = this
    world.machine(leader)?.startAgent()
    await world.scheduler.runUntil(READY_LIMIT_MS, () => world.leaderKey() === leader)
    for (const machine of world.machines) machine.startAgent()
    await world.scheduler.runUntil(READY_LIMIT_MS, () => world.checks.obstacle() === null)
    const obstacle = world.checks.obstacle()
    if (obstacle !== null) throw new Error(`the cluster did not come up: ${obstacle}`)
    this.#startMs = Math.ceil(world.nowMs / 1000) * 1000 + 10_000
    await world.scheduler.runUntil(this.#startMs)
    this.#lines = []
  }

  #say(who: string, text: string): void {
    const seconds = ((this.world.nowMs - this.#startMs) / 1000).toFixed(2)
    this.#lines.push(`${`${seconds}s`.padStart(7)}  ${who.padEnd(4)}  ${text}`)
  }

  #logOf(machine: Machine): (entry: DecisionEntry) => void {
    const known = this.#logs.get(machine.name)
    if (known !== undefined) return known
    const journal = { append: () => {} } as unknown as Journal
    const info = (text: string): void => {
      const [rule = '', ...reason] = text.split(': ')
      this.#say(this.#nowOf?.name ?? '?', `${rule.padEnd(28)} ${reason.join(': ')}`)
    }
    const warning = (text: string): void => info(`${text} (WARNING)`)
    const error = (text: string): void => info(`${text} (ERROR)`)
    const log = createDecisionLog({ debug: () => {}, info, heartbeat: info, warning, error }, journal)
    this.#logs.set(machine.name, log)
    return log
  }
}

interface Requested {
  readonly names: readonly string[]
  readonly leader: string | null
  readonly seed: number
  readonly config: { readonly [key: string]: number | boolean }
  readonly useRewind: boolean
  readonly nofailover: ReadonlySet<string>
  readonly watchdog: 'automatic' | 'required' | null
  /** Machines without the device. */
  readonly lacking: ReadonlySet<string>
}

/** `cluster 3 members, leader pg1, seed 7, ttl 20, without pg_rewind, pg3 nofailover, watchdog required, pg2 lacks the device`. */
function readRequest(command: string): Requested {
  const [first = '', ...parts] = command.replace(/^cluster\s+/, '').split(/,\s*/)
  const count = Number(/^(\d) members$/.exec(first)?.[1] ?? Number.NaN)
  if (Number.isNaN(count)) throw new Error(`not understood: ${command}`)
  const requested = {
    names: Array.from({ length: count }, (_, index) => `pg${index + 1}`),
    leader: null as string | null,
    seed: 1,
    config: { ttl: 30, loop_wait: 10, retry_timeout: 10 } as Record<string, number | boolean>,
    useRewind: true,
    nofailover: new Set<string>(),
    watchdog: null as Requested['watchdog'],
    lacking: new Set<string>(),
  }
  for (const part of parts) {
    const [word = '', value = ''] = part.split(/\s+/)
    if (word === 'leader') requested.leader = value
    else if (word === 'seed') requested.seed = Number(value)
    else if (part === 'without pg_rewind') requested.useRewind = false
    else if (part === 'watchdog required' || part === 'watchdog automatic')
      requested.watchdog = value as Requested['watchdog']
    else if (part.endsWith(' lacks the device')) requested.lacking.add(word)
    else if (value === 'nofailover') requested.nofailover.add(word)
    else if (part === 'nothing there yet') requested.leader = null
    else if (/^[a-z_]+ \d+$/.test(part)) requested.config[word] = Number(value)
    else throw new Error(`not understood: ${part}`)
  }
  return requested
}
