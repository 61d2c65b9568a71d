// The only loop: one beat after another, never two at once. Between beats it sleeps until the decision's own time or
// until something wakes it: a watch event, the end of PostgreSQL or of work, a request, a signal.

import type { Decision } from '../model/decision/decision.ts'
import { FIRST_MEMORY, type Memory } from '../model/decision/memory.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import type { StepInProgress } from '../model/decision/step-in-progress.ts'
import type { BootMillis, Millis } from '../model/units.ts'
import { type BeatPorts, beat } from './beat.ts'

interface ExitStatus {
  readonly code: number
  readonly why: string
}

export interface Loop {
  /** Starts a beat soon; several calls before it begins start only one. */
  wake(cause: string): void
  /** Ends the loop after the beat in progress. */
  exit(code: number, why: string): void
  /** Runs until an action says exit. */
  run(): Promise<ExitStatus>
  /** Ends the loop though the beat in progress does not come back. */
  abandon(code: number, why: string): void
  /** null: no beat is in progress. */
  step(): StepInProgress | null
  /** Boot-time instant at which the next beat is due at the latest. */
  nextBeatDueMs(): BootMillis
}

export interface LoopHooks {
  /** Called before a beat, to put in force what it depends on (dynamic configuration, reload). */
  readonly before: () => Promise<void>
  readonly after: (snapshot: Snapshot, decision: Decision, memory: Memory) => void
  /** Called when a beat throws, which is a bug. The loop goes on; if every beat throws, the lease runs out. */
  readonly failed: (error: unknown) => void
}

const AFTER_BUG_MS = 1000
/** Without a reason of its own, each abort would make an error with a stack. */
const WOKEN = 'woken'

interface LoopControl {
  readonly ports: Omit<BeatPorts, 'exit' | 'begins'>
  readonly hooks: LoopHooks
}

export function createLoop({ ports, hooks }: LoopControl): Loop {
  const { clock } = ports
  let cause: string | null = 'start'
  let sleeping = new AbortController()
  let exit: ExitStatus | null = null
  let dueMs = clock.bootMs()
  let memory: Memory = FIRST_MEMORY
  let step: StepInProgress | null = null
  let leaveBeat: () => void
  const abandoned = new Promise<Millis>(resolve => {
    leaveBeat = () => resolve(0)
  })
  const end = (code: number, why: string): void => {
    exit ??= { code, why }
    sleeping.abort(WOKEN)
  }
  const begins = (what: string): void => {
    step = { what, sinceMs: clock.bootMs() }
  }
  const beatPorts: BeatPorts = { ...ports, exit: end, begins }

  async function once(why: string): Promise<Millis> {
    try {
      begins('getting ready')
      await hooks.before()
      if (exit !== null) return 0
      const result = await beat(beatPorts, memory, why)
      memory = result.memory
      dueMs = clock.bootMs() + result.decision.wakeInMs
      hooks.after(result.snapshot, result.decision, memory)
      return result.decision.wakeInMs
    } catch (error) {
      hooks.failed(error)
      return AFTER_BUG_MS
    } finally {
      step = null
    }
  }

  return {
    exit: end,
    abandon(code, why) {
      end(code, why)
      leaveBeat()
    },
    step: () => step,
    wake(why) {
      cause = cause === null ? why : cause
      sleeping.abort(WOKEN)
    },
    async run() {
      while (exit === null) {
        const why = cause ?? 'timer'
        cause = null
        sleeping = new AbortController()
        const wakeInMs = await Promise.race([once(why), abandoned])
        if (cause === null && exit === null) await clock.sleep(wakeInMs, sleeping.signal)
      }
      return exit
    },
    nextBeatDueMs: () => dueMs,
  }
}
