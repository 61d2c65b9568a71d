// The resources of every step of the demo.

import type { Clock } from '../../ports/clock.ts'
import type { Account } from './account.ts'
import type { Layout } from './layout.ts'
import type { Servers } from './servers.ts'
import type { Watch } from './watch-cluster.ts'

export interface DemoOptions {
  readonly clock: Clock
  readonly say: (line: string) => void
  /** `process.execPath`, and `process.argv[1]`: the program that runs the nodes is this one. */
  readonly node: string
  readonly entry: string
  readonly keep: boolean
  /** Aborts the demo; everything is cleaned up then too. */
  readonly signal: AbortSignal
}

export interface Stage {
  readonly options: DemoOptions
  readonly layout: Layout
  readonly servers: Servers
  readonly watch: Watch
  readonly account: Account | null
  readonly program: { readonly node: string; readonly entry: string }
}
