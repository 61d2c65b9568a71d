// The Peers port over HTTP: asks other members how they are. All at once, each within the same deadline, no retry; what
// does not answer properly is unknown, with the reason.

import type { Member } from '../model/cluster/cluster.ts'
import type { PeerView } from '../model/cluster/peer.ts'
import { type Seen, unseen } from '../model/seen.ts'
import type { CtlConfig, RestApiConfig } from '../model/settings/config.ts'
import type { MemberName, Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { AgentPeers } from '../ports/peers.ts'
import { type Call, type CallOutcome, callOnce, type TlsRules } from '../system/http-call.ts'
import { failsafeBody } from '../wire/failsafe/call.ts'
import { readFailsafeAnswer } from './failsafe-answer.ts'
import { apiAddress, endpointUrl } from './member-client.ts'
import { readPeerView } from './peer-view.ts'
import { readTlsRules } from './tls-rules.ts'

interface PeersOptions {
  /** How members are called. Asked for each call: a reload changes it. */
  readonly calls: () => { readonly ctl: CtlConfig; readonly restapi: RestApiConfig }
  readonly clock: Clock
  readonly log: Log
}

export function createPeers(options: PeersOptions): AgentPeers {
  const { clock, log } = options
  const call = caller(options)
  const tell = troubleTeller(log)
  return {
    async ask(members, timeoutMs) {
      const answers = members.map(async member => [member.name, await askOne(member, timeoutMs)] as const)
      return new Map(await Promise.all(answers))
    },
    async askFailsafe(members, ping, timeoutMs) {
      const body = failsafeBody(ping)
      const answers = Object.entries(members).map(async ([name, apiUrl]) => {
        const atMs = clock.bootMs()
        const url = endpointUrl(apiUrl, '/failsafe')
        if (url === null) return [name, unseen(`"${apiUrl}" is not an http or https address`)] as const
        const answer = await call({ url, method: 'POST', body, timeoutMs, wantBody: true })
        return [name, readFailsafeAnswer(answer, atMs)] as const
      })
      return new Map(await Promise.all(answers))
    },
    async answers(apiUrl, timeoutMs) {
      const url = endpointUrl(apiUrl, '/liveness')
      return url !== null && 'status' in (await call({ url, method: 'GET', timeoutMs, wantBody: false }))
    },
  }

  async function askOne(member: Member, timeoutMs: Millis): Promise<Seen<PeerView>> {
    const atMs = clock.bootMs()
    const url = apiAddress(member.record.apiUrl ?? '')
    if (url === null) return unseen('its member key has no usable api_url')
    const answer = await call({ url, method: 'GET', timeoutMs, wantBody: true })
    tell(member.name, url.href, 'unreachable' in answer ? answer.unreachable : null)
    if ('unreachable' in answer) return unseen(answer.unreachable)
    log.debug(`got response from ${member.name} ${url.href}: ${answer.body.slice(0, 2000)}`)
    return answer.status === 200 ? readPeerView(answer.body, atMs) : unseen(`HTTP status ${answer.status}`)
  }
}

/** A race asks every second, so a silent member is logged only when the reason is new and when it answers again. */
function troubleTeller(log: Log): (name: MemberName, url: string, why: string | null) => void {
  const told = new Map<MemberName, string>()
  return (name, url, why) => {
    if (why === null) {
      if (told.delete(name)) log.info(`${name} answers again: GET ${url}`)
      return
    }
    const text = `request failed to ${name}: GET ${url} (${why})`
    // Waits of different lengths are the same reason.
    const reason = text.replace(/\b\d+ ms\b/, '')
    if (told.get(name) === reason) log.debug(text)
    else log.warning(text)
    told.set(name, reason)
  }
}

/**
 * Sends with this node's credentials and certificates. If the disk hangs, the files read last are used: an election
 * goes on.
 */
function caller({
  calls,
  clock,
}: PeersOptions): (call: Omit<Call, 'credentials' | 'tls'>) => Promise<CallOutcome> {
  let last: TlsRules | null = null
  const tls = async (): Promise<TlsRules> => {
    const { ctl, restapi } = calls()
    const restapiCafile = restapi.tls?.cafile ?? null
    const reading = readTlsRules({ ctl, restapiCafile, insecure: true }).then(rules => {
      last = rules
      return rules
    })
    if (last === null) return reading
    const known = last
    const stop = new AbortController()
    const impatient = clock.sleep(200, stop.signal).then(() => known)
    const rules = await Promise.race([reading.catch(() => known), impatient])
    stop.abort()
    return rules
  }
  return call => {
    const { ctl, restapi } = calls()
    return callOnce({ ...call, credentials: ctl.credentials ?? restapi.credentials, tls })
  }
}
