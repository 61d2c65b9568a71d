// A node takes part once it has seen the cluster and no other node runs under its name; then the HTTP API opens. Until
// then the rules see etcd as it is, and the orphaned fencer of an earlier run keeps guarding.

import { foreignHolder } from '../decide/lead/name-holder.ts'
import type { Self } from '../model/decision/snapshot.ts'
import { errorText } from '../model/error-text.ts'
import type { Fencer } from '../ports/fencer.ts'
import type { Peers } from '../ports/peers.ts'
import type { Store } from '../ports/store.ts'
import type { RestServer } from '../rest/server.ts'
import { findNamesake } from './start-up.ts'

interface EntryPorts {
  readonly self: () => Self
  readonly store: Store
  readonly peers: Peers
  readonly rest: RestServer
  readonly fencer: Fencer
  readonly exit: (code: number, why: string) => void
}

interface Entry {
  /**
   * Before each beat until it succeeded once. `name-held`: another node has the name, and nothing of this one is
   * written yet.
   */
  enter(): Promise<'entered' | 'not yet' | 'name-held'>
  hasEntered(): boolean
}

const FIRST_READ_MS = 2500

export function createEntry({ self, store, peers, rest, fencer, exit }: EntryPorts): Entry {
  let entered = false
  const leave = (why: string): 'not yet' => {
    exit(1, why)
    return 'not yet'
  }
  return {
    hasEntered: () => entered,
    async enter() {
      if (entered) return 'entered'
      const view = await store.read(FIRST_READ_MS)
      if (!view.known) return 'not yet'
      const namesake = await findNamesake(view.value, self().name, peers)
      if (namesake !== null) return leave(namesake)
      // That node is silent, but its lease lives: the rules wait for the end of the lease.
      if (foreignHolder(view.value, self()) !== null) return 'name-held'
      try {
        await rest.start()
      } catch (error) {
        return leave(`the HTTP API cannot listen: ${errorText(error)}`)
      }
      entered = true
      fencer.notify('READY=1')
      return 'entered'
    },
  }
}
