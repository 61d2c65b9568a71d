// One HTTP request with one deadline over everything: name, connection, handshake, answer. No retry, no redirect, no
// pool; an answer that grows too large is no answer. node:https is loaded only when it is needed, commands start
// faster.

import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import type { ConnectionOptions } from 'node:tls'
import { bareHost } from '../model/address.ts'
import { errorText } from '../model/error-text.ts'
import type { Millis } from '../model/units.ts'
import { HACTL_VERSION } from '../model/versions.ts'

const ANSWER_BYTES_MAX = 4 * 1024 * 1024

export type TlsRules = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'rejectUnauthorized' | 'checkServerIdentity'
>

export interface Call {
  readonly url: URL
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'HEAD'
  /** Sent as JSON. */
  readonly body?: string
  readonly credentials:
    | { readonly username: string; readonly password: string }
    | { readonly token: string }
    | null
  readonly timeoutMs: Millis
  /** Asked for only with https. */
  readonly tls: () => Promise<TlsRules>
  /** false: the status alone is wanted. */
  readonly wantBody: boolean
  /** A larger answer is none; left out: 4 MiB. */
  readonly answerBytesMax?: number
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
}

export type CallOutcome = Answer | { readonly unreachable: string }

/** Never rejects; ends within `timeoutMs`. */
export async function callOnce(call: Call): Promise<CallOutcome> {
  const deadline = AbortSignal.timeout(Math.max(1, call.timeoutMs))
  const late = Promise.withResolvers<CallOutcome>()
  const onLate = (): void => late.resolve({ unreachable: `no answer within ${call.timeoutMs} ms` })
  deadline.addEventListener('abort', onLate, { once: true })
  // The race holds even where Node cannot be interrupted: a name server or a disk that hangs.
  return Promise.race([perform(call, deadline), late.promise])
}

async function perform(call: Call, deadline: AbortSignal): Promise<CallOutcome> {
  try {
    const request = await openRequest(call, deadline)
    const answered = Promise.withResolvers<IncomingMessage>()
    request.once('response', answered.resolve)
    request.once('error', answered.reject)
    request.end(call.body)
    const response = await answered.promise
    try {
      const body = call.wantBody ? await readAnswer(response, call.answerBytesMax ?? ANSWER_BYTES_MAX) : ''
      return { status: response.statusCode ?? 0, headers: response.headers, body }
    } finally {
      // After the answer, a late reset of the connection does not matter.
      request.on('error', () => {})
      request.destroy()
    }
  } catch (error) {
    return { unreachable: deadline.aborted ? `no answer within ${call.timeoutMs} ms` : reason(error) }
  }
}

async function openRequest(call: Call, signal: AbortSignal): Promise<ClientRequest> {
  const { url } = call
  const options: RequestOptions = {
    method: call.method,
    host: bareHost(url.hostname),
    path: `${url.pathname}${url.search}`,
    headers: headers(call),
    agent: false,
    signal,
    maxHeaderSize: 64 * 1024,
  }
  if (url.protocol === 'http:')
    return httpRequest({ ...options, port: url.port === '' ? 80 : Number(url.port) })
  const [{ request: httpsRequest }, rules] = await Promise.all([import('node:https'), call.tls()])
  signal.throwIfAborted()
  return httpsRequest({ ...options, ...rules, port: url.port === '' ? 443 : Number(url.port) })
}

function headers(call: Call): Record<string, string> {
  const { body, url } = call
  const authorization = authorizationOf(call.credentials)
  return {
    Host: url.host,
    'User-Agent': `hactl/${HACTL_VERSION}`,
    Accept: 'application/json',
    Connection: 'close',
    ...(authorization === null ? {} : { Authorization: authorization }),
    ...(body === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
  }
}

function authorizationOf(credentials: Call['credentials']): string | null {
  if (credentials === null) return null
  if ('token' in credentials) return credentials.token
  const { username, password } = credentials
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

async function readAnswer(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    if (bytes > bytesMax) throw new Error(`the answer is larger than ${bytesMax} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The error in words; if several addresses were tried, that of the first one. */
function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0])
  return errorText(error)
}
