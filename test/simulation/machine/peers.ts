// The Peers port over the simulated network: what a member answers is made by the agent's own node state and status
// document, and read by the real reader.

import type { Member } from '../../../src/model/cluster/cluster.ts'
import type {
  FailsafeAcceptance,
  FailsafeMembers,
  FailsafePing,
} from '../../../src/model/cluster/failsafe.ts'
import type { PeerView } from '../../../src/model/cluster/peer.ts'
import { type Seen, seen, unseen } from '../../../src/model/seen.ts'
import type { MemberName, Millis } from '../../../src/model/units.ts'
import { readPeerView } from '../../../src/peers/peer-view.ts'
import type { AgentPeers } from '../../../src/ports/peers.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'
import type { PatroniEndpoint } from './rest.ts'

export class SimulatedPeers implements AgentPeers {
  readonly #machine: Machine
  readonly #process: OsProcess

  constructor(machine: Machine, process: OsProcess) {
    this.#machine = machine
    this.#process = process
  }

  async ask(members: readonly Member[], timeoutMs: Millis): Promise<ReadonlyMap<MemberName, Seen<PeerView>>> {
    const asked = members.map(async member => {
      const sentMs = this.#process.clock.bootMs()
      const body = await this.#call(hostOf(member.record.apiUrl ?? ''), timeoutMs, patroni)
      return [member.name, 'why' in body ? unseen(body.why) : readPeerView(body.text, sentMs)] as const
    })
    return new Map(await Promise.all(asked))
  }

  async answers(apiUrl: string, timeoutMs: Millis): Promise<boolean> {
    return !('why' in (await this.#call(hostOf(apiUrl), timeoutMs, patroni)))
  }

  async askFailsafe(
    members: FailsafeMembers,
    ping: FailsafePing,
    timeoutMs: Millis,
  ): Promise<ReadonlyMap<MemberName, Seen<FailsafeAcceptance>>> {
    const asked = Object.entries(members).map(async ([name, apiUrl]) => {
      const sentMs = this.#process.clock.bootMs()
      const answer = await this.#call(hostOf(apiUrl), timeoutMs, (rest, reply) => rest.failsafe(ping, reply))
      if ('why' in answer) return [name, unseen(answer.why)] as const
      // The text is the promise's length; empty: a refusal.
      const holdsMs = Number(answer.text)
      return [name, answer.text === '' ? unseen('HTTP status 500') : seen({ holdsMs }, sentMs)] as const
    })
    return new Map(await Promise.all(asked))
  }

  #call(
    host: string,
    timeoutMs: Millis,
    ask: (rest: PatroniEndpoint, reply: (text: string) => void) => void,
  ): Promise<{ readonly text: string } | { readonly why: string }> {
    const { world, name } = this.#machine
    return new Promise(resolve => {
      const timer = this.#process.after(timeoutMs, () => resolve({ why: `no answer within ${timeoutMs} ms` }))
      const reply = (answer: { readonly text: string } | { readonly why: string }): void =>
        world.network.send(host, name, () =>
          this.#process.deliver(() => {
            timer.cancel()
            resolve(answer)
          }),
        )
      world.network.send(name, host, () => {
        const target = world.machine(host)
        // A machine without power says nothing; one without an agent refuses at once.
        if (target === null || !target.up) return
        const rest = target.agent?.rest ?? null
        if (rest === null) reply({ why: 'connect ECONNREFUSED' })
        else ask(rest, text => reply({ text }))
      })
    })
  }
}

function patroni(rest: PatroniEndpoint, reply: (text: string) => void): void {
  rest.patroni(reply)
}

function hostOf(apiUrl: string): string {
  return /^http:\/\/([^:/]+)/.exec(apiUrl)?.[1] ?? ''
}
