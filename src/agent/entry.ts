// Taking part begins when the cluster was seen and nobody else runs under our name; then the HTTP API opens. Until then
// the rules see etcd as it is, and the orphaned fencer of a former run keeps guarding.

import type { Fencer } from '../ports/fencer.ts'
import type { Peers } from '../ports/peers.ts'
import type { Store } from '../ports/store.ts'
import type { RestServer } from '../rest/server.ts'
import { findNamesake } from './start-up.ts'

export interface EntryPorts {
  readonly name: string
  readonly store: Store
  readonly peers: Peers
  readonly rest: RestServer
  readonly fencer: Fencer
  readonly exit: (code: number, why: string) => void
}

export interface Entry {
  /** Before each beat until it succeeded once. */
  enter(): Promise<void>
}

const FIRST_READ_MS = 2500

export function createEntry({ name, store, peers, rest, fencer, exit }: EntryPorts): Entry {
  let entered = false
  return {
    async enter() {
      if (entered) return
      const view = await store.read(FIRST_READ_MS)
      if (!view.known) return
      const namesake = await findNamesake(view.value, name, peers)
      if (namesake !== null) return exit(1, namesake)
      try {
        await rest.start()
      } catch (error) {
        return exit(1, `the HTTP API cannot listen: ${error instanceof Error ? error.message : error}`)
      }
      entered = true
      fencer.notify('READY=1')
    },
  }
}
