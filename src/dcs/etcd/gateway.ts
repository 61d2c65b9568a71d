// A read of the cluster over etcd's JSON gateway with nothing but node:http: commands that only look must start fast,
// and loading gRPC takes longer than their whole work. Imports nothing from etcd3.

import { readFile } from 'node:fs/promises'
import { formatAddress } from '../../model/address.ts'
import type { ClusterView } from '../../model/cluster/cluster.ts'
import { errorText } from '../../model/error-text.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { EtcdConfig, HostPort } from '../../model/settings/config.ts'
import { wordsOf } from '../../model/store-words.ts'
import type { Millis, Scope } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { callOnce, type TlsRules } from '../../system/http-call.ts'
import { clusterView } from '../../wire/cluster-view.ts'
import { type ExactJson, type ExactObject, isObject, parseExact } from '../../wire/exact-json.ts'
import { treatmentOf } from './call-errors.ts'
import { allRefuse, connectionFault, noAnswer, whatItDid } from './connection-fault.ts'
import { leaseIdOf, revisionOf } from './etcd-values.ts'
import { type KeySpace, keySpace, namespaceRange, SCOPE_KEYS_MAX, scopesOf } from './key-space.ts'
import { type Ask, type Found, type RangeQuestion, RECEIVE_BYTES_MAX, readScope } from './scope-read.ts'

export interface GatewayRead {
  readonly config: EtcdConfig
  readonly namespace: string
  readonly scope: Scope
  /** In total, over all endpoints. */
  readonly budgetMs: Millis
  readonly clock: Clock
}

/** In base64. */
const ANSWER_BYTES_MAX = 1.4 * RECEIVE_BYTES_MAX
const TRY_MS_MIN = 300
/** etcd can be run without it. */
const NO_GATEWAY = 'it has no JSON gateway'

/** `isFinal`: etcd would say the same if asked in another way. */
export type GatewayAnswer = Seen<ClusterView> & { readonly isFinal?: boolean }

/** Time for an etcd that is just being restarted. */
const REFUSED_MS = 1000

/**
 * One linearizable read of every key that counts. Never throws. Unknown with the endpoints' reasons; when every endpoint
 * refuses, it does not wait for the budget to end.
 */
export async function readClusterOverGateway(read: GatewayRead): Promise<GatewayAnswer> {
  const { config, budgetMs, clock } = read
  const keys = keySpace(read.namespace, read.scope)
  const startMs = clock.bootMs()
  const tls = await tlsOptions(config.tls).catch((error: Error) => error)
  if (tls instanceof Error) return refused(connectionFault(tls.message, '', config.tls) ?? tls.message)
  const { endpoints } = config
  const faults = new Map<string, string | null>()
  const said = new Map<string, string>()
  for (let tries = 0; ; tries++) {
    const leftMs = budgetMs - (clock.bootMs() - startMs)
    const endpoint = endpoints[tries % endpoints.length]
    if (leftMs < 5 || endpoint === undefined) {
      const told = allRefuse(faults, namesOf(endpoints).size)
      return told === null ? unseen(noAnswer(budgetMs, said)) : refused(told)
    }
    const ms = Math.min(leftMs, Math.max(TRY_MS_MIN, budgetMs / (2 * endpoints.length)))
    const sentMs = clock.bootMs()
    const leftOfTryMs = () => ms - (clock.bootMs() - sentMs)
    // Whatever is read after the first answer has the time that is left of all.
    const target = { endpoint, tls, leftMs: leftOfTryMs }
    const later = { endpoint, tls, leftMs: () => budgetMs - (clock.bootMs() - startMs) }
    const answer = await readAt(target, later, config, keys)
    if (answer.ok) return seen(answer.view, sentMs)
    const name = formatAddress(endpoint)
    // A try cut short by the end of the budget says less than an earlier full one.
    if (!said.has(name) || leftOfTryMs() >= 1 || ms >= TRY_MS_MIN)
      said.set(name, whatItDid(answer.why, name, config.tls))
    if (answer.final) return refused(`etcd at ${name}: ${answer.why}`)
    if (answer.why === NO_GATEWAY) return unseen(`etcd at ${name}: ${answer.why}`)
    faults.set(name, connectionFault(answer.why, name, config.tls))
    if (tries % endpoints.length !== endpoints.length - 1) continue
    const told = allRefuse(faults, namesOf(endpoints).size)
    if (
      told !== null &&
      (wordsOf('etcd').isConfigurationFault(told) || clock.bootMs() - startMs >= REFUSED_MS)
    )
      return refused(told)
    await clock.sleep(Math.min(told === null ? 50 : 200, leftMs))
  }
}

function namesOf(endpoints: readonly HostPort[]): ReadonlySet<string> {
  return new Set(endpoints.map(formatAddress))
}

function refused(why: string): GatewayAnswer {
  return { ...unseen(why), isFinal: true }
}

interface Target {
  readonly endpoint: HostPort
  readonly tls: TlsRules | null
  /** One deadline over everything that this endpoint is asked. */
  readonly leftMs: () => Millis
}

type Answer =
  | { readonly ok: true; readonly body: ExactObject }
  | { readonly ok: false; readonly why: string; readonly final: boolean }

