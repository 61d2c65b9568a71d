// The node's state as the API's thread has it: what was published last, the lease's end as both threads see it at once, and
// what only the reader's clock can tell, that etcd or the agent itself was silent for too long.

import type { JsonObject } from '../../model/cluster/cluster.ts'
import { stepBoundMs } from '../../model/decision/step-in-progress.ts'
import type { Clock } from '../../ports/clock.ts'
import type { NodeReadings, NodeStatus } from '../../rest/node-view.ts'
import type { LeaseCell } from './lease-cell.ts'
import { clusterWithin } from './seen-cluster.ts'
import type { PublishedReadings } from './words.ts'

export class Mirror implements NodeReadings {
  readonly #lease: LeaseCell
  readonly #clock: Pick<Clock, 'bootMs'>
  #last: PublishedReadings
  /** The same object as long as nothing in it changes. */
  #standing: { readonly of: NodeStatus; readonly status: NodeStatus } | null = null

  constructor(first: PublishedReadings, lease: LeaseCell, clock: Pick<Clock, 'bootMs'>) {
    this.#last = first
    this.#lease = lease
    this.#clock = clock
  }

  take(changed: Partial<PublishedReadings>): void {
    this.#last = { ...this.#last, ...changed }
  }

  wantsDebug(): boolean {
    return this.#last.wantsDebug
  }

  settings() {
    return this.#last.settings
  }

  leaderLeaseUntilMs() {
    return this.#lease.leadsUntilMs()
  }

  status(): NodeStatus {
    const { status } = this.#last
    const stands = this.#standsStill()
    if (stands === null) return status
    if (this.#standing?.of !== status) this.#standing = { of: status, status: whileStanding(status, stands) }
    return this.#standing.status
  }

  cluster() {
    const { cluster, heardAtMs, settings } = this.#last
    return clusterWithin(cluster, this.#clock.bootMs() - heardAtMs, settings.ttlMs)
  }

  failsafe() {
    return this.#last.failsafe
  }

  extra(): JsonObject {
    const stands = this.#standsStill()
    return stands === null ? this.#last.extra : { ...this.#last.extra, unfit: `its agent ${stands}` }
  }

  logger() {
    return this.#last.logger
  }

  /** A predicate whose text does not change while it lasts; null: its event loop goes on. */
  #standsStill(): string | null {
    const boundMs = stepBoundMs(this.#last.settings)
    const silentMs = this.#clock.bootMs() - this.#lease.aliveAtMs()
    return silentMs < boundMs ? null : `has stood still for more than ${boundMs / 1000} s`
  }
}

function whileStanding(status: NodeStatus, stands: string): NodeStatus {
  const text = `the agent ${stands}: what it last saw is old, and its lease is not renewed`
  return { ...status, problem: { id: 'agent-hangs', text }, unfit: `its agent ${stands}` }
}
