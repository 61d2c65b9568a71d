// The HTTP API of one agent as the others call it: `GET /patroni`, a fresh look and then the real status document of the
// real node state, and `POST /failsafe`.

import type { OwnedNodeState } from '../../../src/agent/node-state.ts'
import type { FailsafePing } from '../../../src/model/cluster/failsafe.ts'
import { readFacts } from '../../../src/rest/documents/request-facts.ts'
import { statusDocument } from '../../../src/rest/documents/status-document.ts'
import type { OsProcess } from './os-process.ts'

/** As in src/rest/server.ts. */
const FRESH_BUDGET_MS = 1500
const FRESH_SHARED_MS = 1000

export class PatroniEndpoint {
  readonly #name: string
  readonly #process: OsProcess
  readonly #state: OwnedNodeState

  constructor(name: string, process: OsProcess, state: OwnedNodeState) {
    this.#name = name
    this.#process = process
    this.#state = state
  }

  /** A stopped process answers when it goes on, a dead one never. */
  patroni(reply: (text: string) => void): void {
    this.#process.deliver(() => void this.#answer(reply))
  }

  /** POST /failsafe: replies with the length of the promise, and with nothing where it refuses. */
  failsafe(ping: FailsafePing, reply: (text: string) => void): void {
    this.#process.deliver(() => {
      const isOn = this.#state.settings().failsafeMode
      const answer = isOn ? this.#state.acceptFailsafe(ping) : null
      reply(answer?.kind === 'accepted' ? String(answer.holdsMs) : '')
    })
  }

  async #answer(reply: (text: string) => void): Promise<void> {
    const { clock } = this.#process
    const askedAtMs = clock.bootMs()
    const looked = new AbortController()
    const looking = this.#state.fresh(FRESH_BUDGET_MS).finally(() => looked.abort('looked'))
    await Promise.race([looking, clock.sleep(FRESH_BUDGET_MS + 100, looked.signal)])
    const facts = readFacts(this.#state, this.#name, clock.bootMs(), askedAtMs - FRESH_SHARED_MS)
    reply(
      statusDocument(
        facts,
        { scope: 'demo', name: this.#name },
        { extra: this.#state.extra(), logger: this.#state.logger() },
      ),
    )
  }
}
