// The Peers port over HTTP: asks other members how they are. All at once, each within the same deadline, no retry; what
// did not answer properly is unknown, with the reason.

import type { Member } from '../model/cluster.ts'
import type { CtlConfig, RestApiConfig } from '../model/config.ts'
import type { PeerView } from '../model/peer.ts'
import { type Seen, unseen } from '../model/seen.ts'
import type { MemberName, Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Peers } from '../ports/peers.ts'
import { apiAddress, endpointUrl } from './client.ts'
import { type Call, type CallOutcome, callOnce } from './http-call.ts'
import { readPeerView } from './peer-view.ts'
import { readTlsRules, type TlsRules } from './tls-rules.ts'

interface PeersOptions {
  /** How members are called. Asked for each call: a reload changes it. */
  readonly calls: () => { readonly ctl: CtlConfig; readonly restapi: RestApiConfig }
  readonly clock: Clock
  readonly log: Log
}

/** What the leader sends round when etcd is away; the sum of it all is `accepted` or not (spec/ha.md 5.2). */
interface FailsafeCall {
  readonly name: MemberName
  readonly conn_url: string
  readonly api_url: string
  readonly slots: Readonly<Record<string, bigint>>
}

type FailsafeReply =
  | { readonly kind: 'accepted'; readonly lsn: bigint | null }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unreachable'; readonly why: string }

interface HttpPeers extends Peers {
  /** POST /failsafe to each api_url of `members`, in parallel, once more within the deadline when nobody answered. */
  askFailsafe(
    members: Readonly<Record<MemberName, string>>,
    call: FailsafeCall,
    timeoutMs: Millis,
  ): Promise<ReadonlyMap<MemberName, FailsafeReply>>
}

export function createPeers(options: PeersOptions): HttpPeers {
  const { clock, log } = options
  const call = caller(options)
  const tell = troubleTeller(log)
  return {
    async ask(members, timeoutMs) {
      const answers = members.map(async member => [member.name, await askOne(member, timeoutMs)] as const)
      return new Map(await Promise.all(answers))
    },
    async answers(apiUrl, timeoutMs) {
      const url = endpointUrl(apiUrl, '/liveness')
      return url !== null && 'status' in (await call({ url, method: 'GET', timeoutMs, wantBody: false }))
    },
    async askFailsafe(members, ping, timeoutMs) {
      const body = failsafeBody(ping)
      const answers = Object.entries(members).map(
        async ([name, apiUrl]) => [name, await askFailsafeTwice(apiUrl, body, timeoutMs)] as const,
      )
      return new Map(await Promise.all(answers))
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

  async function askFailsafeTwice(apiUrl: string, body: string, timeoutMs: Millis): Promise<FailsafeReply> {
    const url = endpointUrl(apiUrl, '/failsafe')
    if (url === null) return { kind: 'unreachable', why: 'no usable api_url' }
    const deadlineMs = clock.bootMs() + timeoutMs
    const post = { url, method: 'POST', body, wantBody: true } as const
    const first = await call({ ...post, timeoutMs })
    const leftMs = deadlineMs - clock.bootMs()
    const answer = 'unreachable' in first && leftMs > 0 ? await call({ ...post, timeoutMs: leftMs }) : first
    if ('unreachable' in answer) return { kind: 'unreachable', why: answer.unreachable }
    if (answer.status !== 200 || answer.body !== 'Accepted') {
      return { kind: 'refused', why: `HTTP status ${answer.status}: ${answer.body.slice(0, 80)}` }
    }
    const { lsn } = answer.headers
    return { kind: 'accepted', lsn: typeof lsn === 'string' && /^\d{1,19}$/.test(lsn) ? BigInt(lsn) : null }
  }
}

/** A race asks every second: a member that does not answer is told of when the reason is new, and when it answers again. */
function troubleTeller(log: Log): (name: MemberName, url: string, why: string | null) => void {
  const told = new Map<MemberName, string>()
  return (name, url, why) => {
    if (why === null) {
      if (told.delete(name)) log.info(`${name} answers again: GET ${url}`)
      return
    }
    const text = `request failed to ${name}: GET ${url} (${why})`
    // A wait of another length is no other reason.
    const reason = text.replace(/\b\d+ ms\b/, '')
    if (told.get(name) === reason) log.debug(text)
    else log.warning(text)
    told.set(name, reason)
  }
}

/** Sends with this node's credentials and certificates. A disk that hangs must not stop an election: the last files do. */
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

function failsafeBody(ping: FailsafeCall): string {
  const slots = Object.entries(ping.slots).map(([slot, lsn]) => `${JSON.stringify(slot)}:${lsn}`)
  const { name, conn_url, api_url } = ping
  return `${JSON.stringify({ name, conn_url, api_url }).slice(0, -1)},"slots":{${slots.join(',')}}}`
}
