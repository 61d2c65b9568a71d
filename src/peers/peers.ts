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
import { type Call, type CallOutcome, callOnce } from '../system/http-call.ts'
import { failsafeBody } from '../wire/failsafe/call.ts'
import { readFailsafeAnswer } from './failsafe-answer.ts'
import { endpointUrl } from './member-client.ts'
import { credentialsFor, explained } from './password-rules.ts'
import { readPeerView } from './peer-view.ts'
import { type AgentTlsRules, readAgentTlsRules } from './tls-rules.ts'

interface PeersOptions {
  /** How members are called. Asked for each call: a reload changes it. */
  readonly calls: () => { readonly ctl: CtlConfig; readonly restapi: RestApiConfig }
  readonly clock: Clock
  readonly log: Log
}

const ANSWER_BYTES_MAX = 256 << 10
/** A status document has some kilobytes. */
const ANSWER_BYTES_MIN = 16 << 10
const ALL_ANSWERS_BYTES = 16 * ANSWER_BYTES_MAX

/**
 * All are asked at once, as a silent one must not take the turn of another; so of many each may answer less. Whoever writes
 * member keys does not fill the memory with answers.
 */
function answerBytes(asked: number): number {
  return Math.max(ANSWER_BYTES_MIN, Math.min(ANSWER_BYTES_MAX, Math.floor(ALL_ANSWERS_BYTES / asked)))
}

export function createPeers(options: PeersOptions): AgentPeers {
  const { clock, log } = options
  const call = caller(options)
  const tell = troubleTeller(log)
  return {
    async ask(members, timeoutMs) {
      const answerBytesMax = answerBytes(members.length)
      const answers = members.map(
        async member => [member.name, await askOne(member, timeoutMs, answerBytesMax)] as const,
      )
      return new Map(await Promise.all(answers))
    },
    async askFailsafe(members, ping, timeoutMs) {
      const body = failsafeBody(ping)
      const answerBytesMax = answerBytes(Object.keys(members).length)
      const answers = Object.entries(members).map(async ([name, apiUrl]) => {
        const atMs = clock.bootMs()
        const url = endpointUrl(apiUrl, '/failsafe')
        if (url === null) return [name, unseen(`"${apiUrl}" is not an http or https address`)] as const
        const answer = await call({ url, method: 'POST', body, timeoutMs, wantBody: true, answerBytesMax })
        return [name, readFailsafeAnswer(answer, atMs)] as const
      })
      return new Map(await Promise.all(answers))
    },
    async answers(apiUrl, timeoutMs) {
      const url = endpointUrl(apiUrl, '/liveness')
      if (url === null) return false
      // Any answer counts, whatever its certificate: nothing is told to it, and nothing that it says is believed.
      const tls = async () => ({ rejectUnauthorized: false, checkServerIdentity: () => undefined })
      const question = { url, method: 'GET', timeoutMs, wantBody: false, credentials: null, tls } as const
      return 'status' in (await callOnce(question))
    },
  }

  async function askOne(member: Member, timeoutMs: Millis, answerBytesMax: number): Promise<Seen<PeerView>> {
    const atMs = clock.bootMs()
    const url = endpointUrl(member.record.apiUrl ?? '', '/patroni')
    if (url === null) return unseen('its member key has no usable api_url')
    const answer = await call({ url, method: 'GET', timeoutMs, wantBody: true, answerBytesMax })
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
 * Sends with this node's password, where one is needed, and its certificates. If the disk hangs, the files read last are
 * used: an election goes on.
 */
function caller({
  calls,
  clock,
  log,
}: PeersOptions): (call: Omit<Call, 'credentials' | 'tls'>) => Promise<CallOutcome> {
  let last: AgentTlsRules | null = null
  const latest = async (): Promise<AgentTlsRules> => {
    const { ctl, restapi } = calls()
    const reading = readAgentTlsRules(ctl, restapi.tls?.certfile ?? null).then(rules => {
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
  let told: string | null = null
  return async call => {
    const { ctl, restapi } = calls()
    const rules = { ...ctl, credentials: ctl.credentials ?? restapi.credentials }
    const credentials = credentialsFor(call, rules)
    const tls = async () => {
      const { rules, unverified } = await latest()
      if (unverified !== null && unverified !== told && credentials !== null)
        log.warning(
          'the certificates of other members are not verified, so whoever is on the path to them can read the ' +
            `password of the REST API: ${unverified}`,
        )
      if (credentials !== null) told = unverified
      return rules
    }
    return explained(call, rules, await callOnce({ ...call, credentials, tls }))
  }
}
