// Which configuration is wanted, which one is applied, and why they differ: facts for the rules, which decide when to
// try. There is one attempt at a time; it writes the configuration that is wanted when it begins.

import type { ConfigurationFailure, ConfigurationView } from '../model/settings/configuration-view.ts'
import type { Clock } from '../ports/clock.ts'
import type { ConfigurationWriter } from '../ports/configuration.ts'
import type { StepOutcome } from '../ports/postgres.ts'
import { createSideWork } from './side-work.ts'

type ApplicationView = Omit<ConfigurationView, 'refusedFile'>

export interface Application<Wanted> extends ConfigurationWriter {
  /** Another configuration is wanted from now on. */
  want(wanted: Wanted, because: string): void
  /** The wanted configuration, if it is not applied yet; null: it is. */
  due(): Wanted | null
  view(): ApplicationView
}

interface ApplicationPorts<Wanted> {
  readonly clock: Pick<Clock, 'bootMs'>
  readonly write: (wanted: Wanted) => Promise<StepOutcome>
  /** Called when an attempt has ended. */
  readonly ended: () => void
}

export function createApplication<Wanted>(ports: ApplicationPorts<Wanted>): Application<Wanted> {
  const { clock, write } = ports
  let current: { readonly wanted: Wanted; readonly because: string } | null = null
  let count = 0
  let applied = 0
  let attempt = 0
  let failure: ConfigurationFailure | null = null
  const writing = createSideWork<StepOutcome>({
    clock,
    thrown: why => ({ ok: false, why }),
    ended: () => {
      conclude(writing.take())
      ports.ended()
    },
  })

  function conclude(outcome: StepOutcome | null): void {
    if (outcome === null) return
    if (outcome.ok) applied = attempt
    failure = outcome.ok ? null : { wanted: attempt, why: outcome.why, atMs: clock.bootMs() }
  }

  return {
    want(wanted, because) {
      current = { wanted, because }
      count += 1
    },
    due: () => (current === null || applied === count ? null : current.wanted),
    apply() {
      if (current === null || writing.runningSinceMs() !== null) return
      const { wanted } = current
      attempt = count
      writing.begin(() => write(wanted))
    },
    view: () => ({
      wanted: count,
      because: current?.because ?? '',
      applied,
      applyingSinceMs: writing.runningSinceMs(),
      failure,
    }),
  }
}