/** Names of the clusters below `namespace`, from whichever endpoint answers first. Never throws. */
export async function scopesOverGateway(
  config: EtcdConfig,
  namespace: string,
  budgetMs: Millis,
  clock: Clock,
): Promise<Seen<readonly string[]>> {
  const range = namespaceRange(namespace)
  const atMs = clock.bootMs()
  const leftMs = () => budgetMs - (clock.bootMs() - atMs)
  try {
    const tls = await tlsOptions(config.tls)
    const asked = config.endpoints.map(async endpoint => {
      const target = { endpoint, tls, leftMs }
      const login = await tokenOf(target, config)
      if (!login.ok) throw new Error(login.why)
      const question = inBase64({ ...range, keys_only: true, limit: SCOPE_KEYS_MAX })
      const answer = await post(target, '/v3/kv/range', login.token, question)
      if (!answer.ok) throw new Error(answer.why)
      return answer.body
    })
    const { kvs } = await Promise.any(asked)
    const keys = (Array.isArray(kvs) ? kvs : []).flatMap(kv =>
      isObject(kv) && typeof kv.key === 'string' ? [Buffer.from(kv.key, 'base64')] : [],
    )
    return seen(scopesOf(namespace, keys), atMs)
  } catch {
    return unseen('etcd did not answer')
  }
}

type Refused = Extract<Answer, { readonly ok: false }>

async function readAt(
  target: Target,
  later: Target,
  config: EtcdConfig,
  keys: KeySpace,
): Promise<{ readonly ok: true; readonly view: ClusterView } | Refused> {
  const login = await tokenOf(target, config)
  if (!login.ok) return login
  let isFirst = true
  const ask: Ask<Found, Refused> = async questions => {
    const request = { success: questions.map(question => ({ request_range: inBase64(question) })) }
    const answer = await post(isFirst ? target : later, '/v3/kv/txn', login.token, request)
    isFirst = false
    return answer.ok ? foundIn(answer.body) : answer
  }
  const read = await readScope(keys, ask, null)
  if (!read.ok) return read
  return {
    ok: true,
    view: clusterView(read.entries, revisionOf(read.first.revision), 'read', null, read.unread),
  }
}

async function tokenOf(
  target: Target,
  { credentials }: EtcdConfig,
): Promise<{ readonly ok: true; readonly token: string | null } | Refused> {
  if (credentials === null) return { ok: true, token: null }
  const login = await post(target, '/v3/auth/authenticate', null, {
    name: credentials.username,
    password: credentials.password,
  })
  if (login.ok) return { ok: true, token: typeof login.body.token === 'string' ? login.body.token : null }
  return /authentication is not enabled/.test(login.why) ? { ok: true, token: null } : login
}

function inBase64({ key, range_end, ...rest }: RangeQuestion): object {
  const end = range_end === undefined ? {} : { range_end: range_end.toString('base64') }
  return { key: key.toString('base64'), ...end, ...rest }
}

async function post(target: Target, path: string, token: string | null, body: object): Promise<Answer> {
  const { endpoint, tls, leftMs } = target
  const url = `${tls === null ? 'http' : 'https'}://${formatAddress(endpoint)}${path}`
  if (!URL.canParse(url)) return { ok: false, why: `"${url}" is no address`, final: false }
  const answer = await callOnce({
    url: new URL(url),
    method: 'POST',
    body: JSON.stringify(body),
    credentials: token === null ? null : { token },
    timeoutMs: Math.ceil(leftMs()),
    tls: async () => tls ?? {},
    wantBody: true,
    answerBytesMax: ANSWER_BYTES_MAX,
  })
  if ('unreachable' in answer) return { ok: false, why: answer.unreachable, final: false }
  try {
    const value = parseExact(answer.body, ANSWER_BYTES_MAX)
    if (answer.status === 200 && isObject(value)) return { ok: true, body: value }
    return refusal(answer.status, isObject(value) ? value : {})
  } catch (error) {
    return { ok: false, why: errorText(error), final: false }
  }
}

// Error bodies differ between versions, and may be broken.
function refusal(status: number, body: ExactObject): Answer {
  if (status === 404) return { ok: false, why: NO_GATEWAY, final: false }
  const { message, error, code } = body
  const text = [message, error].find(item => typeof item === 'string') ?? `HTTP ${status}`
  const details = String(text).replace(/\s+/g, ' ').slice(0, 200)
  const treatment = treatmentOf({ code: typeof code === 'number' ? code : null, details })
  return { ok: false, why: details, final: treatment !== 'other-endpoint' && treatment !== 'retry-here' }
}

async function tlsOptions(tls: EtcdConfig['tls']): Promise<TlsRules | null> {
  if (tls === null) return null
  const { ca, cert, key } = tls
  const [caText, certText, keyText] = await Promise.all([
    ca === null ? null : readFile(ca),
    cert === null ? null : readFile(cert),
    cert === null ? null : readFile(key ?? cert),
  ])
  return {
    ...(caText === null ? {} : { ca: caText }),
    ...(certText === null ? {} : { cert: certText }),
    ...(keyText === null ? {} : { key: keyText }),
  }
}

// Fields with a default value are left out: an empty value has no `value`, a key without lease no `lease`.
function foundIn({ header, responses }: ExactObject): Found {
  const ranges = listIn(responses).map(each => {
    const range = isObject(each) && isObject(each.response_range) ? each.response_range : {}
    return { kvs: listIn(range.kvs).flatMap(keyIn), count: Number(range.count ?? 0) }
  })
  return { ok: true, revision: isObject(header) ? String(header.revision) : '0', ranges }
}

function listIn(value: ExactJson | undefined): readonly ExactJson[] {
  return Array.isArray(value) ? value : []
}

function keyIn(kv: ExactJson): Found['ranges'][number]['kvs'] {
  if (!isObject(kv) || typeof kv.key !== 'string') return []
  const text = typeof kv.value === 'string' ? Buffer.from(kv.value, 'base64').toString('utf8') : ''
  const leaseId = leaseIdOf(typeof kv.lease === 'string' ? kv.lease : undefined)
  const entry = { text, leaseId, modRevision: revisionOf(String(kv.mod_revision)) }
  return [{ key: Buffer.from(kv.key, 'base64'), entry }]
}
